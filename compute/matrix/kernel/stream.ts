/**
 * ChaCha8 in four lanes: four consecutive blocks at once, written as 16-bit entries in the order of the stream, so
 * that any ChaCha8 library gives the same matrices.
 */
import { countUp, i8x16, i16x8, i32, i32x4, type Local, lanes32, v128 } from '../../wasm/code.ts'
import type { Code } from '../../wasm/encoding.ts'
import { defineFunction, nth } from '../../wasm/module.ts'
import { ENTRY_BITS, ENTRY_OFFSET } from '../size.ts'

const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]
const ROUNDS: readonly (readonly [number, number, number, number])[] = [
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

/** Four blocks of 64 bytes, one entry a byte. */
export const GROUP_ENTRIES = 256
const GROUP_BYTES = GROUP_ENTRIES * 2

const rotateBits = (value: Code, bits: number): Code =>
  v128.or(i32x4.shl(value, i32.const(bits)), i32x4.shrU(value, i32.const(32 - bits)))

/** A rotation by whole bytes is one shuffle. */
const rotateBytes = (x: Local, bytes: number): Code => {
  const lanes = Array.from({ length: 16 }, (_, i) => (i & ~3) + (((i & 3) + 4 - bytes) & 3))
  return x.set(v128.shuffle(x.get, x.get, lanes))
}

function quarterRound(a: Local, b: Local, c: Local, d: Local): Code {
  const add = (to: Local, from: Local): Code => to.set(i32x4.add(to.get, from.get))
  const xor = (to: Local, from: Local): Code => to.set(v128.xor(to.get, from.get))
  return [
    ...[add(a, b), xor(d, a), rotateBytes(d, 2)],
    ...[add(c, d), xor(b, c), b.set(rotateBits(b.get, 12))],
    ...[add(a, b), xor(d, a), rotateBytes(d, 1)],
    ...[add(c, d), xor(b, c), b.set(rotateBits(b.get, 7))],
  ].flat()
}

const asEntries = (bytes: Code): Code =>
  i8x16.sub(
    v128.and(bytes, i8x16.splat(i32.const((1 << ENTRY_BITS) - 1))),
    i8x16.splat(i32.const(ENTRY_OFFSET)),
  )

/** Lanes are blocks and locals are words; a block's bytes need its words side by side: a 4 × 4 transposition. */
function writeQuarter(words: readonly Local[], scratch: readonly Local[], out: Code, first: number): Code[] {
  const [w0, w1, w2, w3] = [0, 1, 2, 3].map(i => nth(words, first + i).get) as [Code, Code, Code, Code]
  const [low, high, low2, high2] = [0, 1, 2, 3].map(i => nth(scratch, i)) as [Local, Local, Local, Local]
  const interleaveLow = lanes32(0, 4, 1, 5)
  const interleaveHigh = lanes32(2, 6, 3, 7)
  const blocks = [
    v128.shuffle(low.get, low2.get, lanes32(0, 1, 4, 5)),
    v128.shuffle(low.get, low2.get, lanes32(2, 3, 6, 7)),
    v128.shuffle(high.get, high2.get, lanes32(0, 1, 4, 5)),
    v128.shuffle(high.get, high2.get, lanes32(2, 3, 6, 7)),
  ]
  const entries = nth(scratch, 4)
  return [
    low.set(v128.shuffle(w0, w1, interleaveLow)),
    high.set(v128.shuffle(w0, w1, interleaveHigh)),
    low2.set(v128.shuffle(w2, w3, interleaveLow)),
    high2.set(v128.shuffle(w2, w3, interleaveHigh)),
    ...blocks.flatMap((block, index) => {
      const offset = index * 128 + first * 8
      return [
        entries.set(asEntries(block)),
        v128.store(out, i16x8.extendLowS(entries.get), offset),
        v128.store(out, i16x8.extendHighS(entries.get), offset + 16),
      ]
    }),
  ]
}

/** stream(seed, purpose, firstBlock, end, out): writes groups of 256 entries at `out`, until `end` (exclusive). */
export const STREAM = defineFunction(
  { name: 'stream', params: ['i32', 'i32', 'i32', 'i32', 'i32'] },
  (params, local) => {
    const [seed, purpose, firstBlock, end, out] = params as [Local, Local, Local, Local, Local]
    const words = Array.from({ length: 16 }, () => local('v128'))
    const scratch = Array.from({ length: 5 }, () => local('v128'))
    const counter = local('v128')

    const initial = (word: number): Code => {
      if (word < 4) return i32x4.splat(i32.const(CONSTANTS[word] ?? 0))
      if (word < 12) return v128.load32Splat(seed.get, (word - 4) * 4)
      if (word === 12) return counter.get
      return i32x4.splat(word === 13 ? purpose.get : i32.const(0))
    }
    const rounds = ROUNDS.flatMap(([a, b, c, d]) =>
      quarterRound(nth(words, a), nth(words, b), nth(words, c), nth(words, d)),
    )
    const laneNumbers = v128.const([0, 1, 2, 3].flatMap(lane => [lane, 0, 0, 0]))

    const group = [
      ...words.map((word, index) => word.set(initial(index))),
      ...Array.from({ length: DOUBLE_ROUNDS }, () => rounds),
      ...words.map((word, index) => word.set(i32x4.add(word.get, initial(index)))),
      ...[0, 4, 8, 12].flatMap(first => writeQuarter(words, scratch, out.get, first)),
      counter.set(i32x4.add(counter.get, i32x4.splat(i32.const(4)))),
    ]
    return [
      counter.set(i32x4.add(i32x4.splat(firstBlock.get), laneNumbers)),
      countUp(out, end.get, i32.const(GROUP_BYTES), group),
    ]
  },
)
