/**
 * A chain of its own with the contracts of a network, on which epochs pass, are certified and settled. Accounts,
 * addresses, keys, times and amounts are the same each time.
 */
import {
  createTestClient,
  encodeFunctionData,
  type Hex,
  http,
  publicActions,
  type TransactionReceipt,
} from 'viem'
import { burnerAbi } from '../../chain/abi/burner.ts'
import { ioAbi } from '../../chain/abi/io.ts'
import { iosdAbi } from '../../chain/abi/iosd.ts'
import { oracleRegistryAbi } from '../../chain/abi/oracle-registry.ts'
import { rewardsDistributorAbi } from '../../chain/abi/rewards-distributor.ts'
import { deploy } from '../../chain/deploy.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { updateCall } from '../../chain/price-feed.ts'
import { activateCall, claimCall, depositCall, settleCall } from '../../chain/settlement/calls.ts'
import type { ContractCall } from '../../chain/transactor.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../protocol/domain.ts'
import type { ProvenReward } from '../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../protocol/epoch/report.ts'
import { bitmapOf } from '../../protocol/membership.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import { packReport, reportDigest } from '../../protocol/report.ts'
import { asRound } from '../../protocol/rounds.ts'
import { ONE, type Price } from '../../protocol/units.ts'
import { ASSET } from '../../protocol/usage/wire.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../test/support/chain/anvil.ts'
import { quorumSignatures, testGroup, testMember } from '../../test/support/chain/signing.ts'
import { AVAILABILITY_PAID, DEBIT_IO, DEBIT_IOSD, HIRED_PAID, REWARDS_ADDED } from './epoch-amounts.ts'
import type { PostedEpoch } from './suppliers.ts'

const MEMBERS = Array.from({ length: 4 }, (_, slot) => testMember(`settle member ${slot}`))
/** Later than any clock that a chain could begin with. */
const START_SEC = 4_000_000_000
/** That of the network. */
const EPOCH_SEC = 3_600
/** By then everything is deployed. */
const KEY_AFTER_SEC = 600
const TRAFFIC_AFTER_SEC = 1_800
const SETTLED_AFTER_SEC = 60
/** How long a report counts. */
const VALID_SEC = 1_800
const GENESIS = 10_000_000n * ONE
const BURNED = 13n * ONE
const PRICE = 2_345_678_901_234_567_891n
const DEPOSITS = [
  { asset: ASSET.io, amount: 12_345_678_912_345_678_912n },
  { asset: ASSET.iosd, amount: 5_678_912_345_678_912_345n },
] as const
const FEE_FUNDS = 10n * ONE
/** The most that one transaction may take. */
const GAS = 16_000_000n
const UNLIMITED = 2n ** 256n - 1n
const SOME_HASH: Hash = `0x${'5a'.repeat(32)}`

export interface SettleChainOptions {
  /** 0: settle activates. */
  readonly disputeSec: number
  /**
   * What a report names as the hash of its snapshot. `recent`: of the epoch's last block, which the contract looks up.
   * `fixed`: always the same, of a block that is too old for that, so that every byte is the same each time.
   */
  readonly snapshot: 'recent' | 'fixed'
}

export class SettleChain {
  readonly #anvil: Anvil
  readonly #client: ReturnType<typeof connect>
  readonly #contracts: Deployment['contracts']
  readonly #domain: Domain
  readonly #feedId: Hash
  readonly #options: SettleChainOptions
  readonly #group = testGroup('settle')
  /** Who sends everything, and is the payer. */
  readonly #sender = fundedAccount(0).address
  #timeSec = START_SEC + KEY_AFTER_SEC
  #epoch = 0
  #roots: Pick<PostedEpoch, 'rewardRoot' | 'debitRoot'> = { rewardRoot: EMPTY_ROOT, debitRoot: EMPTY_ROOT }
  #staged: EpochReport | undefined

  private constructor(
    anvil: Anvil,
    client: ReturnType<typeof connect>,
    deployment: Deployment,
    options: SettleChainOptions,
  ) {
    this.#anvil = anvil
    this.#client = client
    this.#contracts = deployment.contracts
    this.#feedId = deployment.feedId
    this.#options = options
    const registry = deployment.contracts.oracleRegistry.toLowerCase() as Address
    this.#domain = { chainId: deployment.chainId, registry }
  }

  static async start(options: SettleChainOptions): Promise<SettleChain> {
    const anvil = await startAnvil()
    try {
      const client = connect(anvil.rpcUrl)
      await client.setNextBlockTimestamp({ timestamp: BigInt(START_SEC) })
      const deployer = fundedAccount(0)
      const deployment = await deploy({
        rpcUrl: anvil.rpcUrl,
        deployer,
        members: MEMBERS.map(({ identity, peerKey }) => ({ identity, peerKey })),
        aggregators: [],
        genesis: [{ account: deployer.address, amount: GENESIS }],
        epochStart: START_SEC,
        epochLengthSec: EPOCH_SEC,
        settlement: { disputeSec: options.disputeSec },
      })
      const chain = new SettleChain(anvil, client, deployment, options)
      await chain.#prepare()
      return chain
    } catch (error) {
      await anvil.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    return this.#anvil.stop()
  }

  /**
   * Lets the next epoch pass, in which IO is burned and either token deposited, and brings its report, which pays and
   * debits what `epoch-amounts.ts` says. @returns gas of the whole transaction
   */
  async settle(posted: PostedEpoch): Promise<number> {
    await this.#passEpoch()
    const report = await this.#reportOf(posted)
    const certificate = {
      kind: 'group',
      signature: this.#group.sign(epochReportDigest(this.#domain, report)),
    } as const
    const gas = await this.#gasOf(settleCall(this.#contracts.settlement, report, certificate))
    this.#staged = report
    this.#roots = posted
    this.#epoch += 1
    return gas
  }

  /** Makes the epoch that was just settled active, when its time to dispute is over. @returns gas */
  activate(): Promise<number> {
    if (this.#staged === undefined) throw new Error('no epoch has been settled yet')
    this.#timeSec += this.#options.disputeSec
    return this.#gasOf(activateCall(this.#contracts.settlement, this.#staged))
  }

  /** Sent by somebody else. @returns gas */
  claim({ proof, ...line }: ProvenReward): Promise<number> {
    return this.#gasOf(claimCall(this.#contracts.rewardsDistributor, line, proof))
  }

  /** Sent by somebody else. @returns gas of all together */
  claimMany(claims: readonly ProvenReward[]): Promise<number> {
    return this.#gasOf({
      address: this.#contracts.rewardsDistributor,
      abi: rewardsDistributorAbi,
      functionName: 'claimMany',
      args: [claims],
    })
  }

  /** The account's votes count from now on, for itself. */
  async delegateToItself(account: Address): Promise<void> {
    await this.#client.setBalance({ address: account, value: FEE_FUNDS })
    await this.#client.impersonateAccount({ address: account })
    await this.#send(this.#onIo('delegate', account), account)
  }

  async #prepare(): Promise<void> {
    await this.#installGroupKey()
    const { burner, escrow, iosd } = this.#contracts
    await this.#send(this.#onIo('approve', burner, UNLIMITED))
    await this.#send(this.#onIo('approve', escrow, UNLIMITED))
    await this.#send({ address: iosd, abi: iosdAbi, functionName: 'approve', args: [escrow, UNLIMITED] })
    // Then the first block is too old to be looked up.
    if (this.#options.snapshot === 'fixed') await this.#client.mine({ blocks: 300, interval: 1 })
  }

  async #passEpoch(): Promise<void> {
    const start = START_SEC + this.#epoch * EPOCH_SEC
    this.#timeSec = start + TRAFFIC_AFTER_SEC
    await this.#updatePrice()
    await this.#send({
      address: this.#contracts.burner,
      abi: burnerAbi,
      functionName: 'burnExactIn',
      args: [BURNED, 0n, BigInt(this.#timeSec + 60)],
    })
    for (const { asset, amount } of DEPOSITS) {
      await this.#send(depositCall(this.#contracts.escrow, asset, amount))
    }
    this.#timeSec = start + EPOCH_SEC
    await this.#setNextTime()
    await this.#client.mine({ blocks: 1 })
    this.#timeSec += SETTLED_AFTER_SEC
  }

  async #updatePrice(): Promise<void> {
    const word = packReport({
      price: PRICE as Price,
      confidence: 17,
      observedAt: this.#timeSec,
      round: asRound(this.#timeSec * 10),
    })
    const signature = this.#group.sign(reportDigest(this.#domain, this.#feedId, word))
    const report = {
      keyEpoch: 1,
      feedId: this.#feedId,
      word,
      certificate: { kind: 'group', signature },
    } as const
    await this.#send(updateCall(this.#contracts.priceFeed, report))
  }

  async #reportOf({ rewardRoot, debitRoot }: PostedEpoch): Promise<EpochReport> {
    const epochs = BigInt(this.#epoch + 1)
    return {
      keyEpoch: 1,
      epoch: this.#epoch,
      attempt: 0,
      validUntil: this.#timeSec + VALID_SEC,
      paramsVersion: 1,
      ...(await this.#snapshot()),
      previousRewardRoot: this.#roots.rewardRoot,
      previousDebitRoot: this.#roots.debitRoot,
      rewardRoot,
      debitRoot,
      hiredPaid: HIRED_PAID,
      availabilityPaid: AVAILABILITY_PAID,
      debitIosd: DEBIT_IOSD,
      debitIo: DEBIT_IO,
      cumulativeRewards: epochs * REWARDS_ADDED,
      cumulativeDebitIosd: epochs * DEBIT_IOSD,
      cumulativeDebitIo: epochs * DEBIT_IO,
      bundleHash: SOME_HASH,
      batchesRoot: SOME_HASH,
      commitmentsRoot: SOME_HASH,
    }
  }

  async #snapshot(): Promise<Pick<EpochReport, 'snapshotBlock' | 'snapshotHash'>> {
    if (this.#options.snapshot === 'fixed') return { snapshotBlock: 1, snapshotHash: SOME_HASH }
    const { number, hash } = await this.#client.getBlock()
    return { snapshotBlock: Number(number), snapshotHash: hash }
  }

  async #installGroupKey(): Promise<void> {
    const participants = bitmapOf(MEMBERS.map((_, slot) => slot))
    const { px } = this.#group
    const digest = digestOf(this.#domain, STRUCTS.groupKey, {
      ...{ keyEpoch: 1, registryVersion: 1, memberSet: 1 },
      ...{ transcriptHash: SOME_HASH, participants, px },
    })
    const { r, s } = this.#group.sign(digest)
    await this.#send({
      address: this.#contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'rotateGroupKey',
      args: [px, SOME_HASH, participants, r, s, quorumSignatures(MEMBERS, digest)],
    })
  }

  #onIo(functionName: string, ...args: readonly unknown[]): ContractCall {
    return { address: this.#contracts.io, abi: ioAbi, functionName, args }
  }

  async #gasOf(call: ContractCall): Promise<number> {
    return Number((await this.#send(call)).gasUsed)
  }

  /** In a block of its own, a second later than the one before. */
  async #send(call: ContractCall, from: Address = this.#sender): Promise<TransactionReceipt> {
    this.#timeSec += 1
    await this.#setNextTime()
    const data = encodeFunctionData({ ...call, args: [...call.args] })
    const hash = await this.#client.request({
      method: 'eth_sendTransaction',
      params: [{ from, to: call.address, data, gas: `0x${GAS.toString(16)}` }],
    } as never)
    const receipt = await this.#client.waitForTransactionReceipt({ hash: hash as Hex })
    if (receipt.status !== 'success') throw new Error(`${call.functionName} reverted`)
    return receipt
  }

  async #setNextTime(): Promise<void> {
    await this.#client.setNextBlockTimestamp({ timestamp: BigInt(this.#timeSec) })
  }
}

function connect(rpcUrl: string) {
  return createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 10 }).extend(
    publicActions,
  )
}
