/**
 * keccak256 of inputs that fit one block, from one place in memory to another. A tree of a million leaves takes three
 * million hashes: as hexadecimal text most of its time goes into strings, and most of its memory.
 */
import { keccakP } from '@noble/hashes/sha3.js'
import { swap32IfBE } from '@noble/hashes/utils.js'

export const HASH_BYTES = 32
/** The rate of keccak256: longer inputs take a second permutation. */
const BLOCK_BYTES = 136
const STATE_WORDS = 50

// One state for all: nothing here waits or calls back, so no two hashes are ever under way.
const words = new Uint32Array(STATE_WORDS)
const bytes = new Uint8Array(words.buffer)
const digest = bytes.subarray(0, HASH_BYTES)

/**
 * Writes keccak256 of `length` bytes of `source` from `from` on to `target` at `at`; the two may overlap.
 *
 * @throws {RangeError} when the input does not fit one block
 */
export function hashTo(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  length: number,
): void {
  if (length >= BLOCK_BYTES) throw new RangeError(`${length} bytes do not fit a block of ${BLOCK_BYTES}`)
  words.fill(0)
  bytes.set(source.subarray(from, from + length))
  finish(target, at, length)
}

/** Writes keccak256(a ‖ b) of two hashes in `nodes` to a third place in it. */
export function hashPairTo(nodes: Uint8Array, at: number, a: number, b: number): void {
  words.fill(0)
  bytes.set(nodes.subarray(a, a + HASH_BYTES))
  bytes.set(nodes.subarray(b, b + HASH_BYTES), HASH_BYTES)
  finish(nodes, at, 2 * HASH_BYTES)
}

/** Padding: a bit after the input, a bit at the end of the block. */
function finish(target: Uint8Array, at: number, length: number): void {
  bytes[length] = 0x01
  bytes[BLOCK_BYTES - 1] = (bytes[BLOCK_BYTES - 1] ?? 0) | 0x80
  swap32IfBE(words)
  keccakP(words)
  swap32IfBE(words)
  target.set(digest, at)
}
