/**
 * Oracle nodes are witnesses: they refuse an epoch that lacks what a relayer has promised. So each promise is shown to
 * them with its batch, which alone they could hold against nobody, again and again until they have seen it.
 */
import { encodePromised } from '../../protocol/epoch/promised-batch.ts'
import { encodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import { OCTETS, request } from '../../sdk/http.ts'
import { ProblemError } from '../../sdk/problem.ts'
import { MAX_SHOW_ATTEMPTS, type OutboxStore, type Showing } from '../store/outbox-store.ts'

/** Posts bytes to a path of one oracle node. @throws {ProblemError} */
export type PostBytes = (url: string, path: string, bytes: Uint8Array, signal: AbortSignal) => Promise<void>

const SHOW_EVERY_MS = 1_000
/** A full batch is 177 KB, and each goes to every oracle node. */
const SHOWN_AT_ONCE = 16
/** A witness that does not answer in this time is asked again later. */
const WITNESS_TIMEOUT_MS = 3_000

/** The chain of a node is behind: it has not seen the device that has just been registered. */
const MAY_CHANGE: ReadonlySet<string> = new Set(['UNKNOWN_WORKER'])

export const postToWitness: PostBytes = async (url, path, bytes, signal) => {
  await request(
    { url: url.replace(/\/+$/, ''), timeoutMs: WITNESS_TIMEOUT_MS },
    { method: 'POST', path, body: bytes, headers: { 'content-type': OCTETS }, signal },
  )
}

export interface WitnessDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: Pick<OutboxStore, 'showings' | 'shown' | 'showFailed'>
  readonly post: PostBytes
}

export function createWitnessLoop(deps: WitnessDeps): Service {
  const { store, logger, post } = deps
  const show = async (showing: Showing, signal: AbortSignal): Promise<void> => {
    const { seqFrom, url, attempts } = showing
    try {
      await post(url, '/v1/inclusions', encodePromised(showing), signal)
      store.shown(seqFrom, url)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ProblemError && !error.retryable && !MAY_CHANGE.has(error.code)) {
        logger.warn('an oracle node refused to be shown a promise', { url, seqFrom, error })
        store.shown(seqFrom, url)
        return
      }
      if (attempts + 1 >= MAX_SHOW_ATTEMPTS)
        logger.warn('an oracle node was never shown a promise', { url, seqFrom, error })
      store.showFailed(seqFrom, url)
    }
  }
  return createLoop({
    name: 'witnesses',
    everyMs: SHOW_EVERY_MS,
    longRuns: true,
    clock: deps.clock,
    logger,
    run: async signal => {
      await Promise.all(store.showings(SHOWN_AT_ONCE).map(showing => show(showing, signal)))
    },
  })
}

/** Shows receipts once to every oracle node; one that misses them has the relayer's word alone. */
export function showReceiptsTo(
  urls: readonly string[],
  { post, logger }: Pick<WitnessDeps, 'post' | 'logger'>,
): (receipts: readonly SignedReceipt[], signal: AbortSignal) => Promise<void> {
  const showAll = async (url: string, receipts: readonly SignedReceipt[], signal: AbortSignal) => {
    for (const receipt of receipts) {
      try {
        await post(url, '/v1/receipts', encodeSignedReceipt(receipt), signal)
      } catch (error) {
        logger.debug('an oracle node was not shown a receipt', { url, error })
        // The next one would wait as long.
        if (error instanceof ProblemError && error.retryable) return
      }
    }
  }
  return async (receipts, signal) => {
    if (receipts.length > 0) await Promise.all(urls.map(url => showAll(url, receipts, signal)))
  }
}
