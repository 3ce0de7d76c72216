/** How patient a supervisor is. All in milliseconds. */
export interface SourceTiming {
  /** Without an update for this long, REST is asked; also the interval at which it is asked again. */
  readonly silentMs: number
  /** Without a WebSocket message for this long, the connection is taken for dead and made anew. */
  readonly watchDeadMs: number
  /** Faster updates are merged: a busy book must not eat the processor. */
  readonly mergeMs: number
  /** Bound of one REST call, market list included. */
  readonly callMs: number
  /** First and longest wait after a failure. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** Wait after an error that no retry can mend (not listed, country blocked). */
  readonly hopelessMs: number
  /** An exchange is replaced by a fresh one within this: adapters grow, and venues list what they did not. */
  readonly maxSessionMs: number
}

/**
 * `silentMs` and a failed call together stay below `staleMs` (10 s on our networks), so that a dead WebSocket loses
 * no value. `watchDeadMs` is longer: some venues push only when somebody trades.
 */
export const DEFAULT_TIMING: SourceTiming = {
  silentMs: 2_000,
  watchDeadMs: 20_000,
  mergeMs: 20,
  callMs: 5_000,
  retryMinMs: 500,
  retryMaxMs: 30_000,
  hopelessMs: 300_000,
  maxSessionMs: 21_600_000,
}

/** A venue that says "too many requests" counts on being left alone. */
const RATE_LIMIT_MS = 10_000

const HOPELESS: ReadonlySet<string> = new Set(['NOT_LISTED', 'GEO_BLOCKED'])

/**
 * How long to wait after the `failures`-th failure in a row. Doubles from `retryMinMs` to `retryMaxMs`; the upper
 * half is random, so that nodes that lost a venue together do not come back together.
 *
 * @param random in [0, 1)
 * @param retryAfterMs what the venue asked for
 */
export function retryDelayMs(
  code: string,
  failures: number,
  random: number,
  timing: SourceTiming,
  retryAfterMs = 0,
): number {
  const doubledMs = timing.retryMinMs * 2 ** Math.min(failures - 1, 16)
  const baseMs = HOPELESS.has(code)
    ? timing.hopelessMs
    : Math.min(timing.retryMaxMs, code === 'RATE_LIMITED' ? Math.max(RATE_LIMIT_MS, doubledMs) : doubledMs)
  // What the venue asks for is kept to, up to a bound: it could ask for a year.
  return Math.max(Math.ceil(baseMs * (0.5 + random / 2)), Math.min(retryAfterMs, timing.hopelessMs))
}
