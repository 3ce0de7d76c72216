import { expect } from 'chai'
import {
  type Address,
  createTestClient,
  type Hex,
  http,
  type LocalAccount,
  publicActions,
  type TransactionReceipt,
  walletActions,
  zeroHash,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { emissionAbi } from '../../../chain/abi/emission.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { parametersAbi } from '../../../chain/abi/parameters.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { MAINNET_EMISSION, poolOf, scheduledBy } from '../../../protocol/epoch/emission.ts'
import { debitLeaf, debitRootOf, rewardLeaf, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { merkleProof } from '../../../protocol/merkle.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, testGroup, testMember } from '../../support/chain/signing.ts'

const EPOCH_SEC = 600
const GENESIS = 1_000_000n * ONE
const PRICE = (2n * ONE) as Price
const BURNED = 50n * ONE
/** A whole transaction that stages and activates. Raise it only with a reason. */
const SETTLE_GAS_BUDGET = 260_000

const CONTRACTS = {
  io: ioAbi,
  iosd: iosdAbi,
  oracleRegistry: oracleRegistryAbi,
  priceFeed: priceFeedAbi,
  burner: burnerAbi,
  emission: emissionAbi,
  parameters: parametersAbi,
  rewardsDistributor: rewardsDistributorAbi,
  escrow: escrowAbi,
  settlement: settlementAbi,
} as const

describe('an epoch on the chain', () => {
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const group = testGroup('first')
  const deployer = fundedAccount(0)
  const payer = fundedAccount(1)
  const lower = (account: LocalAccount) => account.address.toLowerCase() as Address
  const [worker, owner, gateway] = [2, 3, 4].map(index => lower(fundedAccount(index))) as [
    Address,
    Address,
    Address,
  ]
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let rewards: { account: Address; cumulative: bigint }[] = []

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)

  const read = (
    contract: keyof typeof CONTRACTS,
    functionName: string,
    ...args: readonly unknown[]
  ): Promise<unknown> =>
    client.readContract({
      address: deployment.contracts[contract],
      abi: CONTRACTS[contract],
      functionName,
      args,
    } as never)

  const readWei = async (...call: Parameters<typeof read>): Promise<bigint> =>
    BigInt(String(await read(...call)))

  const send = async (
    account: LocalAccount,
    contract: keyof typeof CONTRACTS,
    functionName: string,
    args: readonly unknown[],
  ): Promise<TransactionReceipt> => {
    const hash: Hex = await client.writeContract({
      account,
      chain: null,
      gas: AMPLE_GAS,
      address: deployment.contracts[contract],
      abi: CONTRACTS[contract],
      functionName,
      args,
    } as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status, functionName).to.equal('success')
    return receipt
  }

  const endEpoch = async (epoch: number): Promise<void> => {
    const end = BigInt(deployment.epochStart + (epoch + 1) * EPOCH_SEC)
    await client.setNextBlockTimestamp({ timestamp: end })
    await client.mine({ blocks: 2 })
  }

  /** The report of an epoch in which the payer spent and these were earned, on top of what the chain has. */
  const reportOf = async (
    epoch: number,
    spent: { iosd: bigint; io: bigint; cumulativeIosd: bigint; cumulativeIo: bigint },
    paid: { hired: bigint; availability: bigint },
  ): Promise<EpochReport> => {
    const block = await client.getBlock({ blockNumber: (await client.getBlockNumber({ cacheTime: 0 })) - 1n })
    const { keyEpoch } = (await read('settlement', 'groupKeys')) as { keyEpoch: number }
    const debits = (await read('escrow', 'debits')) as { root: Hash }
    return {
      keyEpoch,
      epoch,
      attempt: 0,
      validUntil: Number(block.timestamp) + EPOCH_SEC,
      paramsVersion: Number(await read('parameters', 'versionAt', BigInt(epoch))),
      snapshotBlock: Number(block.number),
      snapshotHash: block.hash,
      previousRewardRoot: (await read('rewardsDistributor', 'root')) as Hash,
      previousDebitRoot: debits.root,
      rewardRoot: rewardRootOf(rewards),
      debitRoot: debitRootOf([
        {
          payer: lower(payer),
          cumulativeIosd: spent.cumulativeIosd,
          cumulativeIo: spent.cumulativeIo,
        },
      ]),
      hiredPaid: paid.hired,
      availabilityPaid: paid.availability,
      debitIosd: spent.iosd,
      debitIo: spent.io,
      cumulativeRewards: rewards.reduce((sum, { cumulative }) => sum + cumulative, 0n),
      cumulativeDebitIosd: spent.cumulativeIosd,
      cumulativeDebitIo: spent.cumulativeIo,
      bundleHash: `0x${'b0'.repeat(32)}`,
      batchesRoot: zeroHash,
      commitmentsRoot: zeroHash,
    }
  }

  /** As viem encodes the contract's struct: 64-bit fields are bigint. */
  const encoded = (report: EpochReport) => ({
    ...report,
    epoch: BigInt(report.epoch),
    snapshotBlock: BigInt(report.snapshotBlock),
  })

  const proofOf = (account: Address): readonly [Address, bigint, Hex[]] => {
    const reward = rewards.find(line => line.account === account)
    if (reward === undefined) throw new Error(`no reward of ${account}`)
    return [account, reward.cumulative, merkleProof(rewards.map(rewardLeaf), rewardLeaf(reward))]
  }

  /** Invariants 3, 5, 8 and 11, read back. */
  const expectConserved = async (): Promise<void> => {
    const { settlement, rewardsDistributor, escrow } = deployment.contracts
    const [scheduled, net] = (await read('emission', 'totals')) as [bigint, bigint]
    const burned = await readWei('burner', 'totalBurned')
    expect(await readWei('io', 'totalSupply')).to.equal(GENESIS + scheduled + net - burned)
    expect(await readWei('io', 'balanceOf', settlement)).to.equal(await readWei('settlement', 'reserve'))
    expect(await readWei('io', 'balanceOf', rewardsDistributor)).to.equal(
      (await readWei('rewardsDistributor', 'funded')) - (await readWei('rewardsDistributor', 'claimed')),
    )
    expect(await readWei('io', 'balanceOf', escrow)).to.equal(await readWei('escrow', 'held', 1))
    expect(await readWei('iosd', 'balanceOf', escrow)).to.equal(await readWei('escrow', 'held', 2))
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
      genesis: [{ account: payer.address, amount: GENESIS }],
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
      settlement: { disputeSec: 0 },
    })
    domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
  })
  after(() => anvil.stop())

  const terms = { ...MAINNET_EMISSION, genesis: GENESIS, epochLengthSec: BigInt(EPOCH_SEC) }

  it('mints by the same curve as the nodes compute', async () => {
    const year = 365n * 86_400n
    for (const elapsed of [
      0n,
      1n,
      600n,
      86_399n,
      2n * year - 1n,
      2n * year,
      5n * year + 7n,
      8n * year,
      50n * year,
    ]) {
      expect(await readWei('emission', 'scheduledUntil', elapsed)).to.equal(scheduledBy(terms, elapsed))
    }
  })

  it('pays what payers spent, certified by a quorum of identities before there is a group key', async () => {
    const observedAt = Number((await client.getBlock()).timestamp)
    const word = packReport({ price: PRICE, confidence: 17, observedAt, round: asRound(observedAt * 10) })
    const signed = quorumSignatures(members.slice(1), reportDigest(domain, deployment.feedId, word))
    await send(deployer, 'priceFeed', 'updateWithQuorum', [word, signed])
    const { burner, escrow } = deployment.contracts
    await send(payer, 'io', 'approve', [burner, BURNED])
    await send(payer, 'burner', 'burnExactIn', [BURNED, 0n, 2n ** 40n])
    await send(payer, 'io', 'approve', [escrow, 30n * ONE])
    await send(payer, 'escrow', 'deposit', [1, 30n * ONE])
    await send(payer, 'iosd', 'approve', [escrow, 100n * ONE])
    await send(payer, 'escrow', 'deposit', [2, 100n * ONE])
    await endEpoch(0)

    const pool = poolOf(terms, 0, BURNED, 0n)
    expect(await read('settlement', 'nextPool')).to.deep.equal({
      scheduled: pool.scheduled,
      net: pool.net,
      released: 0n,
      pool: pool.total,
    })
    rewards = [
      { account: worker, cumulative: 19n * ONE + 7n * ONE },
      { account: owner, cumulative: 2n * ONE },
      { account: gateway, cumulative: ONE },
    ]
    const report = await reportOf(
      0,
      { iosd: 40n * ONE, io: 10n * ONE, cumulativeIosd: 40n * ONE, cumulativeIo: 10n * ONE },
      { hired: 17n * ONE, availability: 2n * ONE },
    )
    const signatures = quorumSignatures(members.slice(0, 3), epochReportDigest(domain, report))
    await send(deployer, 'settlement', 'settleWithQuorum', [encoded(report), signatures])

    expect(await readWei('settlement', 'reserve')).to.equal(pool.total - 19n * ONE)
    expect(await readWei('iosd', 'totalSupply')).to.equal(60n * ONE)
    await expectConserved()
  })

  it('pays each supplier once, to whoever it belongs', async () => {
    const before = await readWei('io', 'balanceOf', worker)
    await send(fundedAccount(5), 'rewardsDistributor', 'claim', proofOf(worker))
    expect((await readWei('io', 'balanceOf', worker)) - before).to.equal(26n * ONE)
    const claims = [worker, owner, gateway].map(account => {
      const [, cumulative, proof] = proofOf(account)
      return { account, cumulative, proof }
    })
    await send(fundedAccount(5), 'rewardsDistributor', 'claimMany', [claims])
    expect(await readWei('rewardsDistributor', 'claimed')).to.equal(29n * ONE)
    await expectConserved()
  })

  it('is certified by the group key in the next epoch, on top of the one before', async () => {
    const transcriptHash = `0x${'5a'.repeat(32)}` as const
    const rotation = digestOf(domain, STRUCTS.groupKey, {
      keyEpoch: 1,
      registryVersion: 1,
      memberSet: 1,
      transcriptHash,
      participants: 0b1111n,
      px: group.px,
    })
    const { r, s } = group.sign(rotation)
    await send(deployer, 'oracleRegistry', 'rotateGroupKey', [
      group.px,
      transcriptHash,
      0b1111n,
      r,
      s,
      quorumSignatures(members.slice(0, 3), rotation),
    ])
    expect(await read('settlement', 'groupKeys')).to.deep.include({ keyEpoch: 1, newest: group.px })
    await endEpoch(1)

    const reserve = await readWei('settlement', 'reserve')
    const pool = poolOf(terms, 1, 0n, reserve)
    rewards = rewards.map(line =>
      line.account === worker ? { account: worker, cumulative: line.cumulative + pool.total / 2n } : line,
    )
    const report = await reportOf(
      1,
      { iosd: 0n, io: 0n, cumulativeIosd: 40n * ONE, cumulativeIo: 10n * ONE },
      { hired: 0n, availability: pool.total / 2n },
    )
    const certificate = group.sign(epochReportDigest(domain, report))
    const { gasUsed } = await send(deployer, 'settlement', 'settle', [
      encoded(report),
      certificate.r,
      certificate.s,
    ])
    // Roots and totals only, whatever the number of accounts.
    expect(Number(gasUsed)).to.be.below(SETTLE_GAS_BUDGET)
    expect(await readWei('settlement', 'reserve')).to.equal(
      reserve - pool.released + (pool.total - pool.total / 2n),
    )
    await send(fundedAccount(5), 'rewardsDistributor', 'claim', proofOf(worker))
    await expectConserved()
  })

  it('gives a payer the rest of its deposit back, by its line of the debits', async () => {
    await send(payer, 'escrow', 'requestWithdraw', [1, 30n * ONE])
    const hold = Number(await readWei('escrow', 'longestHoldEpochs'))
    const line = { payer: lower(payer), cumulativeIosd: 40n * ONE, cumulativeIo: 10n * ONE }
    expect(debitRootOf([line])).to.equal(debitLeaf(line))
    const requestEpoch = 2
    for (let epoch = 2; epoch <= requestEpoch + hold + 1; epoch++) {
      await endEpoch(epoch)
      const report = await reportOf(
        epoch,
        { iosd: 0n, io: 0n, cumulativeIosd: line.cumulativeIosd, cumulativeIo: line.cumulativeIo },
        { hired: 0n, availability: 0n },
      )
      const { r, s } = group.sign(epochReportDigest(domain, report))
      await send(deployer, 'settlement', 'settle', [encoded(report), r, s])
    }
    const before = await readWei('io', 'balanceOf', payer.address)
    await send(payer, 'escrow', 'finish', [1, line.cumulativeIosd, line.cumulativeIo, []])
    expect((await readWei('io', 'balanceOf', payer.address)) - before).to.equal(20n * ONE)
    await expectConserved()
  })
})
