/**
 * Brings receipts to the relayer. It has had each before work was done under it; it may have lost it since. Records
 * count only under receipts that the relayer can show, and an oracle node that knows of one which the relayer has not
 * refuses the whole epoch: so only those are shown to oracle nodes that the relayer has taken.
 */
import type { Hex } from '../../protocol/bytes.ts'
import type { UsageBatch } from '../../protocol/usage/batch.ts'
import { channelKey, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, channelOf } from '../../protocol/usage/record.ts'
import type { Logger } from '../../runtime/logger.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'
import type { ChannelStore, WaitingReceipt } from '../store/channel-store.ts'

export interface ReceiptSender {
  /** Sends each receipt that waits once. @returns those that the relayer has taken */
  give(signal: AbortSignal): Promise<SignedReceipt[]>
  /** Whether a batch has a record whose receipt is still on its way. */
  lacksReceipt(batch: UsageBatch): boolean
}

export interface ReceiptSenderDeps {
  readonly store: ChannelStore
  readonly relayer: Pick<RelayerClient, 'postReceipt'>
  readonly logger: Logger
}

const READ_AT_ONCE = 256
const SENT_AT_ONCE = 8
/** A batch waits this often for a receipt: others' records are in it, and must not come an epoch too late. */
const HELD_BACK_TRIES = 3
/** Ten minutes of one a second, after which the relayer is taken at its word. */
const MAX_REFUSALS = 600
/** A hold is with the relayer sooner or later, or has been and has expired. */
const PASSING_CODES: ReadonlySet<string> = new Set(['NO_HOLD'])

type Answer = 'taken' | 'refused' | 'later' | 'silent'

export function createReceiptSender({ store, relayer, logger }: ReceiptSenderDeps): ReceiptSender {
  const post = async ({ receipt }: WaitingReceipt, signal: AbortSignal): Promise<Answer> => {
    try {
      await relayer.postReceipt(receipt, signal)
      return 'taken'
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status === 0) return 'silent'
      return error.retryable || PASSING_CODES.has(error.code) ? 'later' : 'refused'
    }
  }
  const note = (item: WaitingReceipt, answer: Answer): void => {
    if (answer === 'taken') {
      store.receiptSettled(item)
    } else if (answer === 'refused' || (answer === 'later' && item.refusals + 1 >= MAX_REFUSALS)) {
      logger.warn('the relayer refused a receipt for good', { channel: item.key })
      store.receiptSettled(item)
    } else {
      store.receiptFailed(item, answer === 'later')
    }
  }
  const giveAll = async (
    waiting: readonly WaitingReceipt[],
    taken: SignedReceipt[],
    signal: AbortSignal,
  ): Promise<boolean> => {
    for (let from = 0; from < waiting.length; from += SENT_AT_ONCE) {
      const some = waiting.slice(from, from + SENT_AT_ONCE)
      const answers = await Promise.all(some.map(item => post(item, signal)))
      signal.throwIfAborted()
      answers.forEach((answer, index) => {
        const item = some[index]
        if (item === undefined) return
        note(item, answer)
        if (answer === 'taken') taken.push(item.receipt)
      })
      // The next ones would wait as long for nothing.
      if (answers.includes('silent')) return false
    }
    return true
  }

  return {
    give: async signal => {
      const taken: SignedReceipt[] = []
      const sent = new Set<Hex>()
      for (;;) {
        const waiting = store.waitingReceipts(READ_AT_ONCE).filter(({ key }) => !sent.has(key))
        if (waiting.length === 0) return taken
        for (const { key } of waiting) sent.add(key)
        if (!(await giveAll(waiting, taken, signal))) return taken
      }
    },
    lacksReceipt: ({ worker, seqFrom, records }) => {
      const last = new Map<Hex, number>()
      records.forEach((record, index) => {
        if (record.kind !== AVAILABILITY_KIND)
          last.set(channelKey(channelOf(worker, record)), seqFrom + index)
      })
      return [...last].some(([key, sequence]) => store.lacksReceipt(key, sequence, HELD_BACK_TRIES))
    },
  }
}
