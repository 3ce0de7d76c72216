/**
 * keccak256 from one place in memory to another. A tree of a million leaves takes three million hashes: as hexadecimal
 * text most of its time goes into strings, and most of its memory.
 */
import { keccakP } from '@noble/hashes/sha3.js'
import { swap32IfBE } from '@noble/hashes/utils.js'

export const HASH_BYTES = 32
/** The rate of keccak256: each further block takes a permutation more. */
const BLOCK_BYTES = 136
const STATE_WORDS = 50

// One state for all: nothing here waits or calls back, so no two hashes are ever under way.
const words = new Uint32Array(STATE_WORDS)
const bytes = new Uint8Array(words.buffer)
const digest = bytes.subarray(0, HASH_BYTES)

/** Writes keccak256 of `length` bytes of `source` from `from` on to `target` at `at`; the two may overlap. */
export function hashTo(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  length: number,
): void {
  const last = length - (length % BLOCK_BYTES)
  words.fill(0)
  for (let done = 0; done < last; done += BLOCK_BYTES) {
    absorb(source, from + done, BLOCK_BYTES)
    permute()
  }
  absorb(source, from + last, length - last)
  finish(target, at, length - last)
}

/** Writes keccak256(a ‖ b) of two hashes in `nodes` to a third place in it. */
export function hashPairTo(nodes: Uint8Array, at: number, a: number, b: number): void {
  words.fill(0)
  bytes.set(nodes.subarray(a, a + HASH_BYTES))
  bytes.set(nodes.subarray(b, b + HASH_BYTES), HASH_BYTES)
  finish(nodes, at, 2 * HASH_BYTES)
}

function absorb(source: Uint8Array, from: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[i] = (bytes[i] ?? 0) ^ (source[from + i] ?? 0)
}

function permute(): void {
  swap32IfBE(words)
  keccakP(words)
  swap32IfBE(words)
}

/** Padding: a bit after the input, a bit at the end of the block. */
function finish(target: Uint8Array, at: number, length: number): void {
  bytes[length] = (bytes[length] ?? 0) ^ 0x01
  bytes[BLOCK_BYTES - 1] = (bytes[BLOCK_BYTES - 1] ?? 0) ^ 0x80
  permute()
  target.set(digest, at)
}
