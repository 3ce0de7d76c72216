/** Hands a bundle out: every active member is told of it, fetches it, and says when its copy is on disk. */
import type { Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { type EpochReport, encodeEpochReport } from '../../protocol/epoch/report.ts'
import { activeMembers, type Member, type Membership } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import { askMembers } from './ask-members.ts'

/** A large bundle takes its time over a slow line; who has it sooner is not held up. */
const OFFER_TIMEOUT_MS = 60_000
/** Members of one machine room have it at about the same time. */
const LINGER_MS = 100
const STORED = 1

export interface PublisherDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
}

export class Publisher {
  readonly #deps: PublisherDeps
  /** Who holds which bundle: of the last one offered only, as an epoch has one at a time. */
  #bundleHash: Hash | undefined
  #holders = new Set<number>()
  #asking = new Map<number, Promise<boolean>>()

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  /** Offers the bundle to all who do not hold it, and resolves with the number of copies once they are enough. */
  async offer(report: EpochReport, membership: Membership, signal: AbortSignal): Promise<number> {
    if (this.#bundleHash !== report.bundleHash) {
      this.#bundleHash = report.bundleHash
      this.#holders = new Set()
      this.#asking = new Map()
    }
    const holders = this.#holders
    const connected = new Set(this.#deps.network.connected())
    const missing = activeMembers(membership).filter(
      ({ slot, peerKey }) => !holders.has(slot) && connected.has(peerKey),
    )
    const waitMs = holders.size >= membership.quorum.q ? 0 : LINGER_MS
    await askMembers(missing, member => this.#offerTo(member, report, signal), {
      enough: () => (holders.size >= membership.quorum.q ? waitMs : undefined),
      clock: this.#deps.clock,
      signal,
    })
    return holders.size
  }

  /** One offer a member at a time: an earlier one may still be under way. */
  #offerTo(member: Member, report: EpochReport, signal: AbortSignal): Promise<boolean> {
    const [asking, holders] = [this.#asking, this.#holders]
    const known = asking.get(member.slot)
    if (known !== undefined) return known
    const asked = this.#request(member, report, signal)
      .then(stored => {
        if (stored) holders.add(member.slot)
        return stored
      })
      .catch((error: unknown) => {
        const { slot } = member
        this.#deps.logger.debug('a member has not taken a bundle', { slot, epoch: report.epoch, error })
        return false
      })
      .finally(() => asking.delete(member.slot))
    asking.set(member.slot, asked)
    return asked
  }

  async #request({ peerKey }: Member, report: EpochReport, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#deps.network.request(peerKey, CHANNELS.epochOffer, encodeEpochReport(report), {
      timeoutMs: OFFER_TIMEOUT_MS,
      maxReplyBytes: 1,
      signal,
    })
    return reply[0] === STORED
  }
}
