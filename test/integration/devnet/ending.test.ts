import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createTestClient, http, parseEther, publicActions, walletActions } from 'viem'
import { withServedChain } from '../../../devnet/chain-server.ts'
import { endRun } from '../../../devnet/ending.ts'
import type { ChainSnapshot, DevnetSummary } from '../../../devnet/summary.ts'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { type Logger, silentLogger } from '../../../runtime/logger.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'

const RECEIVER = `0x${'be'.repeat(20)}` as const
const INTERVAL_SEC = 3_600
const SUMMARY = { epochsSettled: 7 } as unknown as DevnetSummary
const gone = Promise.resolve()
const never = new Promise<never>(() => {})

function connect(rpcUrl: string) {
  const transport = http(rpcUrl, { retryCount: 0 })
  return createTestClient({ mode: 'anvil', account: fundedAccount(0), transport, cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions)
}

describe('the end of a local network', () => {
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let dir: string
  let warnings: string[]

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-ending-'))
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    // As the local network does: blocks by time, so that something is pending.
    await client.setIntervalMining({ interval: INTERVAL_SEC })
    warnings = []
  })
  afterEach(async () => {
    await anvil.stop()
    rmSync(dir, { recursive: true })
  })

  const logger: Logger = { ...silentLogger, warn: sentence => warnings.push(sentence) }
  /** @param snapshot called when the chain is read */
  const end = (
    options: { beganAt?: number; clock?: Clock; nodesGone?: Promise<unknown> },
    snapshot = async (): Promise<void> => {},
  ) => {
    const { beganAt = systemClock.monotonic(), clock = systemClock, nodesGone = gone } = options
    return endRun({ rpcUrl: anvil.rpcUrl, dir, beganAt }, nodesGone, {
      clock,
      logger,
      chain: {
        snapshot: async () => {
          await snapshot()
          return {} as ChainSnapshot
        },
      },
      observer: { summarize: () => SUMMARY },
    })
  }
  const send = () => client.sendTransaction({ to: RECEIVER, value: parseEther('1'), chain: null })

  /** Null when blocks do not come by time. */
  const intervalOf = (): Promise<unknown> =>
    client.request<{ Method: string; Parameters: []; ReturnType: unknown }>({
      method: 'anvil_getIntervalMining',
      params: [],
    })

  it('includes what is pending before the chain is read, and makes no block afterwards', async () => {
    expect(await intervalOf()).to.equal(INTERVAL_SEC)
    const hashes = [await send(), await send()]
    let readAt = 0n
    const summary = await end({}, async () => {
      readAt = await client.getBlockNumber()
      expect(await client.getBalance({ address: RECEIVER })).to.equal(parseEther('2'))
    })
    expect(summary).to.equal(SUMMARY)
    expect(warnings).to.deep.equal([])
    for (const hash of hashes)
      expect((await client.getTransactionReceipt({ hash })).blockNumber <= readAt).to.equal(true)
    await send()
    expect(await client.getBlockNumber()).to.equal(readAt)
    expect(await intervalOf()).to.equal(null)
  })

  it('saves the chain as it was summed up: blocks, transactions, receipts and state', async () => {
    const hash = await send()
    await end({})
    const block = await client.getBlock({ includeTransactions: true })
    const receipt = await client.getTransactionReceipt({ hash })
    const first = await client.getBlock({ blockNumber: 0n })
    const deps = { clock: systemClock, logger: silentLogger, env: process.env }
    await withServedChain(dir, deps, async rpcUrl => {
      const served = connect(rpcUrl)
      expect(await served.getBlock({ includeTransactions: true })).to.deep.equal(block)
      expect(await served.getTransactionReceipt({ hash })).to.deep.equal(receipt)
      expect((await served.getBlock({ blockNumber: 0n })).hash).to.equal(first.hash)
      expect(await served.getBalance({ address: RECEIVER })).to.equal(parseEther('1'))
      // Nothing is added to it.
      await served.sendTransaction({ to: RECEIVER, value: 1n, chain: null })
      expect(await served.getBlockNumber()).to.equal(block.number)
    })
  })

  it('does not wait for nodes that hang', async () => {
    // Almost all of their time is over already.
    const beganAt = systemClock.monotonic() - 2_600
    expect(await end({ beganAt, nodesGone: never })).to.equal(SUMMARY)
    expect(warnings).to.deep.equal(['nodes are still stopping when the summary is made'])
    expect(readdirSync(dir)).to.deep.equal(['chain.json.gz'])
  })

  it('gives up saving when time is over, and never the summary', async () => {
    let nowMs = 0
    const clock: Clock = {
      ...systemClock,
      monotonic: () => nowMs,
      sleep: (ms, signal) => (ms > 0 ? systemClock.sleep(60_000, signal) : Promise.resolve()),
    }
    const summary = await end({ clock, beganAt: 0 }, async () => {
      nowMs = 4_600
    })
    expect(summary).to.equal(SUMMARY)
    expect(warnings).to.deep.equal(['the chain is not saved'])
    expect(readdirSync(dir)).to.deep.equal([])
  })

  it('says that there is no summary when the chain is gone', async () => {
    await anvil.stop()
    const summary = await end({}, async () => {
      await client.getBlockNumber()
    })
    expect(summary).to.equal(undefined)
    expect(warnings).to.deep.equal([
      'the chain does not stand still',
      'no summary could be made',
      'the chain is not saved',
    ])
  })
})
