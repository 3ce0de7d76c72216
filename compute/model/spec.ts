/**
 * The built-in language model: a transformer small enough to run anywhere, in integers only, so that every machine
 * gives the same answer and a sample of answers can be checked by running them again.
 *
 * Its weights are drawn from a seed and were never trained: its text means nothing. It stands for the work, the
 * metering and the checking of a model, where a supplier has no other at hand.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Hash, hexOf } from '../../protocol/bytes.ts'

export interface ModelSpec {
  /** 32 bytes from which all weights are drawn. */
  readonly seed: Hash
  readonly layers: number
  /** Numbers in a token's vector; a multiple of `heads`. */
  readonly width: number
  readonly heads: number
  /** Numbers in the wide part of a layer. */
  readonly hidden: number
  /** Most tokens of prompt and answer together. */
  readonly context: number
}

export const BUILT_IN_MODEL: ModelSpec = {
  seed: hexOf(keccak_256(new TextEncoder().encode('io built-in model 1'))),
  layers: 2,
  width: 64,
  heads: 4,
  hidden: 128,
  context: 1_024,
}

/** A token is a byte; the answer is written in these. */
export const VOCABULARY = 256
export const ANSWER_TOKENS: readonly number[] = [...new TextEncoder().encode(' abcdefghijklmnopqrstuvwxyz,.')]
/** Leads every prompt, so that an empty one has an answer too. */
export const START_TOKEN = 0
/** Ends an answer early. */
export const END_TOKEN = 1

/** Identifies architecture and weights: the hash that a model is registered under. */
export function modelHash(spec: ModelSpec): Hash {
  const { seed, layers, width, heads, hidden, context } = spec
  const text = `io int8 transformer 1 ${seed.toLowerCase()} ${layers} ${width} ${heads} ${hidden} ${context}`
  return hexOf(keccak_256(new TextEncoder().encode(text)))
}

/**
 * Cost of one token, read or written: thousands of multiplications in its layers, rounded up. Attention over what came
 * before is left out, so that a price per token can be stated before the request.
 */
export function unitsPerToken({ layers, width, hidden }: ModelSpec): bigint {
  const multiplications = layers * (4 * width * width + 2 * width * hidden) + ANSWER_TOKENS.length * width
  return BigInt(Math.ceil(multiplications / 1_000))
}
