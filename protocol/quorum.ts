/**
 * Byzantine quorum: f = ⌊(n−1)/3⌋ faults are tolerated and q = ⌈(n+f+1)/2⌉ must agree.
 *
 * Any two quorums share an honest node, and the n − f honest nodes reach one. 2f+1 is only right for
 * n = 3f+1: at n = 6 two disjoint threes would certify two prices. Invariant 16.
 */
export interface Quorum {
  readonly n: number
  readonly f: number
  readonly q: number
}

/** Slots are one byte on the wire and one bit in the registry's bitmaps; 128 leaves room and bounds every table. */
export const MAX_MEMBERS = 128

export function quorumOf(n: number): Quorum {
  if (!Number.isInteger(n) || n < 1 || n > MAX_MEMBERS) {
    throw new RangeError(`a network has 1 to ${MAX_MEMBERS} members, not ${n}`)
  }
  const f = Math.floor((n - 1) / 3)
  return { n, f, q: Math.ceil((n + f + 1) / 2) }
}
