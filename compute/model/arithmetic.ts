/**
 * Integers only. A JavaScript number holds every value here exactly (all are far below 2^53), products and sums are
 * exact in any order, and divisions are truncated quotients of exact integers: nothing depends on the machine.
 */

const MAX_INT8 = 127

/** Into −127 … 127. */
export function clampInt8(value: number): number {
  return Math.max(-MAX_INT8, Math.min(MAX_INT8, value))
}

/** ⌊√n⌋ by Newton's method, for 0 ≤ n < 2^31. */
export function integerRoot(n: number): number {
  if (n < 2) return n
  let guess = 1 << Math.ceil((32 - Math.clz32(n)) / 2)
  for (;;) {
    const next = (guess + Math.trunc(n / guess)) >> 1
    if (next >= guess) return guess
    guess = next
  }
}

/** Typical size of a normalised number: a third of the range, so that few are clamped. */
const NORMAL_SIZE = 40

/** Scales a vector to one size, whatever it was: h · 40 / rms(h). */
export function normalise(vector: Int32Array): Int8Array {
  let squares = 0
  for (const value of vector) squares += value * value
  const size = Math.max(1, integerRoot(Math.trunc(squares / vector.length)))
  return Int8Array.from(vector, value => clampInt8(Math.trunc((value * NORMAL_SIZE) / size)))
}

/**
 * Weights times vector, brought back into int8 by a shift that rounds.
 *
 * @param weights one row per output, `vector.length` numbers each
 * @param shift bits to drop: about log2(64 · √inputs / √3)
 */
export function project(weights: Int8Array, vector: Int8Array, shift: number): Int8Array {
  const inputs = vector.length
  const out = new Int8Array(weights.length / inputs)
  const half = 1 << (shift - 1)
  for (let row = 0; row < out.length; row++) {
    out[row] = clampInt8((dotInt8(weights, row * inputs, vector, 0, inputs) + half) >> shift)
  }
  return out
}

export function dotInt8(a: Int8Array, aFrom: number, b: Int8Array, bFrom: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += (a[aFrom + i] ?? 0) * (b[bFrom + i] ?? 0)
  return sum
}
