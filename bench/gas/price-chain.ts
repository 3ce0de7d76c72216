/** A chain of its own with the contracts of a network of n members, whose keys this process holds. */
import { createTestClient, type Hex, http, publicActions, type TransactionReceipt, walletActions } from 'viem'
import { oracleRegistryAbi } from '../../chain/abi/oracle-registry.ts'
import { deploy } from '../../chain/deploy.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { contractSignature, updateCall } from '../../chain/price-feed.ts'
import type { ContractCall } from '../../chain/transactor.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Certificate } from '../../protocol/certificate.ts'
import { type Domain, digestOf, STRUCTS } from '../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../protocol/identity.ts'
import { bitmapOf } from '../../protocol/membership.ts'
import { quorumOf } from '../../protocol/quorum.ts'
import { packReport, reportDigest } from '../../protocol/report.ts'
import { asRound } from '../../protocol/rounds.ts'
import type { Price } from '../../protocol/units.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../test/support/chain/anvil.ts'
import { type TestMember, testGroup, testMember } from '../../test/support/chain/signing.ts'

/** No digit is zero and the low ones change: a price that compresses well would be cheaper than real ones. */
const FIRST_PRICE = 2_345_678_901_234_567_891n
const PRICE_STEP = 7_654_321_987_654_321n
const CONFIDENCE_BPS = 17

export type Kind = Certificate['kind']

export class PriceChain {
  readonly #anvil: Anvil
  readonly #client: ReturnType<typeof connect>
  readonly #deployment: Deployment
  readonly #domain: Domain
  readonly #members: readonly TestMember[]
  /** On chain a signature of the group looks the same whoever made it, and out of how many shares. */
  readonly #group = testGroup('bench')
  #timeSec = 0
  #price = FIRST_PRICE

  private constructor(
    anvil: Anvil,
    client: ReturnType<typeof connect>,
    deployment: Deployment,
    members: readonly TestMember[],
  ) {
    this.#anvil = anvil
    this.#client = client
    this.#deployment = deployment
    this.#members = members
    const registry = deployment.contracts.oracleRegistry.toLowerCase() as Address
    this.#domain = { chainId: deployment.chainId, registry }
  }

  static async start(n: number): Promise<PriceChain> {
    const anvil = await startAnvil()
    try {
      const members = Array.from({ length: n }, (_, slot) => testMember(`bench member ${slot}`))
      const deployment = await deploy({
        rpcUrl: anvil.rpcUrl,
        deployer: fundedAccount(0),
        members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
        aggregators: [],
        genesis: [],
        epochLengthSec: 60,
      })
      const chain = new PriceChain(anvil, connect(anvil.rpcUrl), deployment, members)
      await chain.#installGroupKey()
      return chain
    } catch (error) {
      await anvil.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    return this.#anvil.stop()
  }

  /** Puts the next second's price on chain. @returns gas of the whole transaction */
  async update(kind: Kind): Promise<number> {
    this.#timeSec += 1
    this.#price += PRICE_STEP
    await this.#client.setNextBlockTimestamp({ timestamp: BigInt(this.#timeSec) })
    const word = packReport({
      price: this.#price as Price,
      confidence: CONFIDENCE_BPS,
      observedAt: this.#timeSec,
      round: asRound(this.#timeSec * 10),
    })
    const digest = reportDigest(this.#domain, this.#deployment.feedId, word)
    const certificate = this.#certify(kind, digest)
    const { priceFeed } = this.#deployment.contracts
    const report = { keyEpoch: 1, feedId: this.#deployment.feedId, word, certificate }
    return Number((await this.#send(updateCall(priceFeed, report))).gasUsed)
  }

  #certify(kind: Kind, digest: Uint8Array): Certificate {
    return kind === 'group'
      ? { kind, signature: this.#group.sign(digest) }
      : { kind, signatures: this.#quorumSignatures(digest) }
  }

  /** Ascending by signer, as the contracts ask for them. */
  #quorumSignatures(digest: Uint8Array): Uint8Array[] {
    return this.#members
      .slice(0, quorumOf(this.#members.length).q)
      .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
      .map(({ secret }) => nobleIdentityCrypto.sign(digest, secret))
  }

  async #installGroupKey(): Promise<void> {
    const participants = bitmapOf(this.#members.map((_, slot) => slot))
    const transcriptHash: Hex = `0x${'5a'.repeat(32)}`
    const { px } = this.#group
    const digest = digestOf(this.#domain, STRUCTS.groupKey, {
      ...{ keyEpoch: 1, registryVersion: 1, memberSet: 1 },
      ...{ transcriptHash, participants, px },
    })
    const { r, s } = this.#group.sign(digest)
    await this.#send({
      address: this.#deployment.contracts.oracleRegistry,
      abi: oracleRegistryAbi,
      functionName: 'rotateGroupKey',
      args: [px, transcriptHash, participants, r, s, this.#quorumSignatures(digest).map(contractSignature)],
    })
    this.#timeSec = Number((await this.#client.getBlock()).timestamp)
  }

  async #send({ abi, ...call }: ContractCall): Promise<TransactionReceipt> {
    const hash = await this.#client.writeContract({ ...call, abi, args: [...call.args], chain: null })
    const receipt = await this.#client.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${call.functionName} reverted`)
    return receipt
  }
}

function connect(rpcUrl: string) {
  const account = fundedAccount(0)
  return createTestClient({ mode: 'anvil', account, transport: http(rpcUrl), pollingInterval: 20 })
    .extend(publicActions)
    .extend(walletActions)
}
