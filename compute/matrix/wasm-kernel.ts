/**
 * The kernel in SIMD WebAssembly. Bit-equal to the reference; about as fast as a processor core multiplies integers.
 *
 * One kernel serves one caller at a time: its memory is its working space. `multiply` blocks until it is done (seconds
 * at the largest size), so a worker runs it in a thread or process of its own.
 */

import { instantiate, PAGE_BYTES, type WasmMemory } from '../wasm/instantiate.ts'
import { assembleModule } from '../wasm/module.ts'
import { BLOCK_BYTES } from './chacha8.ts'
import { COMBINE, COMBINE_ROWS, DOT } from './kernel/check.ts'
import { hashEach, KECCAK_CONSTANTS, PERMUTE, STATE_BYTES } from './kernel/keccak.ts'
import { MULTIPLY } from './kernel/multiply.ts'
import { GROUP_ENTRIES, STREAM } from './kernel/stream.ts'
import { HASH_BYTES, type Kernel, LEAF_BYTES, OPERAND, type Operand, VECTORS } from './kernel.ts'
import { MAX_SIZE, type MatrixSize, matrixSize } from './size.ts'

const FUNCTIONS = [
  STREAM,
  MULTIPLY,
  DOT,
  COMBINE,
  PERMUTE,
  hashEach('hashLeaves', LEAF_BYTES, 4),
  hashEach('hashPairs', 2 * HASH_BYTES, 4),
]

/** Rows a call of `multiply`: engines exchange slow first code for fast code only between calls. */
const SLICE_ROWS = 64
/** Bytes hashed a call: fits the cache of a core beside the hashes. */
const HASH_CHUNK_BYTES = 131_072

/** Fixed places below the matrices. Scratch is enough for eight rows of the largest size. */
const SEED_AT = 1_024
const STATE_AT = SEED_AT + 64
const SCRATCH_AT = 4_096
const SCRATCH_BYTES = HASH_CHUNK_BYTES + HASH_CHUNK_BYTES / 2
const VECTORS_AT = SCRATCH_AT + SCRATCH_BYTES
const SUMS_AT = VECTORS_AT + VECTORS * MAX_SIZE * 2
const MATRICES_AT = SUMS_AT + VECTORS * MAX_SIZE * 4

/** Bytes of a 16-bit row, a whole number of drawn groups. */
function drawnBytes(entries: number): number {
  return Math.ceil(entries / GROUP_ENTRIES) * GROUP_ENTRIES * 2
}

class WasmKernel implements Kernel {
  readonly #memory: WasmMemory
  readonly #call: (name: string, ...operands: number[]) => number

  constructor(memory: WasmMemory, exports: Readonly<Record<string, (...operands: number[]) => number>>) {
    this.#memory = memory
    this.#call = (name, ...operands) => {
      const found = exports[name]
      if (found === undefined) throw new RangeError(`the kernel has no function ${name}`)
      return found(...operands)
    }
    this.#reserve(MATRICES_AT)
  }

  multiply(seed: Uint8Array, size: MatrixSize): Int32Array {
    const operandBytes = drawnBytes(size * size)
    const aAt = MATRICES_AT
    const bAt = aAt + operandBytes
    const cAt = bAt + operandBytes
    this.#reserve(cAt + size * size * 4)
    this.#setSeed(seed)
    this.#draw('a', 0, size * size, aAt)
    this.#draw('b', 0, size * size, bAt)
    for (let row = 0; row < size; row += SLICE_ROWS) {
      this.#call('multiply', aAt + row * size * 2, bAt, cAt + row * size * 4, size, SLICE_ROWS)
    }
    return new Int32Array(this.#memory.buffer, cAt, size * size)
  }

  row(seed: Uint8Array, size: MatrixSize, operand: Operand, row: number): Int16Array {
    this.#setSeed(seed)
    this.#draw(operand, row * size, size, SCRATCH_AT)
    return new Int16Array(this.#memory.buffer, SCRATCH_AT, size).slice()
  }

  entries(
    seed: Uint8Array,
    size: MatrixSize,
    positions: readonly { row: number; col: number }[],
  ): Int32Array {
    this.#setSeed(seed)
    const bAt = SCRATCH_AT + drawnBytes(size)
    return Int32Array.from(positions, ({ row, col }) => {
      this.#draw('a', row * size, size, SCRATCH_AT)
      this.#draw('b', col * size, size, bAt)
      return this.#call('dot', SCRATCH_AT, bAt, size)
    })
  }

  combine(seed: Uint8Array, size: MatrixSize, vectors: Int16Array): Int32Array {
    this.#setSeed(seed)
    new Int16Array(this.#memory.buffer, VECTORS_AT, VECTORS * size).set(vectors)
    const sums = new Int32Array(this.#memory.buffer, SUMS_AT, VECTORS * size).fill(0)
    for (let row = 0; row < size; row += COMBINE_ROWS) {
      this.#draw('b', row * size, COMBINE_ROWS * size, SCRATCH_AT)
      this.#call('combine', SCRATCH_AT, VECTORS_AT + row * 2, size, SUMS_AT)
    }
    return sums.slice()
  }

  hashLeaves(bytes: Uint8Array): Uint8Array {
    return this.#hash('hashLeaves', LEAF_BYTES, bytes)
  }

  hashPairs(bytes: Uint8Array): Uint8Array {
    return this.#hash('hashPairs', 2 * HASH_BYTES, bytes)
  }

  #hash(name: string, inputBytes: number, bytes: Uint8Array): Uint8Array {
    const out = new Uint8Array((bytes.length / inputBytes) * HASH_BYTES)
    const memory = new Uint8Array(this.#memory.buffer)
    const outAt = SCRATCH_AT + HASH_CHUNK_BYTES
    for (let from = 0; from < bytes.length; from += HASH_CHUNK_BYTES) {
      const chunk = bytes.subarray(from, from + HASH_CHUNK_BYTES)
      memory.set(chunk, SCRATCH_AT)
      // Of an odd number the last is hashed beside whatever follows it, which is then not read.
      this.#call(name, SCRATCH_AT, SCRATCH_AT + chunk.length, outAt, STATE_AT)
      const hashes = memory.subarray(outAt, outAt + (chunk.length / inputBytes) * HASH_BYTES)
      out.set(hashes, (from / inputBytes) * HASH_BYTES)
    }
    return out
  }

  #setSeed(seed: Uint8Array): void {
    if (seed.length !== 32) throw new RangeError(`a seed has 32 bytes, not ${seed.length}`)
    new Uint8Array(this.#memory.buffer, SEED_AT, 32).set(seed)
  }

  #draw(operand: Operand, firstEntry: number, entries: number, at: number): void {
    this.#call('stream', SEED_AT, OPERAND[operand], firstEntry / BLOCK_BYTES, at + drawnBytes(entries), at)
  }

  #reserve(bytes: number): void {
    const missing = Math.ceil((bytes - this.#memory.buffer.byteLength) / PAGE_BYTES)
    if (missing > 0) this.#memory.grow(missing)
  }
}

/**
 * A kernel with its own memory: half a MiB for checking, and for `multiply` 8 bytes an entry (128 MiB at 4,096), which
 * it keeps.
 */
export async function createWasmKernel(): Promise<Kernel> {
  if (STATE_AT + STATE_BYTES > SCRATCH_AT)
    throw new RangeError('the hash state does not fit below the scratch')
  const { memory, exports } = await instantiate(assembleModule(FUNCTIONS, KECCAK_CONSTANTS))
  const kernel = new WasmKernel(memory, exports)
  // Runs each function once: a first result that is late would be blamed on the caller.
  kernel.multiply(new Uint8Array(32), matrixSize(64))
  return kernel
}
