/** What this node hears of an epoch while it lasts: roots of challenge windows, promises, certified prices. */
import type { SettlementReader } from '../../chain/settlement/types.ts'
import type { Beacons } from '../../member/beacons/beacons.ts'
import { decoded } from '../../protocol/bytes.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import { topicOf } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { decodeWindowSeal, SEALED_WINDOW_BYTES, type WindowSeal } from '../../protocol/epoch/messages.ts'
import {
  checkPromised,
  decodePromised,
  MAX_PROMISED_BYTES,
  PROMISE_REFUSALS,
  type PromisedBatch,
} from '../../protocol/epoch/promised-batch.ts'
import { epochOf } from '../../protocol/epoch/time.ts'
import { drawSec, isWindow, slotEndSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type Membership, relayerByIdentity } from '../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage } from '../../protocol/message.ts'
import { unpackReport } from '../../protocol/report.ts'
import { promisedBy } from '../../protocol/usage/inclusion.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork, Verdict } from '../../runtime/p2p/peer-network.ts'
import type { AuditStore } from './audit-store.ts'

export interface HearingDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly chain: Pick<SettlementReader, 'clock' | 'head' | 'settlement' | 'isWorker'>
  readonly beacons: Pick<Beacons, 'ask'>
  readonly network: Pick<PeerNetwork, 'subscribe' | 'publish'>
  readonly store: AuditStore
  readonly membership: () => Membership | undefined
  /** Aborts when the node stops. */
  readonly lifetime: AbortSignal
}

export const INCLUSION_REFUSALS = ['MALFORMED', 'EPOCH_OVER', 'FULL', ...PROMISE_REFUSALS] as const
/** EPOCH_OVER: its epoch is settled, or has not begun. FULL: as much as is kept has been promised for its epoch. */
export type InclusionRefusal = (typeof INCLUSION_REFUSALS)[number]

type Heard = 'added' | 'known' | InclusionRefusal

export class Hearing {
  readonly #domain: Domain
  readonly #windows: WindowTerms
  readonly #deps: HearingDeps

  constructor(options: { readonly domain: Domain; readonly windows: WindowTerms }, deps: HearingDeps) {
    this.#domain = options.domain
    this.#windows = options.windows
    this.#deps = deps
  }

  subscribe(): void {
    const { network } = this.#deps
    network.subscribe(
      topicOf(this.#domain, 'windows'),
      SEALED_WINDOW_BYTES,
      data => this.#validateSeal(data),
      data => this.#takeSeal(data),
    )
    network.subscribe(
      topicOf(this.#domain, 'inclusions'),
      MAX_PROMISED_BYTES,
      data => this.#validateInclusion(data),
      () => {},
    )
  }

  /** A certificate that has been checked. */
  noteCertified(report: CertifiedReport): void {
    const epoch = epochOf(this.#windows.clock, unpackReport(report.word).observedAt)
    if (epoch >= this.#deps.chain.settlement().nextEpoch) this.#deps.store.raisePrice(epoch, report)
  }

  /** Takes a promise that somebody shows with its batch, and passes both on: enough nodes have to miss it. */
  showInclusion(bytes: Uint8Array): InclusionRefusal | undefined {
    const heard = this.#hear(bytes)
    if (heard === 'added')
      this.#deps.network.publish(topicOf(this.#domain, 'inclusions'), bytes.slice()).catch(() => {})
    return heard === 'added' || heard === 'known' ? undefined : heard
  }

  #validateInclusion(data: Uint8Array): Verdict {
    switch (this.#hear(data)) {
      case 'added':
        return 'accept'
      // These depend on the message alone.
      case 'MALFORMED':
      case 'OTHER_BATCH':
      case 'BAD_SIGNATURE':
        return 'reject'
      default:
        return 'ignore'
    }
  }

  #hear(bytes: Uint8Array): Heard {
    const promised = decoded(() => decodePromised(bytes))
    if (promised === undefined) return 'MALFORMED'
    if (!this.#isOfNow(promised)) return 'EPOCH_OVER'
    const { crypto, chain, store } = this.#deps
    const membership = this.#deps.membership()
    if (membership === undefined) return 'NOT_PROMISED'
    const { inclusion } = promised
    const promiser = promisedBy(this.#domain, inclusion, crypto)
    // Before a thousand records are hashed again.
    if (promiser !== undefined && store.hasPromise(inclusion, promiser)) return 'known'
    const checked = checkPromised(promised, {
      domain: this.#domain,
      crypto,
      isRelayer: address => relayerByIdentity(membership, address) !== undefined,
      isWorker: address => chain.isWorker(address),
    })
    if ('refused' in checked) return checked.refused
    const kept = store.addPromise(promised, checked.relayer)
    return kept === 'full' ? 'FULL' : kept
  }

  #isOfNow({ inclusion }: PromisedBatch): boolean {
    const { chain } = this.#deps
    const { epoch } = inclusion.receipt
    const current = epochOf(chain.clock, chain.head().latest.timestampSec)
    // What was promised for an emptied epoch is owed in the next one. Blocks may be seen a moment later than the relayer
    // saw them.
    return epoch >= chain.settlement().owedFrom && epoch <= current + 1
  }

  #validateSeal(data: Uint8Array): Verdict {
    const membership = this.#deps.membership()
    if (membership === undefined) return 'ignore'
    const opened = decoded(() => openMessage(this.#domain, MESSAGE_KIND.windowSeal, data, this.#deps.crypto))
    const seal = opened === undefined ? undefined : decoded(() => decodeWindowSeal(opened.body))
    if (opened === undefined || seal === undefined) return 'reject'
    if (relayerByIdentity(membership, opened.sender) === undefined) return 'ignore'
    if (!this.#isInTime(seal)) return 'ignore'
    const known = this.#deps.store.sealedRoot(seal.window)
    if (known === undefined) return 'accept'
    if (known !== seal.root)
      this.#deps.logger.warn('a relayer sealed a window twice, and differently: the first counts', {
        window: seal.window,
        relayer: opened.sender,
      })
    return 'ignore'
  }

  /** Before the draw may be made, by this node's clock and by its chain; never before the deadline. */
  #isInTime({ window }: WindowSeal): boolean {
    const { clock, chain } = this.#deps
    const until = drawSec(this.#windows, window)
    const chainSec = chain.head().latest.timestampSec
    // A node whose chain is a block behind hears of the deadline from the relayer.
    const mayHaveEnded = slotEndSec(this.#windows, window) <= Math.max(chainSec, clock.now() / 1_000) + 1
    return mayHaveEnded && chainSec < until && clock.now() < until * 1_000
  }

  /** Kept by the time it came, once its slot's beacon says that there was such a window. */
  #takeSeal(data: Uint8Array): void {
    const receivedMs = this.#deps.clock.now()
    const { body } = openMessage(this.#domain, MESSAGE_KIND.windowSeal, data, this.#deps.crypto)
    const seal = decodeWindowSeal(body)
    this.#wasWindow(seal.window)
      .then(was => {
        if (was) this.#deps.store.addSeal(seal, receivedMs)
        else this.#deps.logger.warn('a relayer sealed a window that there was not', { window: seal.window })
      })
      .catch((error: unknown) => {
        if (this.#deps.lifetime.aborted) return
        this.#deps.logger.warn('the beacon of a window could not be had: its epoch may be refused', {
          window: seal.window,
          error,
        })
      })
  }

  async #wasWindow(window: number): Promise<boolean> {
    const { beacons, lifetime } = this.#deps
    const beacon = await beacons.ask({ kind: 'window', slot: window }, lifetime)
    return beacon !== undefined && isWindow(this.#windows, window, beacon)
  }
}
