import { expect } from 'chai'
import {
  type Abi,
  createPublicClient,
  createTestClient,
  type Hex,
  http,
  type LocalAccount,
  publicActions,
  walletActions,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { claimCall, settleCall } from '../../../chain/settlement/calls.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import { chainViewFor, settledViewFor } from '../../../chain/settlement/view.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { MAINNET_EMISSION, poolOf } from '../../../protocol/epoch/emission.ts'
import { debitRootOf, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { membershipOf } from '../../../protocol/membership.ts'
import { EMPTY_ROOT } from '../../../protocol/merkle.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, testMember } from '../../support/chain/signing.ts'

const EPOCH_SEC = 600
const GENESIS = 1_000_000n * ONE
const BURNED = 50n * ONE

describe('the reader of settlement', () => {
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const deployer = fundedAccount(0)
  const payer = fundedAccount(1)
  const latePayer = fundedAccount(2)
  const worker = fundedAccount(3)
  const owner = fundedAccount(4)
  const lower = (account: LocalAccount) => account.address.toLowerCase() as Address
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let reader: SettlementReader
  let device: LocalAccount

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)

  const sendCall = async (account: LocalAccount, call: ContractCall): Promise<void> => {
    const hash: Hex = await client.writeContract({ account, chain: null, gas: AMPLE_GAS, ...call } as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status, call.functionName).to.equal('success')
  }
  const send = (account: LocalAccount, address: Address, abi: Abi, functionName: string, args: unknown[]) =>
    sendCall(account, { address, abi, functionName, args })

  const deposit = async (account: LocalAccount, asset: 1 | 2, amount: bigint): Promise<void> => {
    const { io, iosd, escrow } = deployment.contracts
    const token = asset === ASSET.io ? io : iosd
    await send(account, token, asset === ASSET.io ? ioAbi : iosdAbi, 'approve', [escrow, amount])
    await send(account, escrow, escrowAbi, 'deposit', [asset, amount])
  }
  const mineAt = async (sec: number): Promise<void> => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(sec) })
    await client.mine({ blocks: 1 })
  }
  const newReader = (finality: 'latest' | 'finalized' = 'latest'): SettlementReader =>
    createSettlementReader(
      { deployment, finality },
      {
        reader: createPublicClient({ transport: http(anvil.rpcUrl) }),
        clock: systemClock,
        logger: silentLogger,
      },
    )
  const endSec = (epoch: number) => deployment.epochStart + (epoch + 1) * EPOCH_SEC

  const reportOf = async (
    epoch: number,
    previous: { rewardRoot: Hash; debitRoot: Hash; rewards: bigint },
  ): Promise<EpochReport> => {
    const facts = await reader.epochFacts(epoch)
    const rewards = [{ account: lower(worker), cumulative: previous.rewards + ONE }]
    const debits = facts.deposits.map(line => ({ payer: line.payer, cumulativeIosd: 0n, cumulativeIo: 0n }))
    return {
      keyEpoch: 0,
      epoch,
      attempt: 0,
      validUntil: endSec(epoch) + EPOCH_SEC,
      paramsVersion: facts.parameters.version,
      snapshotBlock: facts.snapshot.number,
      snapshotHash: facts.snapshot.hash,
      previousRewardRoot: previous.rewardRoot,
      previousDebitRoot: previous.debitRoot,
      rewardRoot: rewardRootOf(rewards),
      debitRoot: debitRootOf(debits),
      hiredPaid: 0n,
      availabilityPaid: ONE,
      debitIosd: 0n,
      debitIo: 0n,
      cumulativeRewards: previous.rewards + ONE,
      cumulativeDebitIosd: 0n,
      cumulativeDebitIo: 0n,
      bundleHash: `0x${'b0'.repeat(32)}`,
      batchesRoot: EMPTY_ROOT,
      commitmentsRoot: EMPTY_ROOT,
    }
  }
  const settle = async (report: EpochReport): Promise<void> => {
    const signatures = quorumSignatures(members.slice(0, 3), epochReportDigest(domain, report)).map(
      ({ r, yParityAndS }) => Buffer.from(r.slice(2) + yParityAndS.slice(2), 'hex'),
    )
    await sendCall(
      deployer,
      settleCall(deployment.contracts.settlement, report, { kind: 'quorum', signatures }),
    )
    await reader.refresh()
  }

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { timestamp } = await client.getBlock()
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer,
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: [payer, latePayer].map(({ address }) => ({ account: address, amount: GENESIS / 2n })),
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
      settlement: { disputeSec: 0 },
    })
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    device = fundedAccount(9)
    reader = newReader()
    await reader.start(new AbortController().signal)
  })
  after(async () => {
    await reader.stop()
    await anvil.stop()
  })

  it('knows before the first epoch that nothing is settled, and the terms as they were deployed', () => {
    expect(reader.settlement()).to.deep.equal({
      nextEpoch: 0,
      nextAttempt: 0,
      owedFrom: 0,
      reserve: 0n,
      previous: {
        rewardRoot: EMPTY_ROOT,
        debitRoot: EMPTY_ROOT,
        cumulativeRewards: 0n,
        cumulativeDebitIosd: 0n,
        cumulativeDebitIo: 0n,
      },
      staged: undefined,
    })
    expect(reader.terms).to.deep.equal({
      ...MAINNET_EMISSION,
      genesis: GENESIS,
      epochLengthSec: BigInt(EPOCH_SEC),
    })
    expect(reader.clock).to.deep.equal({ startSec: deployment.epochStart, lengthSec: EPOCH_SEC })
  })

  it('says nothing of an epoch that has not ended', async () => {
    const error = await reader.epochFacts(0).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'EPOCH_NOT_FINAL' })
  })

  it('learns workers by their devices, and models by version and epoch', async () => {
    const { workerRegistry, modelRegistry } = deployment.contracts
    const digest = await client.readContract({
      address: workerRegistry,
      abi: workerRegistryAbi,
      functionName: 'deviceDigest',
      args: [worker.address, device.address],
    })
    const signature = await device.sign?.({ hash: digest })
    if (signature === undefined) throw new Error('the account cannot sign')
    const s = BigInt(`0x${signature.slice(66, 130)}`)
    const parity = BigInt(`0x${signature.slice(130)}`) - 27n
    const yParityAndS = `0x${((parity << 255n) | s).toString(16).padStart(64, '0')}`
    await send(worker, workerRegistry, workerRegistryAbi, 'register', [
      device.address,
      { r: signature.slice(0, 66), yParityAndS },
    ])
    const salt: Hash = `0x${'01'.repeat(32)}`
    const hash: Hash = `0x${'77'.repeat(32)}`
    await send(owner, modelRegistry, modelRegistryAbi, 'register', [hash, salt, 1_500])
    await reader.refresh()

    const padded: Hash = `0x${'00'.repeat(12)}${lower(device).slice(2)}`
    expect(reader.isWorker(lower(worker))).to.equal(true)
    expect(reader.isWorker(lower(payer))).to.equal(false)
    expect(reader.workerOfDevice(padded)).to.equal(lower(worker))
    const id = (await client.readContract({
      address: modelRegistry,
      abi: modelRegistryAbi,
      functionName: 'idOf',
      args: [owner.address, hash, salt],
    })) as Hash
    expect(reader.modelAt(id, 1, 0)).to.equal(undefined)
    expect(reader.modelAt(id, 1, 1)).to.deep.equal({
      id,
      version: 1,
      owner: lower(owner),
      royaltyBps: 1_500,
      active: true,
    })
    expect(reader.modelAt(id, 2, 1)).to.equal(undefined)
    await send(owner, modelRegistry, modelRegistryAbi, 'retire', [id])
    await reader.refresh()
    expect(reader.modelAt(id, 1, 0)).to.equal(undefined)
    expect(reader.modelAt(id, 1, 1)?.active).to.equal(false)
  })

  it('counts what was deposited and burned before the epoch ended, and nothing after', async () => {
    const observedAt = Number((await client.getBlock()).timestamp)
    const price = (2n * ONE) as Price
    const word = packReport({ price, confidence: 17, observedAt, round: asRound(observedAt * 10) })
    const { priceFeed, burner, io } = deployment.contracts
    const signed = quorumSignatures(members.slice(1), reportDigest(domain, deployment.feedId, word))
    await send(deployer, priceFeed, priceFeedAbi, 'updateWithQuorum', [word, signed])
    await send(payer, io, ioAbi, 'approve', [burner, BURNED])
    await send(payer, burner, burnerAbi, 'burnExactIn', [BURNED, 0n, 2n ** 40n])
    await deposit(payer, ASSET.io, 30n * ONE)
    await deposit(payer, ASSET.iosd, 40n * ONE)
    await mineAt(endSec(0))
    await deposit(payer, ASSET.io, 5n * ONE)
    await deposit(latePayer, ASSET.io, 7n * ONE)
    await reader.refresh()

    const facts = await reader.epochFacts(0)
    expect(facts.burned).to.equal(BURNED)
    expect(facts.deposits).to.deep.equal([{ payer: lower(payer), io: 30n * ONE, iosd: 40n * ONE }])
    expect(facts.snapshot.timestampSec).to.equal(endSec(0))
    expect(facts.parameters.longestHoldEpochs).to.equal(reader.longestHoldEpochs)
    expect(facts.parameters).to.include({ version: 1, hireTaxBps: 500 })
    // The same as the escrow's own book, which knows no past.
    const account = await reader.account(lower(payer))
    expect(account.io).to.deep.equal({ deposited: 35n * ONE, withdrawn: 0n, requested: 0n })
    expect(account.iosd.deposited).to.equal(40n * ONE)
  })

  it('says what became of an epoch, and calls back once', async () => {
    const seen: number[] = []
    reader.onSettled(({ report }) => seen.push(report.epoch))
    const report = await reportOf(0, { rewardRoot: EMPTY_ROOT, debitRoot: EMPTY_ROOT, rewards: 0n })
    await settle(report)

    const pool = poolOf(reader.terms, 0, BURNED, 0n)
    const settled = reader.settled(0)
    const block = await client.getBlock()
    expect(settled).to.deep.include({
      report,
      reserveBefore: 0n,
      reserveAfter: pool.total - ONE,
      scheduled: pool.scheduled,
      net: pool.net,
      released: 0n,
      added: ONE,
      blockNumber: Number(block.number),
      timestampSec: Number(block.timestamp),
      txHash: block.transactions[0],
    })
    expect(reader.settlement()).to.deep.equal({
      nextEpoch: 1,
      nextAttempt: 0,
      owedFrom: 1,
      reserve: pool.total - ONE,
      previous: {
        rewardRoot: report.rewardRoot,
        debitRoot: report.debitRoot,
        cumulativeRewards: ONE,
        cumulativeDebitIosd: 0n,
        cumulativeDebitIo: 0n,
      },
      staged: undefined,
    })
    await reader.refresh()
    expect(seen).to.deep.equal([0])
    await sendCall(
      deployer,
      claimCall(deployment.contracts.rewardsDistributor, { account: lower(worker), cumulative: ONE }, []),
    )
    const claimed = await client.readContract({
      address: deployment.contracts.rewardsDistributor,
      abi: rewardsDistributorAbi,
      functionName: 'claimed',
    })
    expect(claimed).to.equal(ONE)
  })

  it('knows the reserve before an epoch, and withdrawals that were asked for', async () => {
    await send(payer, deployment.contracts.escrow, escrowAbi, 'requestWithdraw', [ASSET.io, 3n * ONE])
    await mineAt(endSec(1))
    await reader.refresh()
    const before = reader.settlement()
    const first = reader.settled(0)
    if (first === undefined) throw new Error('the first epoch is active')
    const { rewardRoot, debitRoot } = first.report
    await settle(await reportOf(1, { rewardRoot, debitRoot, rewards: ONE }))
    const pool = poolOf(reader.terms, 1, 0n, before.reserve)
    expect(reader.settled(1)).to.include({ reserveBefore: before.reserve, released: pool.released })
    expect(reader.settlement().reserve).to.equal(before.reserve + pool.total - pool.released - ONE)
    expect((await reader.account(lower(payer))).io.requested).to.equal(3n * ONE)
    expect((await reader.epochFacts(1)).deposits.map(line => line.io).sort()).to.deep.equal(
      [35n * ONE, 7n * ONE].sort(),
    )
  })

  it('shows an auditor the next epoch, and one of long ago as it was then', async () => {
    const membership = membershipOf({
      registryVersion: 1,
      keyEpoch: 0,
      groupKey: undefined,
      members: members.map(({ identity, peerKey }, slot) => ({ slot, identity, peerKey, suspended: false })),
      aggregators: [],
    })
    const context = { domain, feedId: deployment.feedId, membership }
    await mineAt(endSec(2))
    await reader.refresh()
    const facts = await reader.epochFacts(2)
    const live = await chainViewFor(
      { epoch: 2, snapshotBlock: facts.snapshot.number, validUntil: endSec(3) },
      reader,
      context,
    )
    expect(live).to.deep.include({
      nextEpoch: 2,
      burned: 0n,
      snapshot: facts.snapshot,
      previous: reader.settlement().previous,
      deposits: facts.deposits,
      parameters: facts.parameters,
    })
    const future = await chainViewFor(
      { epoch: 3, snapshotBlock: 10 ** 9, validUntil: endSec(4) },
      reader,
      context,
    )
    expect(future).to.include({ nextEpoch: 2, snapshot: undefined })
    const settled = await reader.findSettled(0)
    if (settled === undefined) throw new Error('the first epoch is active')
    const historic = await settledViewFor(settled, reader, context)
    expect(historic).to.deep.include({ nextEpoch: 0, reserve: 0n, burned: BURNED })
    expect(historic.previous.rewardRoot).to.equal(EMPTY_ROOT)
    expect(historic.deposits).to.have.length(1)
    expect(historic.nowSec).to.be.below(settled.report.validUntil)
  })

  it('tells the same when it starts after everything', async () => {
    const late = newReader()
    const seen: number[] = []
    late.onSettled(({ report }) => seen.push(report.epoch))
    await late.start(new AbortController().signal)
    try {
      expect(late.settlement()).to.deep.equal(reader.settlement())
      expect(late.settled(0)).to.deep.equal(reader.settled(0))
      expect(await late.findSettled(1)).to.deep.equal(reader.settled(1))
      expect(await late.epochFacts(0)).to.deep.equal(await reader.epochFacts(0))
      expect(seen).to.deep.equal([])
    } finally {
      await late.stop()
    }
  })

  it('reads active epochs before they are final, and deposits only when they are', async () => {
    const late = newReader('finalized')
    await late.start(new AbortController().signal)
    try {
      // Anvil calls final what is two epochs of 32 blocks deep, which nothing here is.
      expect(late.head().final.number).to.be.below(late.head().latest.number)
      expect(late.settlement().nextEpoch).to.equal(2)
      expect(late.settled(1)?.report).to.deep.equal(reader.settled(1)?.report)
      expect(late.isWorker(lower(worker))).to.equal(false)
      const error = await late.epochFacts(0).catch((caught: unknown) => caught)
      expect(error).to.include({ code: 'EPOCH_NOT_FINAL' })
    } finally {
      await late.stop()
    }
  })

  it('finds the block of any second as a look at all blocks would', async () => {
    for (const gapSec of [1, 1, 30, 2, 7, 1, 900, 1]) {
      await mineAt(Number((await client.getBlock()).timestamp) + gapSec)
    }
    const fresh = newReader()
    await fresh.refresh()
    const { latest } = fresh.head()
    const all = await Promise.all(
      Array.from({ length: latest.number + 1 }, (_, number) => fresh.blockAt(number)),
    )
    const times = all.map(block => block?.timestampSec ?? 0)
    const [from, to] = [(times[0] ?? 0) - 2, latest.timestampSec + 2]
    for (let step = 0; step < 60; step++) {
      const sec = from + Math.floor(((to - from) * step) / 59)
      const first = times.findIndex(time => time >= sec)
      expect((await fresh.firstBlockFrom(sec))?.number, `from ${sec}`).to.equal(first < 0 ? undefined : first)
      const before = first <= 0 ? undefined : first - 1
      expect((await fresh.lastBlockBefore(sec))?.number, `before ${sec}`).to.equal(before)
    }
  })
})
