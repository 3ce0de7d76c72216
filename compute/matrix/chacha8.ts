/**
 * ChaCha with 8 rounds in the layout of RFC 8439 (32-bit block counter, 96-bit nonce, of which two words are used).
 * Here it spreads a seed into matrices and draws; no secret is protected by it, so 8 rounds are plenty, and the
 * cheapest that nobody can tell from random.
 */
export const BLOCK_BYTES = 64

/** Which stream of a seed: a purpose, and a number within it. */
export interface StreamId {
  readonly purpose: number
  readonly index?: number
}

const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]
const COLUMNS_AND_DIAGONALS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
]
const DOUBLE_ROUNDS = 4

function mix(x: Int32Array, target: number, source: number, mixed: number, bits: number): void {
  x[target] = (x[target] ?? 0) + (x[source] ?? 0)
  const value = (x[mixed] ?? 0) ^ (x[target] ?? 0)
  x[mixed] = (value << bits) | (value >>> (32 - bits))
}

function block(input: Int32Array, out: DataView, offset: number): void {
  const x = Int32Array.from(input)
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (const [a, b, c, d] of COLUMNS_AND_DIAGONALS) {
      mix(x, a, b, d, 16)
      mix(x, c, d, b, 12)
      mix(x, a, b, d, 8)
      mix(x, c, d, b, 7)
    }
  }
  for (let i = 0; i < 16; i++) out.setInt32(offset + 4 * i, ((x[i] ?? 0) + (input[i] ?? 0)) | 0, true)
}

/**
 * @param seed 32 bytes
 * @param firstBlock where in the stream to begin, in blocks of 64 bytes
 * @throws {RangeError} for a seed of another length
 */
export function chacha8(seed: Uint8Array, stream: StreamId, firstBlock: number, blocks: number): Uint8Array {
  if (seed.length !== 32) throw new RangeError(`a seed has 32 bytes, not ${seed.length}`)
  const key = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
  const input = new Int32Array(16)
  input.set(CONSTANTS)
  for (let i = 0; i < 8; i++) input[4 + i] = key.getInt32(4 * i, true)
  input[13] = stream.purpose
  input[14] = stream.index ?? 0
  const out = new Uint8Array(blocks * BLOCK_BYTES)
  const view = new DataView(out.buffer)
  for (let i = 0; i < blocks; i++) {
    input[12] = firstBlock + i
    block(input, view, i * BLOCK_BYTES)
  }
  return out
}
