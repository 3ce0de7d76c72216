/**
 * Repeatable randomness, in integers only: xoshiro128**, seeded through splitmix32 (Blackman and Vigna, 2018). A
 * simulation is a function of its scenario and its seed on every machine.
 */

export interface Random {
  /** A whole number from −bound to bound, all alike. */
  within(bound: bigint): bigint
}

/** @param stream what is drawn here; another stream of the same seed is not moved by how much this one draws */
export function createRandom(seed: number, stream: number): Random {
  const next = xoshiro(splitmix((seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0))
  return {
    within(bound) {
      const draw = (BigInt(next()) << 32n) | BigInt(next())
      return ((draw * (2n * bound + 1n)) >> 64n) - bound
    },
  }
}

type Draw = () => number

/** 32 bits at a time; good enough to fill a state, too plain to draw from. */
function splitmix(seed: number): Draw {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

function xoshiro(seeds: Draw): Draw {
  let [a, b, c, d] = [seeds(), seeds(), seeds(), seeds()]
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotated(d, 11)
    return result
  }
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
