/** The chain of a test: deployed contracts, a group key that only the test holds, and time that the test sets. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createTestClient,
  http,
  type LocalAccount,
  publicActions,
  type TransactionReceipt,
  walletActions,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { contractSignature } from '../../../chain/price-feed.ts'
import { depositCall } from '../../../chain/settlement/calls.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { registerModel } from '../../../devnet/register-model.ts'
import { type Address, bytesOf, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { ONE } from '../../../protocol/units.ts'
import { ASSET, type Asset } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../chain/anvil.ts'
import { quorumSignatures, testGroup } from '../chain/signing.ts'
import type { Party } from '../network/cast.ts'
import { ROOT } from '../runtime/spawned.ts'

/** Longer than any test of this kind takes: so time passes only where a test says so. */
export const EPOCH_SEC = 300
/** Of the local network: nothing is computed before. */
const { sealGraceSec: SEAL_GRACE_SEC } = JSON.parse(
  readFileSync(join(ROOT, 'config/networks/devnet.json'), 'utf8'),
) as { sealGraceSec: number }
const YEAR_SEC = 31_536_000n
/** So much that what an epoch burns can be seen in what is minted again. */
const NET_CAP_PER_EPOCH = 100n * ONE
const GENESIS_IO = 100_000n * ONE
const GAS_WEI = 10n ** 20n

export interface Registered {
  readonly members: readonly Party[]
  readonly aggregator: Party
  readonly relayer: Party
  readonly gateway: Party
}

export class TestChain {
  readonly deployment: Deployment
  readonly domain: Domain
  readonly group = testGroup('settlement')
  readonly #anvil: Anvil
  readonly #client: ReturnType<typeof connect>

  private constructor(anvil: Anvil, client: ReturnType<typeof connect>, deployment: Deployment) {
    this.#anvil = anvil
    this.#client = client
    this.deployment = deployment
    const registry = deployment.contracts.oracleRegistry.toLowerCase() as Address
    this.domain = { chainId: deployment.chainId, registry }
  }

  /** @param disputeSec how long a stage can be vetoed */
  static async start(registered: Registered, payer: Party, disputeSec = 0): Promise<TestChain> {
    const anvil = await startAnvil()
    try {
      const client = connect(anvil.rpcUrl)
      const { timestamp } = await client.getBlock()
      const known = ({ identity, peerKey }: Party) => ({ identity, peerKey })
      const deployment = await deploy({
        rpcUrl: anvil.rpcUrl,
        deployer: fundedAccount(0),
        members: registered.members.map(known),
        aggregators: [known(registered.aggregator)],
        relayers: [known(registered.relayer)],
        gateways: [known(registered.gateway)],
        genesis: [{ account: payer.identity, amount: GENESIS_IO }],
        epochLengthSec: EPOCH_SEC,
        epochStart: Number(timestamp),
        emission: { yearlyNetCap: (NET_CAP_PER_EPOCH * YEAR_SEC) / BigInt(EPOCH_SEC) },
        settlement: { disputeSec },
      })
      const chain = new TestChain(anvil, client, deployment)
      await chain.#installGroupKey(registered.members)
      for (const { identity } of [payer, registered.relayer])
        await client.setBalance({ address: identity, value: GAS_WEI })
      return chain
    } catch (error) {
      await anvil.stop()
      throw error
    }
  }

  get rpcUrl(): string {
    return this.#anvil.rpcUrl
  }

  /** Of the block that would be mined now: the last one may be as old as the start of all processes took. */
  async nowSec(): Promise<number> {
    return Number((await this.#client.getBlock({ blockTag: 'pending' })).timestamp)
  }

  async block(): Promise<number> {
    return Number(await this.#client.getBlockNumber())
  }

  startOf(epoch: number): number {
    return this.deployment.epochStart + epoch * EPOCH_SEC
  }

  /** Mines the block by which an epoch has ended, and may be settled. */
  async endEpoch(epoch: number): Promise<void> {
    await this.#client.setNextBlockTimestamp({ timestamp: BigInt(this.startOf(epoch + 1) + SEAL_GRACE_SEC) })
    await this.#client.mine({ blocks: 1 })
  }

  /** Mines a block so many seconds later. */
  async passTime(sec: number): Promise<void> {
    await this.#client.increaseTime({ seconds: sec })
    await this.#client.mine({ blocks: 1 })
  }

  async registerWorker(worker: Party, device: Party): Promise<void> {
    await this.#client.setBalance({ address: worker.identity, value: GAS_WEI })
    const registry = { address: this.deployment.contracts.workerRegistry, abi: workerRegistryAbi } as const
    const args = [worker.identity, device.identity] as const
    const digest = await this.#client.readContract({ ...registry, functionName: 'deviceDigest', args })
    const consent = contractSignature(device.sign(bytesOf(digest)))
    await this.send(worker, { ...registry, functionName: 'register', args: [device.identity, consent] })
  }

  /** @returns the model's id; it may be used from the next epoch on */
  async registerModel(owner: Party): Promise<Hash> {
    await this.#client.setBalance({ address: owner.identity, value: GAS_WEI })
    const { modelRegistry } = this.deployment.contracts
    return registerModel({ rpcUrl: this.rpcUrl, modelRegistry, owner: accountOf(owner) })
  }

  /** Needs a price that has come on chain just before. */
  async burn(payer: Party, io: bigint): Promise<void> {
    const { contracts } = this.deployment
    const burner = { address: contracts.burner, abi: burnerAbi } as const
    await this.send(payer, approveCall(contracts.io, contracts.burner, io))
    await this.send(payer, { ...burner, functionName: 'burnExactIn', args: [io, 0n, 2n ** 40n] })
  }

  async deposit(payer: Party, asset: Asset, amount: bigint): Promise<void> {
    const { io, iosd, escrow } = this.deployment.contracts
    await this.send(payer, approveCall(asset === ASSET.io ? io : iosd, escrow, amount))
    await this.send(payer, depositCall(escrow, asset, amount))
  }

  async send(sender: Party | LocalAccount, call: ContractCall): Promise<TransactionReceipt> {
    const account = 'secret' in sender ? accountOf(sender) : sender
    const hash = await this.#client.writeContract({ ...call, account, gas: AMPLE_GAS, chain: null } as never)
    const receipt = await this.#client.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${call.functionName} reverted`)
    return receipt
  }

  /** Epochs that anybody has ever brought to the contract. */
  async stagedEpochs(): Promise<number[]> {
    const events = await this.#client.getContractEvents({
      address: this.deployment.contracts.settlement,
      abi: settlementAbi,
      eventName: 'EpochStaged',
      fromBlock: 0n,
      strict: true,
    })
    return events.map(({ args }) => Number(args.epoch))
  }

  /** A view of settlement of the test's own. */
  async openReader(): Promise<SettlementReader> {
    const reader = createSettlementReader(
      { deployment: this.deployment, finality: 'latest' },
      { reader: createReader([this.rpcUrl]), clock: systemClock, logger: silentLogger },
    )
    await reader.start(new AbortController().signal)
    return reader
  }

  stop(): Promise<void> {
    return this.#anvil.stop()
  }

  /** No node holds a share of this key: reports are certified by the signatures of a quorum. */
  async #installGroupKey(members: readonly Party[]): Promise<void> {
    const { px } = this.group
    const key = {
      keyEpoch: 1,
      registryVersion: 1,
      memberSet: 1,
      transcriptHash: `0x${'5a'.repeat(32)}`,
      participants: 0b1111n,
      px,
    } as const
    const digest = digestOf(this.domain, STRUCTS.groupKey, key)
    const { r, s } = this.group.sign(digest)
    const consents = quorumSignatures(members.slice(0, 3), digest)
    await this.send(fundedAccount(0), {
      address: this.deployment.contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'rotateGroupKey',
      args: [px, key.transcriptHash, key.participants, r, s, consents],
    })
  }
}

function connect(rpcUrl: string) {
  return createTestClient({
    mode: 'anvil',
    account: fundedAccount(0),
    transport: http(rpcUrl),
    pollingInterval: 20,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions)
}

function accountOf({ secret }: Party): LocalAccount {
  return privateKeyToAccount(hexOf(secret))
}

function approveCall(token: Address, spender: Address, amount: bigint): ContractCall {
  return { address: token, abi: [...ioAbi, ...iosdAbi], functionName: 'approve', args: [spender, amount] }
}
