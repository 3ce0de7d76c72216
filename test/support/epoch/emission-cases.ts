/**
 * Cases for the arithmetic of an epoch and of a burn that follow from their number, the same as in
 * contracts/test/support/EmissionCases.sol: every input is drawn from keccak256(seed, case, input), and its four highest
 * bits choose whether it is an edge.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bigintToBytes, bytesToBigint, type Hex, hexOf } from '../../../protocol/bytes.ts'
import {
  curveAt,
  type EmissionTerms,
  MAINNET_EMISSION,
  netCapOf,
  poolOf,
  scheduledBy,
  YEAR_SEC,
} from '../../../protocol/epoch/emission.ts'
import { ioForIosd, iosdForIo, MAX_PRICE, ONE, type Price, type Wei } from '../../../protocol/units.ts'

/** What is asked, in the order in which it is drawn and hashed. */
export interface EmissionCase {
  readonly epochLengthSec: bigint
  readonly launchEmission: bigint
  readonly halvingPeriodSec: bigint
  readonly yearlyNetCap: bigint
  readonly genesis: bigint
  readonly elapsedSec: bigint
  readonly burned: bigint
  readonly reserve: bigint
  readonly price: bigint
  readonly ioIn: bigint
  readonly iosdOut: bigint
}

/** What is answered, in the order in which it is hashed. */
export interface EmissionAnswer {
  readonly curve: bigint
  readonly scheduledUntil: bigint
  readonly epoch: bigint
  readonly scheduled: bigint
  readonly cap: bigint
  readonly net: bigint
  readonly released: bigint
  readonly pool: bigint
  readonly iosdOut: bigint
  readonly ioIn: bigint
}

export const CASES_PER_BLOCK = 1_000
const BLOCKS = 100
/** Cases that the file holds in clear, to see what differs where a hash does. */
const SHOWN_CASES = 5

const { maxSupply, periodSec } = MAINNET_EMISSION
/** Where mainnet's curve meets the maximum: (22.3 − 21)/1.5 of the fourth period. */
const MAXIMUM_SEC = 3n * periodSec + (periodSec * 13n) / 15n
const SEED = keccak_256(new TextEncoder().encode('emission and exchange'))
const widest = (bits: bigint): bigint => (1n << bits) - 1n

function wordOf(number: number, input: number): bigint {
  const bytes = new Uint8Array(96)
  bytes.set(SEED)
  const view = new DataView(bytes.buffer)
  view.setUint32(60, number)
  view.setUint32(92, input)
  return bytesToBigint(keccak_256(bytes))
}

const pickOf = (word: bigint): number => Number(word >> 252n)
/** Below 2^bits, of any width. */
const sized = (word: bigint, bits: bigint): bigint => word & widest((word >> 240n) % (bits + 1n))
/** One below, at, or one above. */
const around = (value: bigint, word: bigint): bigint => {
  const above = value + (word % 3n)
  return above === 0n ? 0n : above - 1n
}
const atLeastOne = (value: bigint): bigint => (value === 0n ? 1n : value)

function epochLength(word: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 4) return 60n
  if (pick < 8) return 3_600n
  return pick < 9 ? 1n : 1n + (word % 3_600n)
}

function amount96(word: bigint, mainnet: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 6) return mainnet
  return { 6: 0n, 7: 1n, 8: widest(96n) }[pick] ?? sized(word, 96n)
}

function halvingPeriod(word: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 6) return periodSec
  return { 6: 1n, 7: widest(40n) }[pick] ?? atLeastOne(sized(word, 40n))
}

function genesisOf(word: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 5) return 0n
  return { 5: maxSupply, 6: maxSupply - 1n, 7: 1n }[pick] ?? sized(word, 85n) % (maxSupply + 1n)
}

function elapsedOf(word: bigint, lengthSec: bigint, halvingSec: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 4) return around(((word >> 8n) % 100n) * halvingSec, word)
  if (pick < 6) return around(MAXIMUM_SEC, word)
  if (pick === 6) return around(((word >> 8n) % 10n) * YEAR_SEC, word)
  if (pick === 7) return 0n
  // The last epoch whose number is exact here.
  if (pick === 8) return lengthSec * widest(53n)
  if (pick < 12) return word % (10n * YEAR_SEC)
  return pick < 14 ? word % (50n * YEAR_SEC) : sized(word, 53n)
}

function amount128(word: bigint): bigint {
  return { 4: 0n, 5: 1n, 6: widest(128n), 7: maxSupply }[pickOf(word)] ?? sized(word, 128n)
}

function priceOf(word: bigint): bigint {
  const pick = pickOf(word)
  if (pick < 3) return around(ONE, word)
  return { 3: 1n, 4: MAX_PRICE }[pick] ?? atLeastOne(sized(word, 80n))
}

/** Around an edge, or any amount. */
function nearOr(word: bigint, edge: (factor: bigint) => bigint): bigint {
  return pickOf(word) < 4 ? around(edge((word >> 8n) % 1_000n), word) : amount128(word)
}

export function emissionTermsOf(
  asked: Omit<EmissionCase, 'burned' | 'reserve' | 'price' | 'ioIn' | 'iosdOut'>,
): EmissionTerms {
  return {
    maxSupply,
    genesis: asked.genesis,
    firstPeriod: asked.launchEmission,
    periodSec: asked.halvingPeriodSec,
    netPerYear: asked.yearlyNetCap,
    epochLengthSec: asked.epochLengthSec,
  }
}

export function emissionCase(number: number): EmissionCase {
  const word = (input: number): bigint => wordOf(number, input)
  const epochLengthSec = epochLength(word(0))
  const halvingPeriodSec = halvingPeriod(word(2))
  const terms = {
    epochLengthSec,
    launchEmission: amount96(word(1), MAINNET_EMISSION.firstPeriod),
    halvingPeriodSec,
    yearlyNetCap: amount96(word(3), MAINNET_EMISSION.netPerYear),
    genesis: genesisOf(word(4)),
    elapsedSec: elapsedOf(word(5), epochLengthSec, halvingPeriodSec),
  }
  const cap = netCapOf(emissionTermsOf(terms), Number(terms.elapsedSec / epochLengthSec))
  const price = priceOf(word(8))
  return {
    ...terms,
    burned: pickOf(word(6)) < 4 ? around(cap, word(6)) : amount128(word(6)),
    reserve: nearOr(word(7), factor => factor * (YEAR_SEC / epochLengthSec)),
    price,
    ioIn: nearOr(word(9), factor => ioForIosd(factor as Wei, price as Price)),
    iosdOut: nearOr(word(10), factor => iosdForIo(factor as Wei, price as Price)),
  }
}

export function emissionAnswer(asked: EmissionCase): EmissionAnswer {
  const terms = emissionTermsOf(asked)
  const epoch = Number(asked.elapsedSec / asked.epochLengthSec)
  const { scheduled, net, released, total } = poolOf(terms, epoch, asked.burned, asked.reserve)
  return {
    curve: curveAt(terms, asked.elapsedSec),
    scheduledUntil: scheduledBy(terms, asked.elapsedSec),
    epoch: BigInt(epoch),
    scheduled,
    cap: netCapOf(terms, epoch),
    net,
    released,
    pool: total,
    iosdOut: iosdForIo(asked.ioIn as Wei, asked.price as Price),
    ioIn: ioForIosd(asked.iosdOut as Wei, asked.price as Price),
  }
}

/** One hash over a block of cases and their answers. */
export function emissionBlock(index: number): Hex {
  let folded = bigintToBytes(BigInt(index), 32)
  for (let number = index * CASES_PER_BLOCK; number < (index + 1) * CASES_PER_BLOCK; number++) {
    const asked = emissionCase(number)
    const words = [...Object.values(asked), ...Object.values(emissionAnswer(asked))] as bigint[]
    const bytes = new Uint8Array(32 * (words.length + 1))
    bytes.set(folded)
    for (const [place, word] of words.entries()) bytes.set(bigintToBytes(word, 32), 32 * (place + 1))
    folded = keccak_256(bytes)
  }
  return hexOf(folded)
}

const textOf = (words: object): string[] => Object.values(words).map(word => `${word}`)

/** The text of contracts/test/vectors/emission.json. Numbers are decimal. */
export function renderEmissionVectors(): string {
  const shown = Array.from({ length: SHOWN_CASES }, (_, number) => emissionCase(number))
  const content = {
    casesPerBlock: CASES_PER_BLOCK,
    inputs: shown.flatMap(textOf),
    answers: shown.flatMap(asked => textOf(emissionAnswer(asked))),
    blocks: Array.from({ length: BLOCKS }, (_, index) => emissionBlock(index)),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}
