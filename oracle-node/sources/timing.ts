/** How patient a supervisor is. All in milliseconds. */
export interface SourceTiming {
  /** Without an update for this long, REST is asked; also the interval at which it is asked again. */
  readonly silentMs: number
  /** Without a WebSocket message for this long, the connection is taken for dead and made anew. */
  readonly watchDeadMs: number
  /** Faster updates are merged: a busy book must not eat the processor. */
  readonly mergeMs: number
  /** Bound of one REST call for a ticker. */
  readonly callMs: number
  /** Bound of loading a market list, which is megabytes and may be several calls. */
  readonly listMs: number
  /** First and longest wait after a failure. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** Wait after an error that no retry can mend: at once where a pair is not listed, in the end where we are refused. */
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
  listMs: 15_000,
  retryMinMs: 500,
  retryMaxMs: 30_000,
  hopelessMs: 300_000,
  maxSessionMs: 21_600_000,
}

/** A venue that says "too many requests" counts on being left alone. */
const RATE_LIMIT_MS = 10_000

/** A country stays refused; a firewall that took us for somebody else says the same, and changes its mind. */
const REFUSED_MS = 10_000

/**
 * How long to wait after the `failures`-th failure in a row. Doubles from `retryMinMs` to `retryMaxMs`, or to
 * `hopelessMs` where no retry can help; the upper half is random, so that nodes that lost a venue together do not come
 * back together.
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
  const { retryMinMs, retryMaxMs, hopelessMs } = timing
  const doubled = (firstMs: number): number => firstMs * 2 ** Math.min(failures - 1, 16)
  const baseMs = ((): number => {
    if (code === 'NOT_LISTED') return hopelessMs
    if (code === 'GEO_BLOCKED') return Math.min(hopelessMs, doubled(REFUSED_MS))
    const leastMs = code === 'RATE_LIMITED' ? RATE_LIMIT_MS : 0
    return Math.min(retryMaxMs, Math.max(leastMs, doubled(retryMinMs)))
  })()
  // What the venue asks for is kept to, up to a bound: it could ask for a year.
  return Math.max(Math.ceil(baseMs * (0.5 + random / 2)), Math.min(retryAfterMs, hopelessMs))
}
