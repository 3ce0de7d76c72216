/**
 * keccak256 of two inputs at once, one a lane. A tree over a product of side 4,096 takes 786,431 permutations: ten
 * seconds in plain JavaScript, more than the product itself.
 */
import { call, countUp, i32, i64x2, type Local, v128 } from '../../wasm/code.ts'
import type { Code } from '../../wasm/encoding.ts'
import { defineFunction, nth, type WasmFunction } from '../../wasm/module.ts'

const ROUND_CONSTANTS = [
  0x0000000000000001n,
  0x0000000000008082n,
  0x800000000000808an,
  0x8000000080008000n,
  0x000000000000808bn,
  0x0000000080000001n,
  0x8000000080008081n,
  0x8000000000008009n,
  0x000000000000008an,
  0x0000000000000088n,
  0x0000000080008009n,
  0x000000008000000an,
  0x000000008000808bn,
  0x800000000000008bn,
  0x8000000000008089n,
  0x8000000000008003n,
  0x8000000000008002n,
  0x8000000000000080n,
  0x000000000000800an,
  0x800000008000000an,
  0x8000000080008081n,
  0x8000000000008080n,
  0x0000000080000001n,
  0x8000000080008008n,
]
/** Rotation of lane x + 5y. */
const ROTATIONS = [
  0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14,
]
const LANES = 25
/** Lanes of 8 bytes taken in per permutation (136 bytes). */
const RATE_LANES = 17

/** Round constants as they stand at address 0. */
export const KECCAK_CONSTANTS: Code = ROUND_CONSTANTS.flatMap(constant =>
  Array.from({ length: 8 }, (_, byte) => Number((constant >> BigInt(8 * byte)) & 0xffn)),
)
const CONSTANT_BYTES = KECCAK_CONSTANTS.length

/** 25 lanes of two inputs. */
export const STATE_BYTES = LANES * 16

const rotate = (value: Code, bits: number): Code =>
  bits === 0 ? value : v128.or(i64x2.shl(value, i32.const(bits)), i64x2.shrU(value, i32.const(64 - bits)))

const FIVE = [0, 1, 2, 3, 4]

/** θ, ρ and π, χ, ι over 25 locals, as in FIPS 202, section 3.2. */
function round(a: readonly Local[], b: readonly Local[], c: readonly Local[], constant: Code): Code[] {
  const lane = (list: readonly Local[], x: number, y: number): Local => nth(list, (x % 5) + 5 * (y % 5))
  const xorAll = (values: readonly Code[]): Code => values.reduce((left, right) => v128.xor(left, right))
  const column = (x: number): Code => nth(c, x % 5).get
  return [
    ...FIVE.map(x => nth(c, x).set(xorAll(FIVE.map(y => lane(a, x, y).get)))),
    ...FIVE.map(x => nth(c, 5 + x).set(v128.xor(column(x + 4), rotate(column(x + 1), 1)))),
    ...FIVE.flatMap(x =>
      FIVE.flatMap(y => {
        const from = lane(a, x, y)
        return [
          from.set(v128.xor(from.get, nth(c, 5 + x).get)),
          lane(b, y, 2 * x + 3 * y).set(rotate(from.get, ROTATIONS[x + 5 * y] ?? 0)),
        ]
      }),
    ),
    ...FIVE.flatMap(y =>
      FIVE.map(x => {
        const flipped = v128.andNot(lane(b, x + 2, y).get, lane(b, x + 1, y).get)
        return lane(a, x, y).set(v128.xor(lane(b, x, y).get, flipped))
      }),
    ),
    nth(a, 0).set(v128.xor(nth(a, 0).get, constant)),
  ]
}

/** permute(state): 24 rounds over the state of two inputs. */
export const PERMUTE = defineFunction({ name: 'permute', params: ['i32'] }, (params, local) => {
  const state = nth(params, 0)
  const constant = local('i32')
  const a = Array.from({ length: LANES }, () => local('v128'))
  const b = Array.from({ length: LANES }, () => local('v128'))
  const c = Array.from({ length: 10 }, () => local('v128'))
  return [
    ...a.map((lane, index) => lane.set(v128.load(state.get, index * 16))),
    constant.set(i32.const(0)),
    countUp(
      constant,
      i32.const(CONSTANT_BYTES),
      i32.const(8),
      round(a, b, c, v128.load64Splat(constant.get)),
    ),
    ...a.map((lane, index) => v128.store(state.get, lane.get, index * 16)),
  ]
})

const bothLanes = (low: number, high: number): Code => v128.const([...word(low, high), ...word(low, high)])
const word = (first: number, last: number): number[] => [first, 0, 0, 0, 0, 0, 0, last]

/** Writes the state after taking in one block of two inputs that lie `inputBytes` apart. */
function absorb(state: Code, input: Code, inputBytes: number, from: number, fresh: boolean): Code[] {
  const remaining = inputBytes / 8 - from
  const isLast = remaining < RATE_LANES
  return Array.from({ length: LANES }, (_, lane) => {
    const parts: Code[] = fresh ? [] : [v128.load(state, lane * 16)]
    if (lane < Math.min(remaining, RATE_LANES)) {
      const offset = (from + lane) * 8
      parts.push(v128.load64Lane(input, v128.load64Zero(input, offset), 1, inputBytes + offset))
    }
    // Padding: a bit after the input, a bit at the end of the block.
    if (isLast && lane === remaining) parts.push(bothLanes(1, lane === RATE_LANES - 1 ? 0x80 : 0))
    else if (isLast && lane === RATE_LANES - 1) parts.push(bothLanes(0, 0x80))
    if (parts.length === 0) return fresh ? v128.store(state, bothLanes(0, 0), lane * 16) : []
    return v128.store(
      state,
      parts.reduce((left, right) => v128.xor(left, right)),
      lane * 16,
    )
  })
}

/**
 * A function (input, end, out, state) that hashes inputs of `inputBytes` (a multiple of eight) from `input` to `end`,
 * two by two: their number must be even.
 */
export function hashEach(functionName: string, inputBytes: number, permuteIndex: number): WasmFunction {
  return defineFunction({ name: functionName, params: ['i32', 'i32', 'i32', 'i32'] }, params => {
    const [input, end, out, state] = params as [Local, Local, Local, Local]
    const blocks = Math.floor(inputBytes / (RATE_LANES * 8)) + 1
    const absorbed = Array.from({ length: blocks }, (_, block) => [
      ...absorb(state.get, input.get, inputBytes, block * RATE_LANES, block === 0),
      call(permuteIndex, state.get),
    ]).flat()
    const squeezed = [0, 1, 2, 3].flatMap(lane => {
      const value = v128.load(state.get, lane * 16)
      return [
        v128.store64Lane(out.get, value, 0, lane * 8),
        v128.store64Lane(out.get, value, 1, 32 + lane * 8),
      ]
    })
    return [
      countUp(input, end.get, i32.const(2 * inputBytes), [
        ...absorbed,
        ...squeezed,
        out.set(i32.add(out.get, i32.const(64))),
      ]),
    ]
  })
}
