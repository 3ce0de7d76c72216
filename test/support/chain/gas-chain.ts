/**
 * The contracts of a network on a chain where everything is the same each time: accounts, addresses, times, keys and
 * therefore every byte of calldata. So the gas of a whole transaction is a number that can be committed.
 */
import { createTestClient, encodeFunctionData, type Hex, http, publicActions } from 'viem'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { IO_USD_FEED_ID, planDeployment } from '../../../chain/deployment-plan.ts'
import { memberSetDigest, proposeMembersCall } from '../../../chain/member-set.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { type Address, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { fundedAccount } from './anvil.ts'
import { quorumSignatures, type TestGroup, type TestMember, testGroup, testMember } from './signing.ts'

const CHAIN_ID = 31_337
/** Later than any clock that a chain could begin with. */
const START_SEC = 4_000_000_000
const EPOCH_SEC = 60
export const HANDOVER_SEC = 1_000
/** No digit is zero and the low ones change: a price that compresses well would be cheaper than real ones. */
const FIRST_PRICE = 2_345_678_901_234_567_891n
const PRICE_STEP = 7_654_321_987_654_321n
const GAS = 16_000_000n
const SOME_HASH = hashOfByte(0x5a)

function hashOfByte(byte: number): Hash {
  return hexOf(new Uint8Array(32).fill(byte))
}

export class GasChain {
  readonly #client: ReturnType<typeof connect>
  readonly #contracts: Deployment['contracts']
  readonly #domain: Domain
  /** In force. */
  #members: readonly TestMember[]
  #pending: readonly TestMember[] | undefined
  #group = testGroup('gas 0')
  #previousGroup = this.#group
  #keyEpoch = 0
  #memberSet = 1
  #registryVersion = 1
  #timeSec: number
  #price = FIRST_PRICE
  /** Who sends everything. */
  readonly #account: Address

  private constructor(
    client: ReturnType<typeof connect>,
    contracts: Deployment['contracts'],
    members: readonly TestMember[],
    account: Address,
    startSec: number,
  ) {
    this.#client = client
    this.#contracts = contracts
    this.#members = members
    this.#timeSec = startSec
    this.#account = account
    this.#domain = { chainId: CHAIN_ID, registry: contracts.oracleRegistry.toLowerCase() as Address }
  }

  /** Deploys a network of n members and installs its first key. @param index one chain holds several networks */
  static async deploy(rpcUrl: string, n: number, index: number): Promise<GasChain> {
    const client = connect(rpcUrl)
    const deployer = fundedAccount(index).address
    const members = Array.from({ length: n }, (_, slot) => testMember(`gas member ${slot}`))
    const startSec = START_SEC + index * 1_000_000
    const plan = planDeployment(
      {
        members: members.map(registered),
        aggregators: [],
        genesis: [{ account: deployer, amount: 100_000n * ONE }],
        epochLengthSec: EPOCH_SEC,
        handoverSec: HANDOVER_SEC,
        settlement: { disputeSec: 0 },
      },
      { deployer, nonce: 0, epochStart: startSec },
    )
    await client.setNextBlockTimestamp({ timestamp: BigInt(startSec) })
    for (const { contract, data } of plan.steps) await transact(client, contract, deployer, undefined, data)
    const chain = new GasChain(client, plan.addresses, members, deployer, startSec + 100)
    await chain.rotate()
    return chain
  }

  /** A report that the newest key signed, in steady state when one was there before. */
  update(): Promise<number> {
    return this.#update(this.#group)
  }

  /** Likewise with the key before it, which must still count. */
  updateWithPreviousKey(): Promise<number> {
    return this.#update(this.#previousGroup)
  }

  #update(group: TestGroup): Promise<number> {
    const { word, digest } = this.#nextReport()
    const { r, s } = group.sign(digest)
    return this.#send('update', {
      address: this.#contracts.priceFeed,
      abi: priceFeedAbi,
      functionName: 'update',
      args: [word, r, s],
    })
  }

  updateWithQuorum(): Promise<number> {
    const { word, digest } = this.#nextReport()
    return this.#send('updateWithQuorum', {
      address: this.#contracts.priceFeed,
      abi: priceFeedAbi,
      functionName: 'updateWithQuorum',
      args: [word, quorumSignatures(this.#quorum(), digest)],
    })
  }

  /** As many members again, one of whom is new. */
  async proposeMembers(): Promise<number> {
    const pending = this.#members.with(1, testMember(`gas newcomer ${this.#memberSet}`))
    const list = pending.map(registered)
    const digest = memberSetDigest(this.#domain, this.#registryVersion, list)
    const signatures = quorumSignatures(this.#quorum(), digest)
    const call = proposeMembersCall(this.#contracts.oracleRegistry, list, [])
    const gas = await this.#send('proposeMembers', { ...call, args: [list, signatures] })
    this.#pending = pending
    this.#registryVersion += 1
    return gas
  }

  /** To a new key, and to the pending members. Waits until the last key counts. */
  async rotate(): Promise<number> {
    const memberSet = this.#memberSet + (this.#pending === undefined ? 0 : 1)
    const next = testGroup(`gas ${this.#keyEpoch + 1}`)
    const participants = (1n << BigInt(this.#members.length)) - 1n
    const digest = digestOf(this.#domain, STRUCTS.groupKey, {
      keyEpoch: this.#keyEpoch + 1,
      registryVersion: this.#registryVersion,
      memberSet,
      transcriptHash: SOME_HASH,
      participants,
      px: next.px,
    })
    const { r, s } = next.sign(digest)
    this.#timeSec += HANDOVER_SEC
    const gas = await this.#send('rotateGroupKey', {
      address: this.#contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'rotateGroupKey',
      args: [next.px, SOME_HASH, participants, r, s, quorumSignatures(this.#quorum(), digest)],
    })
    this.#keyEpoch += 1
    this.#previousGroup = this.#group
    this.#group = next
    this.#registryVersion += 1
    this.#members = this.#pending ?? this.#members
    this.#pending = undefined
    this.#memberSet = memberSet
    return gas
  }

  #quorum(): readonly TestMember[] {
    return this.#members.slice(0, quorumOf(this.#members.length).q)
  }

  #nextReport(): { word: bigint; digest: Uint8Array } {
    this.#timeSec += 1
    this.#price += PRICE_STEP
    const word = packReport({
      price: this.#price as Price,
      confidence: 17,
      observedAt: this.#timeSec,
      round: asRound(this.#timeSec * 10),
    })
    return { word, digest: reportDigest(this.#domain, IO_USD_FEED_ID, word) }
  }

  async #send(what: string, { address, abi, functionName, args }: ContractCall): Promise<number> {
    await this.#client.setNextBlockTimestamp({ timestamp: BigInt(this.#timeSec) })
    const data = encodeFunctionData({ abi, functionName, args: [...args] })
    return transact(this.#client, what, this.#account, address, data)
  }
}

function registered({ identity, peerKey }: TestMember) {
  return { identity, peerKey }
}

/** Sends from an account that the chain holds, and is mined at once. @returns gas of the whole transaction */
async function transact(
  client: ReturnType<typeof connect>,
  what: string,
  from: Address,
  to: Address | undefined,
  data: Hex,
): Promise<number> {
  const hash = await client.request({
    method: 'eth_sendTransaction',
    params: [{ from, data, gas: `0x${GAS.toString(16)}`, ...(to !== undefined && { to }) }],
  } as never)
  const { status, gasUsed } = await client.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error(`${what} reverted`)
  return Number(gasUsed)
}

function connect(rpcUrl: string) {
  return createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 10 }).extend(
    publicActions,
  )
}
