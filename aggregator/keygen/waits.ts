/** How an attempt's time is divided, so that its caller comes to a verdict before any member's own time is over. */
export interface Waits {
  /** How long a member may wait for others before it says how far it is. */
  readonly patienceMs: number
  /** How long its answer may take after that. */
  readonly marginMs: number
  /** For all that one member is asked for, or brought, at once. */
  readonly fetchMs: number
  /** Since the call. What may still take longer is not begun. */
  readonly verdictMs: number
}

/**
 * In units of patience. An answer, and what is fetched or brought, may take long: a member that computes is slow, not
 * silent. If all were used up to the end at each of the three stages (1 + 1½ + 1½ + 1½) there would be no time left to
 * finish in. But whoever uses a quarter of its limits is named when time runs out, and when nobody does, three stages
 * (1 + ⅜ + ¾ + ¾, if different members are late with each) and two answers of those that finish (1 + ⅜) fit. The
 * thirteenth is for what follows.
 */
const VERDICT = 12
const ATTEMPT = 13
const SLOW = 1.5

export function waitsOf(timeoutMs: number): Waits {
  const patienceMs = Math.max(1, Math.floor(timeoutMs / ATTEMPT))
  return {
    patienceMs,
    marginMs: Math.floor(patienceMs * SLOW),
    fetchMs: Math.floor(patienceMs * SLOW),
    verdictMs: VERDICT * patienceMs,
  }
}
