/**
 * Brings records to the relayer. What is sent was stored before, byte for byte, and is sent until a registered relayer
 * has promised it: a crash at any point repeats a batch, and the relayer answers a repeated batch with its first
 * promise.
 */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  batchDigest,
  batchIdentity,
  encodeSignedBatch,
  MAX_BATCH_RECORDS,
  type SignedBatch,
} from '../../protocol/usage/batch.ts'
import { promisedBy, type SignedInclusion } from '../../protocol/usage/inclusion.ts'
import type { SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'
import type { WorkerStore } from '../store/worker-store.ts'
import { createReceiptSender } from './receipt-sender.ts'

/** What came of sending one batch. */
export type BatchOutcome =
  | 'included'
  /** Not now: no answer, or not from a relayer that the registry lists. */
  | 'waits'
  /** Its numbers are taken by something else: it gets new ones. */
  | 'renumbered'
  | 'refused'

export interface Outbox extends Service {
  /** Sends all that waits without waiting for the next turn. */
  flush(): void
}

export interface OutboxOptions {
  readonly domain: Domain
  readonly worker: Address
  readonly everyMs: number
  /** Oracle nodes to be shown every promise. */
  readonly oracleUrls: readonly string[]
}

export interface OutboxDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: WorkerStore
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly sign: (digest: Uint8Array) => Uint8Array
  readonly relayer: Pick<RelayerClient, 'postBatch' | 'postReceipt' | 'worker'>
  readonly isRelayer: (address: Address) => boolean
  /** Best effort: oracle nodes are to know the receipts, so that no relayer can hold them back. */
  readonly showReceipts: (receipts: readonly SignedReceipt[], signal: AbortSignal) => Promise<void>
  readonly count: (outcome: BatchOutcome) => void
}

const RETRY_MS = 1_000
/** Batches read at once. */
const BATCHES_A_READ = 16

export function createOutbox(options: OutboxOptions, deps: OutboxDeps): Outbox {
  const { clock, logger, store, relayer } = deps
  const receipts = createReceiptSender({ store: store.channels, relayer, logger })
  let stopping: AbortController | undefined
  let running: Promise<void> | undefined
  let wake: AbortController | undefined
  let flushAsked = false

  const formBatches = (): void => {
    for (;;) {
      const formed = store.transaction(() => {
        const unbatched = store.outbox.unbatched(MAX_BATCH_RECORDS)
        if (unbatched === undefined) return false
        const batch = { worker: options.worker, ...unbatched }
        const signature = deps.sign(batchDigest(options.domain, batchIdentity(batch)))
        store.outbox.addBatch({ batch, signature })
        return true
      })
      if (!formed) return
    }
  }

  /** Everything that waits gets numbers above all that the relayer has taken. @returns undefined: not for now */
  const renumber = async (first: number, signal: AbortSignal): Promise<boolean | undefined> => {
    const { nextSequence } = await relayer.worker(options.worker, signal)
    if (nextSequence <= first) return false
    if (!takeNumber(nextSequence)) return undefined
    logger.warn('the relayer knows other records under these numbers, ours were numbered anew', {
      first,
      nextSequence,
    })
    return true
  }

  const takeNumber = (nextSequence: number): boolean => {
    const taken = store.transaction(() => store.outbox.renumber(nextSequence))
    if (!taken) logger.error('the relayer names a number that no record can have next', { nextSequence })
    return taken
  }

  const onRefusal = async (
    { batch }: SignedBatch,
    error: unknown,
    signal: AbortSignal,
  ): Promise<BatchOutcome> => {
    signal.throwIfAborted()
    if (!isFinal(error)) {
      logger.warn('the relayer did not take a batch, it is sent again', { seqFrom: batch.seqFrom, error })
      return 'waits'
    }
    const code = error instanceof ProblemError ? error.code : 'OTHER_BATCH'
    if (NUMBER_CODES.has(code)) {
      const renumbered = await renumber(batch.seqFrom, signal).catch((cause: unknown) => {
        logger.warn('the relayer did not say which number is next', { error: cause })
        return undefined
      })
      if (renumbered === undefined) return 'waits'
      if (renumbered) return 'renumbered'
    }
    store.outbox.refused(batch.seqFrom, code)
    logger.error('the relayer refused a batch for good: its records will not be paid', {
      seqFrom: batch.seqFrom,
      records: batch.records.length,
      code,
    })
    return 'refused'
  }

  const sendBatch = async (signed: SignedBatch, signal: AbortSignal): Promise<BatchOutcome> => {
    const { seqFrom } = signed.batch
    let inclusion: SignedInclusion
    try {
      inclusion = await relayer.postBatch(encodeSignedBatch(signed), signal)
    } catch (error) {
      return onRefusal(signed, error, signal)
    }
    const promiser = promisedBy(options.domain, inclusion, deps.crypto)
    if (promiser === undefined || !deps.isRelayer(promiser)) {
      logger.warn('what promises a batch is no registered relayer, it is sent again', { seqFrom, promiser })
      return 'waits'
    }
    const own = batchIdentity(signed.batch)
    const { receipt } = inclusion
    const same =
      receipt.worker === own.worker &&
      receipt.seqFrom === own.seqFrom &&
      receipt.seqTo === own.seqTo &&
      receipt.batchRoot === own.batchRoot
    if (!same) return onRefusal(signed, new OtherBatchError(), signal)
    store.transaction(() => store.outbox.included(seqFrom, inclusion, options.oracleUrls))
    logger.debug('batch included', { seqFrom, records: signed.batch.records.length, epoch: receipt.epoch })
    return 'included'
  }

  /** @returns whether something has to be tried again soon */
  const sendBatches = async (signal: AbortSignal): Promise<boolean> => {
    let renumberings = 0
    for (;;) {
      const waiting = store.outbox.waiting(BATCHES_A_READ)
      if (waiting.length === 0) return false
      for (const signed of waiting) {
        // Sent before its receipt, a record may be counted without it, which is for nothing.
        if (receipts.lacksReceipt(signed.batch)) return true
        const outcome = await sendBatch(signed, signal)
        deps.count(outcome)
        if (outcome === 'waits') return true
        if (outcome === 'renumbered') {
          // Others may take numbers of ours as fast as we choose them: only whoever copied this key can.
          if (++renumberings > 1) return true
          formBatches()
          break
        }
      }
    }
  }

  /**
   * Before the first batch: a lost database must not begin again with numbers that are taken.
   *
   * @returns whether the numbers can be used
   */
  const startNumbers = async (signal: AbortSignal): Promise<boolean> => {
    if (!store.outbox.isFresh()) return true
    const known = await relayer.worker(options.worker, signal).catch(() => undefined)
    if (known === undefined) return false
    if (known.nextSequence <= 1) return true
    if (!takeNumber(known.nextSequence)) return false
    logger.warn('this worker has stated records before that are not in its database', {
      nextSequence: known.nextSequence,
    })
    return true
  }
  let isNumbered = false

  /** @returns whether something has to be tried again soon */
  const turn = async (signal: AbortSignal): Promise<boolean> => {
    isNumbered ||= await startNumbers(signal)
    if (!isNumbered) return true
    formBatches()
    const taken = await receipts.give(signal)
    const again = await sendBatches(signal)
    await deps.showReceipts(taken, signal)
    return again
  }

  const repeat = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      flushAsked = false
      let waitMs = options.everyMs
      try {
        if (await turn(signal)) waitMs = Math.min(RETRY_MS, waitMs)
      } catch (error) {
        if (signal.aborted) return
        logger.error('sending usage failed', { error })
        waitMs = Math.min(RETRY_MS, waitMs)
      }
      if (flushAsked) continue
      wake = new AbortController()
      await clock.sleep(waitMs, AbortSignal.any([signal, wake.signal])).catch(() => {})
    }
  }

  return {
    name: 'outbox',
    flush: () => {
      flushAsked = true
      wake?.abort(new Error('there is something to send'))
    },
    start: async () => {
      stopping = new AbortController()
      running = repeat(stopping.signal)
    },
    stop: async () => {
      stopping?.abort(new Error('the outbox is stopping'))
      await running
      running = undefined
    },
  }
}

/** The promise is for another batch of these numbers. */
class OtherBatchError extends Error {
  readonly code = 'OTHER_BATCH'
  constructor() {
    super('the relayer promised another batch under these numbers')
    this.name = 'OtherBatchError'
  }
}

const NUMBER_CODES: ReadonlySet<string> = new Set(['OVERLAPS', 'ALREADY_TAKEN', 'OTHER_BATCH'])
/** Refusals that time heals: a registration that the relayer has not seen, room that other batches will make. */
const PASSING_CODES: ReadonlySet<string> = new Set(['UNKNOWN_WORKER', 'TOO_FAR_AHEAD', 'TOO_MANY_GAPS'])

function isFinal(error: unknown): boolean {
  if (error instanceof OtherBatchError) return true
  return error instanceof ProblemError && !error.retryable && !PASSING_CODES.has(error.code)
}
