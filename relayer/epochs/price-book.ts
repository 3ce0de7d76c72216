/**
 * P_e: the highest certified price of an epoch. Auditors refuse an epoch when they hold a higher one, so the relayer
 * takes the highest of its own and of all that any oracle node shows.
 */
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { membershipUnder } from '../../chain/settlement/view.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { type CertifiedReport, verifyCertifiedReport } from '../../protocol/certificate.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { decodePriceReply, encodePriceRequest } from '../../protocol/epoch/messages.ts'
import { type EpochClock, epochOf } from '../../protocol/epoch/time.ts'
import type { CertificateCrypto } from '../../protocol/identity.ts'
import { activeMembers, type Membership } from '../../protocol/membership.ts'
import { unpackReport } from '../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES } from '../../protocol/round/certified.ts'
import type { RoundTiming } from '../../protocol/round/timing.ts'
import type { Price } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { PeerNetwork, Verdict } from '../../runtime/p2p/peer-network.ts'
import { askMembers } from './ask-members.ts'
import { type PriceStore, priceOf } from './price-store.ts'

/** A node looks the certificate up in its own database. */
const REQUEST_TIMEOUT_MS = 1_500

export interface PriceBookOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly epochs: EpochClock
  readonly timing: Pick<RoundTiming, 'roundMs' | 'skewMs'>
}

export interface PriceBookDeps {
  readonly clock: Clock
  readonly crypto: CertificateCrypto
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly store: PriceStore
  readonly membership: () => Membership | undefined
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  readonly chain: Pick<SettlementReader, 'groupKeyOf'>
  /** The later of wall clock and block time. */
  readonly nowMs: () => number
}

export class PriceBook {
  readonly #options: PriceBookOptions
  readonly #deps: PriceBookDeps
  #newest: CertifiedReport | undefined

  constructor(options: PriceBookOptions, deps: PriceBookDeps) {
    this.#options = options
    this.#deps = deps
    this.#newest = deps.store.newest()
  }

  /** The last certified price that came; undefined before the first. */
  current(): Price | undefined {
    return this.#newest === undefined ? undefined : unpackReport(this.#newest.word).price
  }

  /** Judges an announcement from the network, and keeps its report when it is the epoch's highest. */
  admit(bytes: Uint8Array): Verdict {
    const { domain, feedId, epochs } = this.#options
    const admission = admitCertified(bytes, {
      domain,
      feedId,
      membershipAt: this.#deps.membershipAt,
      nowMs: this.#deps.nowMs(),
      timing: this.#options.timing,
      highestCertified: this.#newest === undefined ? 0 : unpackReport(this.#newest.word).round,
      crypto: this.#deps.crypto,
    })
    if (admission.verdict !== 'accept') return admission.verdict
    const { report } = admission.announcement
    this.#newest = report
    this.#deps.store.offer(epochOf(epochs, unpackReport(report.word).observedAt), report)
    return 'accept'
  }

  /** The highest price of an epoch that anybody connected can show; members that are silent are passed over. */
  async highest(epoch: number, signal: AbortSignal): Promise<CertifiedReport | undefined> {
    const { store, clock } = this.#deps
    const membership = this.#deps.membership()
    if (membership === undefined) return store.highest(epoch)
    const connected = new Set(this.#deps.network.connected())
    const members = activeMembers(membership).filter(({ peerKey }) => connected.has(peerKey))
    const answers = await askMembers(members, ({ peerKey }) => this.#ask(peerKey, epoch, signal), {
      // The highest may be the last: all are waited for, as long as a request may take.
      enough: () => undefined,
      clock,
      signal,
    })
    for (const answer of answers) {
      if ('value' in answer && answer.value !== undefined && this.#isOf(answer.value, epoch, membership))
        store.offer(epoch, answer.value)
    }
    return store.highest(epoch)
  }

  async #ask(
    peerKey: Membership['members'][number]['peerKey'],
    epoch: number,
    signal: AbortSignal,
  ): Promise<CertifiedReport | undefined> {
    const reply = await this.#deps.network.request(peerKey, CHANNELS.epochPrice, encodePriceRequest(epoch), {
      timeoutMs: REQUEST_TIMEOUT_MS,
      maxReplyBytes: MAX_CERTIFIED_BYTES,
      signal,
    })
    return decodePriceReply(reply)
  }

  #isOf(report: CertifiedReport, epoch: number, membership: Membership): boolean {
    const { domain, feedId, epochs } = this.#options
    const known = this.#deps.store.highest(epoch)
    // Before the signature: most members show the same one.
    if (known !== undefined && priceOf(known) >= priceOf(report)) return false
    if (report.feedId !== feedId || epochOf(epochs, unpackReport(report.word).observedAt) !== epoch)
      return false
    // A price may have been certified just before a rotation.
    const certifiers = membershipUnder(report.keyEpoch, this.#deps.chain, membership)
    return certifiers !== undefined && verifyCertifiedReport(domain, certifiers, report, this.#deps.crypto)
  }
}
