/** `sourcesRoot`: binds a quote to the venue values it was made from. */
import { type Hex, hexOf } from '../bytes.ts'
import { HASH_BYTES, hashTo } from '../keccak.ts'
import { flatMerkleTree } from '../merkle.ts'
import { setWord, WORD_BYTES } from '../usage/wire.ts'
import type { LegOutcome, SourceOutcome, VenueValue } from './types.ts'

/** −2^255: what was not said. No price that passed the screen comes near it. */
const ABSENT = -(2n ** 255n)
/** Two places of texts and five numbers. */
const HEAD_WORDS = 7

const utf8 = new TextEncoder()
/** What a leaf's value is encoded into; grows to the longest one. One for all: nothing here waits or calls back. */
let row = new DataView(new ArrayBuffer(16 * WORD_BYTES))

/** Double-hashed leaf of one value; the layout is in the README. */
export function sourceLeaf(value: VenueValue): Hex {
  const leaf = new Uint8Array(HASH_BYTES)
  writeLeaf(leaf, 0, value)
  return hexOf(leaf)
}

/** By hand, because every quote waits for it: a general ABI encoder takes ten times as long as the hash. */
function writeLeaf(leaves: Uint8Array, at: number, value: VenueValue): void {
  const [venue, pair] = [utf8.encode(value.venue), utf8.encode(value.pair)]
  const pairAt = HEAD_WORDS + 1 + wordsOf(venue)
  const length = (pairAt + 1 + wordsOf(pair)) * WORD_BYTES
  if (row.byteLength < length) row = new DataView(new ArrayBuffer(length))
  setWord(row, 0, BigInt(HEAD_WORDS * WORD_BYTES))
  setWord(row, 1, BigInt(pairAt * WORD_BYTES))
  setSigned(2, value.bid)
  setSigned(3, value.ask)
  setSigned(4, value.last)
  setSigned(5, value.exchangeTimeMs === null ? null : BigInt(value.exchangeTimeMs))
  setWord(row, 6, BigInt(value.receivedAtMs))
  setText(HEAD_WORDS, venue)
  setText(pairAt, pair)
  const bytes = new Uint8Array(row.buffer)
  hashTo(leaves, at, bytes, 0, length)
  hashTo(leaves, at, leaves, at, HASH_BYTES)
}

function wordsOf(text: Uint8Array): number {
  return Math.ceil(text.length / WORD_BYTES)
}

/** Two's complement. @throws {RangeError} when it does not fit 256 bits */
function setSigned(index: number, value: bigint | null): void {
  const said = value ?? ABSENT
  if (BigInt.asIntN(256, said) !== said) throw new RangeError(`${said} does not fit an int256`)
  setWord(row, index, BigInt.asUintN(256, said))
}

/** The length, then the bytes, filled up with zeros. */
function setText(index: number, text: Uint8Array): void {
  setWord(row, index, BigInt(text.length))
  const bytes = new Uint8Array(row.buffer, (index + 1) * WORD_BYTES, wordsOf(text) * WORD_BYTES)
  bytes.fill(0)
  bytes.set(text)
}

/** The values that took part in the medians: the kept ones, and those out of band, which hold a place in the order. */
export function committedValues(outcome: SourceOutcome): VenueValue[] {
  return outcome.legs.flatMap(valuesOfLeg)
}

function valuesOfLeg({ kept, dropped }: LegOutcome): VenueValue[] {
  const outside = dropped.filter(({ reason }) => reason === 'OUT_OF_BAND')
  return [...kept, ...outside].map(({ input }) => input)
}

/** Merkle root over {@link committedValues}; the same in any order. */
export function sourcesRoot(outcome: SourceOutcome): Hex {
  const values = committedValues(outcome)
  const leaves = new Uint8Array(values.length * HASH_BYTES)
  for (const [index, value] of values.entries()) writeLeaf(leaves, index * HASH_BYTES, value)
  return flatMerkleTree(leaves).root
}
