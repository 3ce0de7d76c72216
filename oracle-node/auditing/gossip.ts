/** What this node hears of an epoch while it lasts: roots of challenge windows, promises, certified prices. */
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { DecodeError } from '../../protocol/bytes.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import { topicOf } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { decodeWindowSeal, SEALED_WINDOW_BYTES, type WindowSeal } from '../../protocol/epoch/messages.ts'
import { epochOf } from '../../protocol/epoch/time.ts'
import {
  drawSec,
  isWindow,
  slotEndSec,
  slotStartSec,
  type WindowTerms,
  windowBeacon,
} from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type Membership, relayerByIdentity } from '../../protocol/membership.ts'
import { MESSAGE_KIND, openMessage } from '../../protocol/message.ts'
import { unpackReport } from '../../protocol/report.ts'
import {
  decodeInclusion,
  encodeInclusion,
  promisedBy,
  type SignedInclusion,
} from '../../protocol/usage/inclusion.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork, Verdict } from '../../runtime/p2p/peer-network.ts'
import type { AuditStore } from './audit-store.ts'

/** A promise on the wire: epoch, worker, sequences, root and signature. */
export const INCLUSION_BYTES = 6 + 20 + 6 + 6 + 32 + 64

export interface HearingDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly chain: Pick<SettlementReader, 'clock' | 'head' | 'settlement' | 'refresh' | 'lastBlockBefore'>
  readonly network: Pick<PeerNetwork, 'subscribe' | 'publish'>
  readonly store: AuditStore
  readonly membership: () => Membership | undefined
}

export type InclusionRefusal =
  | 'MALFORMED'
  /** Its epoch is settled, or has not begun. */
  | 'EPOCH_OVER'
  /** No registered relayer signed it. */
  | 'NOT_PROMISED'

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
      INCLUSION_BYTES,
      data => this.#validateInclusion(data),
      () => {},
    )
  }

  /** A certificate that has been checked. */
  noteCertified(report: CertifiedReport): void {
    const epoch = epochOf(this.#windows.clock, unpackReport(report.word).observedAt)
    if (epoch >= this.#deps.chain.settlement().nextEpoch) this.#deps.store.raisePrice(epoch, report)
  }

  /** Takes a promise that somebody shows, and passes it on. */
  showInclusion(bytes: Uint8Array): InclusionRefusal | undefined {
    const inclusion = decoded(() => decodeInclusion(bytes))
    if (inclusion === undefined) return 'MALFORMED'
    const refused = this.#refuseInclusion(inclusion)
    if (refused !== undefined) return refused
    if (this.#deps.store.addInclusion(inclusion))
      this.#deps.network
        .publish(topicOf(this.#domain, 'inclusions'), encodeInclusion(inclusion))
        .catch(() => {})
    return undefined
  }

  #validateInclusion(data: Uint8Array): Verdict {
    const inclusion = decoded(() => decodeInclusion(data))
    if (inclusion === undefined) return 'reject'
    if (this.#refuseInclusion(inclusion) !== undefined) return 'ignore'
    return this.#deps.store.addInclusion(inclusion) ? 'accept' : 'ignore'
  }

  #refuseInclusion(inclusion: SignedInclusion): InclusionRefusal | undefined {
    const { chain, crypto } = this.#deps
    const { epoch } = inclusion.receipt
    const current = epochOf(chain.clock, chain.head().latest.timestampSec)
    // Blocks may be seen a moment later than the relayer saw them.
    if (epoch < chain.settlement().nextEpoch || epoch > current + 1) return 'EPOCH_OVER'
    const relayer = promisedBy(this.#domain, inclusion, crypto)
    const membership = this.#deps.membership()
    if (relayer === undefined || membership === undefined) return 'NOT_PROMISED'
    return relayerByIdentity(membership, relayer) === undefined ? 'NOT_PROMISED' : undefined
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

  /** Before the block that the draw depends on, by this node's clock and by its chain; never before the deadline. */
  #isInTime({ window }: WindowSeal): boolean {
    const { clock, chain } = this.#deps
    const until = drawSec(this.#windows, window)
    const chainSec = chain.head().latest.timestampSec
    // A node whose chain is a block behind hears of the deadline from the relayer.
    const mayHaveEnded = slotEndSec(this.#windows, window) <= Math.max(chainSec, clock.now() / 1_000) + 1
    return mayHaveEnded && chainSec < until && clock.now() < until * 1_000
  }

  /** Kept by the time it came, once the chain says that there was such a window. */
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
        this.#deps.logger.warn('a window could not be looked up on chain: its epoch may be refused', {
          window: seal.window,
          error,
        })
      })
  }

  async #wasWindow(window: number): Promise<boolean> {
    const { chain } = this.#deps
    const startSec = slotStartSec(this.#windows, window)
    let before = await chain.lastBlockBefore(startSec)
    if (before === undefined) {
      await chain.refresh()
      before = await chain.lastBlockBefore(startSec)
    }
    if (before === undefined) return false
    return isWindow(this.#windows, window, windowBeacon(this.#domain, window, before.hash))
  }
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
