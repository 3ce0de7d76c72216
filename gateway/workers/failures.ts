/** What a failed request to a worker says of the work. */
import type { ProblemError } from '../../sdk/problem.ts'

/**
 * What a worker says before it works, and only then. Any other failure may come after it has charged: an error of its
 * own (500), an answer that nobody waited for (499), a 503 that is not named here. BUSY is also said of a computation
 * that broke off, which is charged only when it is done; who says it and charges is told by its next statement.
 */
export const REFUSED_BEFORE_WORK: ReadonlySet<string> = new Set([
  'OTHER_CHANNEL',
  'UNKNOWN_GATEWAY',
  'RECEIPT_TOO_LOW',
  'RECEIPT_EXPIRES',
  'WRONG_HOLD',
  'WRONG_ASSET',
  'HOLD_EXPIRES',
  'HOLD_USED_UP',
  'BAD_RECEIPT_SIGNATURE',
  'BAD_HOLD_SIGNATURE',
  'NO_RELAYER',
  'MALFORMED',
  'PROMPT_TOO_LONG',
  'BAD_MAX_TOKENS',
  'HIRED',
  'BUSY',
  'BACKLOG',
  'NOT_READY',
  'RECEIPT_REFUSED',
  'RELAYER_DOWN',
])

/** Whether the worker said no, or was not there to hear: then it has done nothing to charge for. */
export function wasNotBegun(error: ProblemError): boolean {
  if (error.status !== 0 && REFUSED_BEFORE_WORK.has(error.code)) return true
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'ECONNREFUSED') return true
  }
  return false
}
