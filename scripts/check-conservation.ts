/**
 * Checks at one block that tokens came and went only as they may, from the RPC endpoint alone:
 *
 *     node scripts/check-conservation.ts --rpc URL --deployment FILE [--block NUMBER] [--json]
 *
 * Everything is computed again from the chain's events, with this program's own idea of the schedule and of the
 * contracts: it shares no code with the nodes. Ends with 1 when an invariant is violated, with 2 when the chain
 * cannot be read.
 */
import { parseArgs } from 'node:util'
import { formatEther } from 'viem'
import { type Books, keepBooks, sum } from './conservation/books.ts'
import { readContracts } from './conservation/contracts.ts'
import {
  burnedOf,
  emptiedOf,
  INVARIANTS,
  NOT_VISIBLE,
  netOf,
  postedOf,
  scheduledOf,
  spentOf,
} from './conservation/invariants.ts'
import { type Reading, readChain } from './conservation/reading.ts'

const USAGE =
  'usage: node scripts/check-conservation.ts --rpc URL --deployment FILE [--block NUMBER] [--json]'

function figuresOf(books: Books, { block, state }: Reading) {
  const { epochs, burns, claims, escrow } = books
  const held = (name: 'io' | 'iosd', heldWei: bigint) => ({
    depositedWei: escrow[name].deposited,
    withdrawnWei: escrow[name].withdrawn,
    debitedWei: escrow[name].debited,
    heldWei,
  })
  return {
    block: Number(block.number),
    blockHash: block.hash,
    epochsSettled: epochs.length,
    epochsEmptied: emptiedOf(epochs),
    genesisWei: state.genesis,
    scheduledMintedWei: scheduledOf(epochs),
    netEmissionMintedWei: netOf(epochs),
    burnedWei: burnedOf(burns),
    totalSupplyWei: state.ioSupply,
    iosdMintedWei: sum(burns.map(burn => burn.iosd)),
    iosdSpentWei: spentOf(epochs),
    iosdSupplyWei: state.iosdSupply,
    rewardsPostedWei: postedOf(epochs),
    rewardsClaimedWei: sum(claims.map(claim => claim.amount)),
    reserveWei: state.reserve,
    escrow: { io: held('io', state.heldIo), iosd: held('iosd', state.heldIosd) },
  }
}

type Outcome = ReturnType<typeof outcomesOf>[number]

function outcomesOf(books: Books, reading: Reading) {
  return INVARIANTS.map(({ number, name, says, check }) => {
    const violations = check(books, reading)
    return { number, name, says, result: violations.length === 0 ? 'ok' : 'violated', violations }
  })
}

function printTable(figures: ReturnType<typeof figuresOf>, outcomes: readonly Outcome[]): void {
  const { escrow, ...plain } = figures
  for (const [key, value] of Object.entries(plain))
    console.log(`${key.padEnd(22)} ${typeof value === 'bigint' ? formatEther(value) : value}`)
  for (const [asset, book] of Object.entries(escrow)) {
    for (const [key, value] of Object.entries(book))
      console.log(`${`escrow ${asset} ${key}`.padEnd(22)} ${formatEther(value)}`)
  }
  console.log('')
  for (const { number, name, says, result, violations } of outcomes) {
    console.log(`${result.padEnd(8)} ${String(number).padStart(2)} ${name.padEnd(19)} ${says}`)
    for (const violation of violations) console.log(`            ${violation}`)
  }
  for (const text of NOT_VISIBLE) console.log(`not seen ${text}`)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rpc: { type: 'string' },
      deployment: { type: 'string' },
      block: { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  if (values.rpc === undefined || values.deployment === undefined) throw new Error(USAGE)
  if (values.block !== undefined && !/^\d{1,15}$/.test(values.block)) throw new Error(USAGE)
  const block = values.block === undefined ? undefined : BigInt(values.block)
  const reading = await readChain(values.rpc, readContracts(values.deployment), block)
  const books = keepBooks(reading)
  const figures = figuresOf(books, reading)
  const invariants = outcomesOf(books, reading)
  const conservation = invariants.every(({ result }) => result === 'ok') ? 'ok' : 'violated'
  if (values.json === true) {
    const document = { ...figures, conservation, invariants, notVisible: NOT_VISIBLE }
    console.log(
      JSON.stringify(document, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
    )
  } else printTable(figures, invariants)
  return conservation === 'ok' ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  console.error(`check-conservation: ${line}`)
  process.exitCode = 2
}
