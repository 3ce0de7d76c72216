/** The only aggregator of the network: a peer in the test's own process that says what the price is. */
import { updateCall } from '../../../chain/price-feed.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { CHANNELS, topicOf } from '../../../protocol/channels.ts'
import { decodePriceReply, encodePriceRequest } from '../../../protocol/epoch/messages.ts'
import { packReport, reportDigest, unpackReport } from '../../../protocol/report.ts'
import { MAX_CERTIFIED_BYTES, sealCertified } from '../../../protocol/round/certified.ts'
import { asRound } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createPeerNetwork, type PeerKey, type PeerNetwork } from '../../../runtime/p2p/peer-network.ts'
import { fundedAccount } from '../chain/anvil.ts'
import { eventually } from '../devnet/eventually.ts'
import { listenAddress, type Node, peerAddress } from './node-files.ts'
import type { TestChain } from './test-chain.ts'

const WITHIN_MS = 20_000
const REQUEST_TIMEOUT_MS = 2_000

export class PriceDesk {
  readonly #chain: TestChain
  readonly #self: Node
  readonly #members: readonly PeerKey[]
  readonly #network: PeerNetwork
  #round = 0

  constructor(chain: TestChain, self: Node, others: readonly Node[], members: readonly PeerKey[]) {
    this.#chain = chain
    this.#self = self
    this.#members = members
    const allowed = new Set(others.map(({ party }) => party.peerKey))
    this.#network = createPeerNetwork(
      {
        seed: self.party.seed,
        listen: [listenAddress(self)],
        bootstrap: others.map(peerAddress),
        allowed: () => allowed,
        loopback: true,
      },
      { clock: systemClock, logger: silentLogger },
    )
    this.#network.subscribe(
      topicOf(chain.domain, 'certified'),
      MAX_CERTIFIED_BYTES,
      () => 'ignore',
      () => {},
    )
  }

  start(): Promise<void> {
    return this.#network.start(new AbortController().signal)
  }

  stop(): Promise<void> {
    return this.#network.stop()
  }

  /** Puts a price of the current epoch on chain. */
  async publishOnChain(price: Price): Promise<void> {
    const report = this.#certify(price, await this.#chain.nowSec())
    await this.#chain.send(fundedAccount(0), updateCall(this.#chain.deployment.contracts.priceFeed, report))
  }

  /** Gossips a price of the current epoch until `heard` says so; by default until all oracle nodes show it. */
  async announce(epoch: number, price: Price, heard?: () => Promise<boolean>): Promise<void> {
    const observedAt = await this.#chain.nowSec()
    const { domain } = this.#chain
    const topic = topicOf(domain, 'certified')
    await eventually(`a price of epoch ${epoch} at every node`, WITHIN_MS, async () => {
      // A message that nobody was there to hear is not sent again: the same price, a round later, is another one.
      const report = this.#certify(price, observedAt)
      const signers = this.#members.map((_, slot) => slot)
      await this.#network.publish(topic, sealCertified(domain, { report, signers }, this.#self.party.sign))
      return heard === undefined ? this.#allShow(epoch, price) : heard()
    })
  }

  #certify(price: Price, observedAt: number): CertifiedReport {
    const { group, domain, deployment } = this.#chain
    const { feedId } = deployment
    this.#round = Math.max(this.#round + 1, observedAt * 10)
    const word = packReport({ price, confidence: 5, observedAt, round: asRound(this.#round) })
    const signature = group.sign(reportDigest(domain, feedId, word))
    return { keyEpoch: 1, feedId, word, certificate: { kind: 'group', signature } }
  }

  async #allShow(epoch: number, price: Price): Promise<boolean> {
    const shown = await Promise.all(this.#members.map(member => this.#priceAt(member, epoch)))
    return shown.every(known => known === price)
  }

  async #priceAt(member: PeerKey, epoch: number): Promise<Price | undefined> {
    try {
      const reply = await this.#network.request(member, CHANNELS.epochPrice, encodePriceRequest(epoch), {
        timeoutMs: REQUEST_TIMEOUT_MS,
        maxReplyBytes: MAX_CERTIFIED_BYTES,
      })
      const report = decodePriceReply(reply)
      return report === undefined ? undefined : unpackReport(report.word).price
    } catch {
      // Not connected yet.
      return undefined
    }
  }
}
