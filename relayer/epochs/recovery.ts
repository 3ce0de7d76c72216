/**
 * Fetches what oracle nodes were shown for an epoch and this relayer lacks. Nodes refuse an epoch for it, rightly: it was
 * promised, by another relayer or before a disk was lost. So after such a refusal they are asked what they have, and the
 * next attempt is computed with it. Nobody is believed: each batch bears a relayer's promise and its worker's signature,
 * each receipt its payer's.
 */
import { hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { AuditRefusal } from '../../protocol/epoch/audit-types.ts'
import {
  decodeShownPage,
  encodeShownRequest,
  MAX_SHOWN_PAGE_BYTES,
  SHOWN_BEGIN,
  SHOWN_PARTS,
  type ShownCursor,
  type ShownPage,
} from '../../protocol/epoch/messages.ts'
import { activeMembers, type Member, type Membership } from '../../protocol/membership.ts'
import { encodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { Adoption } from '../intake/adoption.ts'
import { numbersOf, type OwedEpochs } from '../intake/owed-epochs.ts'
import type { EpochRecord, EpochRefusal } from './epoch-store.ts'

const RECOVERABLE: ReadonlySet<string> = new Set<AuditRefusal>(['MISSING_BATCH', 'MISSING_RECEIPT'])
const PAGE_TIMEOUT_MS = 10_000
/** What one member holds of an epoch, and as much again for pages that are not full. */
const MAX_PAGES = 600
/** Five times what one member remembers; what does not fit is asked for again. */
const MAX_RECEIPTS = 50_000
/** Contradictions that have been said, of one epoch. */
const MAX_SAID = 1_000

/** Members that missed something in the attempt before this one. */
export function slotsThatMiss(refusals: readonly EpochRefusal[], attempt: number): ReadonlySet<number> {
  const missing = refusals.filter(refusal => refusal.attempt === attempt - 1 && RECOVERABLE.has(refusal.code))
  return new Set(missing.map(({ slot }) => slot))
}

export interface RecoveryDeps {
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'request'>
}

export class Recovery {
  readonly #deps: RecoveryDeps
  /** The attempt for which everybody has been asked. */
  #done = ''
  #said: { epoch: number; readonly names: Set<string> } = { epoch: -1, names: new Set() }

  constructor(deps: RecoveryDeps) {
    this.#deps = deps
  }

  /**
   * Adopts what the members that refused the last attempt were shown. Who does not answer is left out: it refuses again,
   * and is asked again.
   *
   * @param owed the epoch, and the emptied ones before it: nodes miss what was promised for any of them
   * @param open called only when there is somebody to ask
   */
  async recover(
    { state: { epoch, attempt }, refusals }: EpochRecord,
    owed: OwedEpochs,
    membership: Membership,
    open: () => Adoption,
    signal: AbortSignal,
  ): Promise<void> {
    const slots = slotsThatMiss(refusals, attempt)
    if (slots.size === 0 || this.#done === `${epoch} ${attempt}`) return
    const adoption = open()
    let batches = 0
    // Workers show every node the same.
    const receipts = new Map<string, SignedReceipt>()
    for (const member of activeMembers(membership).filter(({ slot }) => slots.has(slot))) {
      try {
        for (const promisedFor of numbersOf(owed))
          for await (const page of this.#pages(member, promisedFor, signal)) {
            batches += this.#adopt(adoption, page, epoch, member)
            // The last epoch's pages have all receipts that still count.
            if (promisedFor < epoch && page.next?.part === 'receipts') break
            if (promisedFor < epoch) continue
            for (const signed of page.receipts)
              if (receipts.size < MAX_RECEIPTS) receipts.set(hexOf(encodeSignedReceipt(signed)), signed)
          }
      } catch (error) {
        signal.throwIfAborted()
        const fields = { epoch, slot: member.slot, error }
        this.#deps.logger.warn('an oracle node does not say what it was shown', fields)
      }
    }
    const kept = adoption.receipts([...receipts.values()])
    this.#done = `${epoch} ${attempt}`
    const fields = { epoch, attempt, batches, receipts: kept, slots: [...slots] }
    if (batches + kept > 0)
      this.#deps.logger.warn('an epoch lacked what oracle nodes had been shown: it is in now', fields)
    else this.#deps.logger.warn('oracle nodes miss something, and show nothing that could be added', fields)
  }

  #adopt(adoption: Adoption, page: ShownPage, epoch: number, { slot }: Member): number {
    let adopted = 0
    for (const answer of adoption.batches(page.batches)) {
      if ('adopted' in answer) adopted += 1
      if (!('refused' in answer) || !this.#isNew(epoch, answer.name)) continue
      const fields = { epoch, slot, batch: answer.name, code: answer.refused }
      this.#deps.logger.warn('a batch that an oracle node was shown cannot be added to its epoch', fields)
    }
    return adopted
  }

  #isNew(epoch: number, name: string): boolean {
    if (this.#said.epoch !== epoch) this.#said = { epoch, names: new Set() }
    const { names } = this.#said
    if (names.has(name) || names.size >= MAX_SAID) return false
    names.add(name)
    return true
  }

  async *#pages({ peerKey }: Member, epoch: number, signal: AbortSignal): AsyncGenerator<ShownPage> {
    let cursor: ShownCursor | undefined = SHOWN_BEGIN
    for (let pages = 0; cursor !== undefined && pages < MAX_PAGES; pages++) {
      const request = encodeShownRequest({ epoch, cursor })
      const options = { timeoutMs: PAGE_TIMEOUT_MS, maxReplyBytes: MAX_SHOWN_PAGE_BYTES, signal }
      const reply = await this.#deps.network.request(peerKey, CHANNELS.epochShown, request, options)
      const page = decodeShownPage(reply)
      yield page
      if (page.next !== undefined && !isBehind(page.next, cursor))
        throw new Error('its pages do not come to an end')
      cursor = page.next
    }
  }
}

function isBehind(next: ShownCursor, before: ShownCursor): boolean {
  const [a, b] = [SHOWN_PARTS.indexOf(next.part), SHOWN_PARTS.indexOf(before.part)]
  return a === b ? next.after > before.after : a > b
}
