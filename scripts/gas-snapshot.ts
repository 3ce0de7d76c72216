/**
 * Measures what the transactions of oracle nodes, aggregators and relayers cost, and writes contracts/gas-snapshot.json:
 * gas of whole transactions, compiled contracts, a local chain.
 *
 *     npm run gas               writes
 *     npm run gas -- --check    writes nothing, exits 1 when a number differs
 *
 * Where there is no binary of the chain (another platform), says so and succeeds.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAnvil } from '../test/support/chain/anvil.ts'
import { GasChain } from '../test/support/chain/gas-chain.ts'

const ROOT = join(import.meta.dirname, '..')
const FILE = join(ROOT, 'contracts', 'gas-snapshot.json')
const SIZES = [4, 7, 21]
/** Of a transaction whose calldata differs each time, the median counts: a byte that happens to be zero is cheaper. */
const REPETITIONS = 9

type Snapshot = Record<string, number>

if (!existsSync(join(ROOT, 'node_modules', '.bin', 'anvil'))) {
  console.log('gas snapshot skipped: no anvil binary here (install foundry to check it)')
} else {
  const text = `${JSON.stringify(await measure(), null, 2)}\n`
  if (!process.argv.includes('--check')) writeFileSync(FILE, text)
  else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== text) {
    console.error(`contracts/gas-snapshot.json differs from what the contracts cost:\n${text}`)
    process.exitCode = 1
  }
}

async function measure(): Promise<Snapshot> {
  const anvil = await startAnvil()
  try {
    const snapshot: Snapshot = {}
    for (const [index, n] of SIZES.entries()) {
      const chain = await GasChain.deploy(anvil.rpcUrl, n, index)
      if (index === 0) Object.assign(snapshot, await measureOnce(chain))
      Object.assign(snapshot, await measureOfSize(chain, n))
    }
    return snapshot
  } finally {
    await anvil.stop()
  }
}

/** What costs the same whatever the number of members. */
async function measureOnce(chain: GasChain): Promise<Snapshot> {
  await chain.update()
  await chain.update()
  const update = await medianOf(() => chain.update())
  await chain.fundEscrow()
  await chain.settle()
  const settle = await chain.settle()
  await chain.rotate()
  await chain.update()
  return { update, updateWithPreviousKey: await medianOf(() => chain.updateWithPreviousKey()), settle }
}

async function measureOfSize(chain: GasChain, n: number): Promise<Snapshot> {
  await chain.update()
  await chain.update()
  const updateWithQuorum = await medianOf(() => chain.updateWithQuorum())
  // The first rotation writes where there was nothing.
  await chain.rotate()
  const rotateGroupKey = await chain.rotate()
  const proposeMembers = await chain.proposeMembers()
  const rotateToPendingMembers = await chain.rotate()
  const figures = { updateWithQuorum, rotateGroupKey, proposeMembers, rotateToPendingMembers }
  return Object.fromEntries(Object.entries(figures).map(([name, gas]) => [`${name}, n = ${n}`, gas]))
}

async function medianOf(run: () => Promise<number>): Promise<number> {
  const costs: number[] = []
  for (let i = 0; i < REPETITIONS; i++) costs.push(await run())
  return costs.toSorted((a, b) => a - b)[(REPETITIONS - 1) / 2] ?? 0
}
