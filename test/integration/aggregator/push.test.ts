import { expect } from 'chai'
import { createTestClient, http, publicActions, type TransactionReceipt, walletActions } from 'viem'
import type { PushRules } from '../../../aggregator/push/policy.ts'
import { Pusher, type PushOutcome } from '../../../aggregator/push/pusher.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { contractSignature, readLatestReport, updateCall } from '../../../chain/price-feed.ts'
import { createTransactor, type Transactor } from '../../../chain/transactor.ts'
import type { Address } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { distanceBps, type Price } from '../../../protocol/units.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { testGroup, testMember } from '../../support/chain/signing.ts'

const RULES: PushRules = {
  deviationBps: 50,
  heartbeatSec: 20,
  heartbeatSlackSec: 0,
  comfortableBaseFee: 10n ** 12n,
  maxDeviationFactor: 4,
  handoverSec: 3,
  turnSec: 30,
  maxAgeSec: 30,
}
const ONE_GWEI = 10n ** 9n
const FIRST_PRICE = 250_000_000_000_000_000n
const UPDATES = 60
/** So many times as fast as real time. A second of the chain must leave room for a few requests on a busy machine. */
const SPEED = 8
const CHAIN_SECOND_MS = 1_000 / SPEED

/** A clock that runs fast, so that turns of thirty seconds do not take thirty seconds. */
function fastClock(startMs: number): Clock {
  const startedAt = performance.now()
  const passed = (): number => (performance.now() - startedAt) * SPEED
  return {
    now: () => startMs + passed(),
    monotonic: passed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason)
          return
        }
        const timer = setTimeout(resolve, Math.max(0, ms) / SPEED)
        signal?.addEventListener('abort', () => {
          clearTimeout(timer)
          reject(signal.reason)
        })
      }),
  }
}

describe('two aggregators that bring prices on one chain', function () {
  this.timeout(180_000)
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const accounts = [fundedAccount(1), fundedAccount(2)]
  const group = testGroup('pushed')
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let clock: Clock
  let running: AbortController

  const connect = (rpcUrl: string) =>
    createTestClient({
      mode: 'anvil',
      account: fundedAccount(0),
      transport: http(rpcUrl),
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)
  const feed = () => deployment.contracts.priceFeed

  beforeEach(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: [],
      epochLengthSec: 60,
    })
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    await installGroupKey()
    await client.setAutomine(false)
    clock = fastClock(Number((await client.getBlock()).timestamp) * 1_000)
    running = new AbortController()
  })
  afterEach(async () => {
    running.abort(new Error('the test is over'))
    await anvil.stop()
  })

  const installGroupKey = async (): Promise<void> => {
    const participants = 0b1111n
    const transcriptHash = `0x${'5a'.repeat(32)}` as const
    const digest = digestOf(domain, STRUCTS.groupKey, {
      ...{ keyEpoch: 1, registryVersion: 1, memberSet: 1 },
      ...{ transcriptHash, participants, px: group.px },
    })
    const { r, s } = group.sign(digest)
    const consents = members
      .slice(0, 3)
      .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
      .map(({ secret }) => contractSignature(nobleIdentityCrypto.sign(digest, secret)))
    const hash = await client.writeContract({
      address: deployment.contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      chain: null,
      functionName: 'rotateGroupKey',
      args: [group.px, transcriptHash, participants, r, s, consents],
    })
    expect((await client.waitForTransactionReceipt({ hash })).status).to.equal('success')
  }

  const certify = (sec: number, price: bigint): CertifiedReport => {
    const word = packReport({
      price: price as Price,
      confidence: 17,
      observedAt: sec,
      round: asRound(sec * 10),
    })
    const signature = group.sign(reportDigest(domain, deployment.feedId, word))
    return { keyEpoch: 1, feedId: deployment.feedId, word, certificate: { kind: 'group', signature } }
  }

  const transactorOf = (index: number, bumpAfterMs = 4_000): Transactor => {
    const account = accounts[index]
    if (account === undefined) throw new RangeError(`no account ${index}`)
    return createTransactor(
      {
        account,
        chainId: deployment.chainId,
        rpcUrls: [anvil.rpcUrl],
        maxFeePerGasCeiling: 1_000n * ONE_GWEI,
        minedWithinMs: 60_000,
        bumpAfterMs,
      },
      { reader: createReader([anvil.rpcUrl]), clock },
    )
  }
  const pusherOf = (index: number, outcomes: PushOutcome[], transactor = transactorOf(index)): Pusher =>
    new Pusher(
      { index, aggregators: () => accounts.length, rules: RULES },
      {
        clock,
        logger: silentLogger,
        readOnChain: block => readLatestReport(createReader([anvil.rpcUrl]), feed(), block),
        readBaseFee: async () => (await client.getBlock()).baseFeePerGas ?? 0n,
        callOf: report => updateCall(feed(), report),
        send: (wanted, signal) => transactor.sendWhileWanted(wanted, signal),
        count: outcome => outcomes.push(outcome),
      },
    )
  const mineSecond = async (sec: number): Promise<void> => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(sec) })
    await client.mine({ blocks: 1 })
  }
  const updatesOnChain = () =>
    client.getContractEvents({
      address: feed(),
      abi: priceFeedAbi,
      eventName: 'PriceUpdated',
      fromBlock: 0n,
      strict: true,
    })
  const spent = async (): Promise<TransactionReceipt[]> => {
    const receipts: TransactionReceipt[] = []
    const head = await client.getBlockNumber({ cacheTime: 0 })
    const senders = accounts.map(({ address }) => address.toLowerCase())
    for (let blockNumber = 1n; blockNumber <= head; blockNumber++) {
      const { transactions } = await client.getBlock({ blockNumber, includeTransactions: true })
      const ours = transactions.filter(({ from }) => senders.includes(from.toLowerCase()))
      for (const { hash } of ours) receipts.push(await client.getTransactionReceipt({ hash }))
    }
    return receipts
  }

  it('send one transaction for each update that is due, and none that reverts', async () => {
    const outcomes: [PushOutcome[], PushOutcome[]] = [[], []]
    const pushers = [pusherOf(0, outcomes[0]), pusherOf(1, outcomes[1])]
    let price = FIRST_PRICE
    let sec = Math.floor(clock.now() / 1_000)
    for (let step = 0; (await updatesOnChain()).length < UPDATES; step++) {
      expect(step, 'seconds of the chain').to.be.lessThan(UPDATES * 10)
      sec += 1
      // A step of a percent every third second, in between the noise that no update is due for.
      price = step % 3 === 0 ? (price * 101n) / 100n : price + 10n ** 14n
      await clock.sleep(sec * 1_000 - clock.now())
      const report = certify(sec, price)
      // The first one dies for a while, and the second has to do its work.
      const dead = step >= 60 && step < 90
      for (const pusher of dead ? pushers.slice(1) : pushers) pusher.offer(report)
      await clock.sleep(CHAIN_SECOND_MS)
      // Blocks come late now and then, as they do.
      if (step % 7 !== 0) await mineSecond(sec)
    }
    for (const pusher of pushers) await pusher.stop()

    const receipts = await spent()
    expect(
      receipts.filter(({ status }) => status !== 'success').map(({ transactionHash }) => transactionHash),
    ).to.deep.equal([])
    const updates = await updatesOnChain()
    expect(receipts.length, 'one transaction an update').to.equal(updates.length)
    const rounds = updates.map(({ args }) => Number(args.round))
    expect(rounds).to.deep.equal([...new Set(rounds)].toSorted((a, b) => a - b))
    const needless = updates.filter(({ args }, index) => {
      const before = updates[index - 1]?.args
      if (before === undefined) return false
      const moved = distanceBps(args.price, before.price) >= BigInt(RULES.deviationBps)
      return !moved && Number(args.round - before.round) < RULES.heartbeatSec * 10
    })
    expect(needless).to.deep.equal([])
    const senders = new Set(receipts.map(({ from }) => from.toLowerCase()))
    expect(senders.size, 'both had their turns').to.equal(2)
  })

  it('take a price back that has become useless while it waited, and nothing reverts', async () => {
    const outcomes: PushOutcome[] = []
    const transactor = transactorOf(0, 2_000)
    const pusher = pusherOf(0, outcomes, transactor)
    const sec = Math.floor(clock.now() / 1_000)
    pusher.offer(certify(sec, FIRST_PRICE))
    const pool = async (): Promise<number> => (await client.getTxpoolStatus()).pending
    // An aggregator alone would send at once; this one may have to wait for its place.
    for (let more = 1; (await pool()) === 0; more++) {
      await clock.sleep(1_000)
      pusher.offer(certify(sec + more, FIRST_PRICE))
    }
    await overtake(FIRST_PRICE + 1n)
    await minedUntil(() => outcomes.length > 0)
    await pusher.stop()
    expect(outcomes).to.deep.equal(['WITHDRAWN'])
    const receipts = await spent()
    expect(receipts.map(({ status }) => status)).to.deep.equal(['success', 'success'])
    expect(receipts.at(-1)?.gasUsed).to.equal(21_000n)
    expect((await updatesOnChain()).map(({ args }) => args.price)).to.deep.equal([FIRST_PRICE + 1n])
  })

  /** Puts the other's price on chain in a block that the waiting transaction is too cheap for. */
  const overtake = async (price: bigint): Promise<void> => {
    const [block, waiting] = await Promise.all([client.getBlock(), client.getTxpoolContent()])
    const offered = Object.values(waiting.pending).flatMap(byNonce => Object.values(byNonce))
    const tooMuch =
      offered.reduce(
        (most, { maxFeePerGas = 0n }) => (BigInt(maxFeePerGas) > most ? BigInt(maxFeePerGas) : most),
        0n,
      ) + 1n
    const account = accounts[1]
    if (account === undefined) throw new RangeError('no second account')
    const { abi, args, ...call } = updateCall(feed(), certify(Math.floor(clock.now() / 1_000), price))
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: tooMuch })
    await client.writeContract({
      ...{ ...call, abi, args: [...args], account, chain: null, gas: 100_000n },
      ...{ maxFeePerGas: 10n * tooMuch, maxPriorityFeePerGas: ONE_GWEI },
    })
    await client.setNextBlockTimestamp({
      timestamp: block.timestamp + BigInt(Math.ceil(clock.now() / 1_000) - Number(block.timestamp)),
    })
    await client.mine({ blocks: 1 })
  }

  const minedUntil = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      await clock.sleep(1_000)
      await client.setNextBlockBaseFeePerGas({ baseFeePerGas: 1n })
      // Only what has been replaced is let in: what it replaces would be as welcome to the block.
      const waiting = Object.values((await client.getTxpoolContent()).pending).flatMap(all =>
        Object.values(all),
      )
      if (waiting.every(({ input }) => input === '0x')) await client.mine({ blocks: 1 })
    }
  }
})
