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
import { SettleChain } from '../bench/settle/settle-chain.ts'
import { Suppliers } from '../bench/settle/suppliers.ts'
import { startAnvil } from '../test/support/chain/anvil.ts'
import { GasChain } from '../test/support/chain/gas-chain.ts'

const ROOT = join(import.meta.dirname, '..')
const FILE = join(ROOT, 'contracts', 'gas-snapshot.json')
const SIZES = [4, 7, 21]
/** Of a transaction whose calldata differs each time, the median counts: a byte that happens to be zero is cheaper. */
const REPETITIONS = 9
/** Leaves of the tree that is claimed from: each doubling costs a claim some 800 gas. */
const SUPPLIERS = 1_000
const DISPUTE_SEC = 600

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
    return { ...snapshot, ...(await measureSettlement()) }
  } finally {
    await anvil.stop()
  }
}

/** What costs the same whatever the number of members. */
async function measureOnce(chain: GasChain): Promise<Snapshot> {
  await chain.update()
  await chain.update()
  const update = await medianOf(() => chain.update())
  await chain.rotate()
  await chain.update()
  return { update, updateWithPreviousKey: await medianOf(() => chain.updateWithPreviousKey()) }
}

/** Of the third epoch: the first ones write where there was nothing. */
async function measureSettlement(): Promise<Snapshot> {
  const suppliers = new Suppliers(SUPPLIERS)
  const chain = await SettleChain.start({ disputeSec: DISPUTE_SEC, snapshot: 'fixed' })
  try {
    await chain.settle(suppliers.after(1))
    await chain.activate()
    const second = suppliers.after(2)
    await chain.settle(second)
    await chain.activate()
    // The first claim of all writes a total where there was none.
    await chain.claim(second.prove(0))
    const claimFirst = await chain.claim(second.prove(1))
    const third = suppliers.after(3)
    const settle = await chain.settle(third)
    const activate = await chain.activate()
    const claimLater = await chain.claim(third.prove(1))
    return { settle, settleAtOnce: await settleAtOnce(suppliers), activate, claimFirst, claimLater }
  } finally {
    await chain.stop()
  }
}

/** Likewise where there is no time to dispute. */
async function settleAtOnce(suppliers: Suppliers): Promise<number> {
  const chain = await SettleChain.start({ disputeSec: 0, snapshot: 'fixed' })
  try {
    await chain.settle(suppliers.after(1))
    await chain.settle(suppliers.after(2))
    return await chain.settle(suppliers.after(3))
  } finally {
    await chain.stop()
  }
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
