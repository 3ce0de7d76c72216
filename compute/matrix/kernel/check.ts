/** What a verifier computes: single entries, and Bᵀ·r for four vectors without ever holding B. */
import { countUp, i32, i32x4, type Local, lanes16, v128 } from '../../wasm/code.ts'
import type { Code } from '../../wasm/encoding.ts'
import { defineFunction, nth } from '../../wasm/module.ts'
import { VECTORS } from '../kernel.ts'

const STEP_BYTES = 16
const zero = i32x4.splat(i32.const(0))

/** dot(a, b, size) of two 16-bit rows. */
export const DOT = defineFunction(
  { name: 'dot', params: ['i32', 'i32', 'i32'], results: ['i32'] },
  (params, local) => {
    const [a, b, size] = params as [Local, Local, Local]
    const [k, end] = [local('i32'), local('i32')]
    const sum = local('v128')
    const lane = (index: number): Code => i32x4.extract(sum.get, index)
    const product = i32x4.dotS(v128.load(i32.add(a.get, k.get)), v128.load(i32.add(b.get, k.get)))
    return [
      sum.set(zero),
      end.set(i32.shl(size.get, i32.const(1))),
      countUp(k, end.get, i32.const(STEP_BYTES), [sum.set(i32x4.add(sum.get, product))]),
      i32.add(i32.add(lane(0), lane(1)), i32.add(lane(2), lane(3))),
    ]
  },
)

/** Rows of B taken in by one call of `combine`. */
export const COMBINE_ROWS = 8

/**
 * combine(rows, vectors, size, sums): adds eight rows of B (16-bit, at `rows`) times their eight places of each vector
 * (at `vectors`, vectors 2·size bytes apart) to the sums (32-bit, 4·size bytes apart).
 *
 * Two rows are interleaved, so that one instruction multiplies both by their two places and adds.
 */
export const COMBINE = defineFunction(
  { name: 'combine', params: ['i32', 'i32', 'i32', 'i32'] },
  (params, local) => {
    const [rows, vectors, size, sums] = params as [Local, Local, Local, Local]
    const [k, stride, at] = [local('i32'), local('i32'), local('i32')]
    const pairs = COMBINE_ROWS / 2
    const places = Array.from({ length: VECTORS * pairs }, () => local('v128'))
    const low = Array.from({ length: VECTORS }, () => local('v128'))
    const high = Array.from({ length: VECTORS }, () => local('v128'))
    const [first, second, mixed] = [local('v128'), local('v128'), local('v128')]

    const place = (vector: number, pair: number): Local => nth(places, vector * pairs + pair)
    const sumAddress = (vector: number): Code =>
      i32.add(i32.add(sums.get, i32.shl(k.get, i32.const(1))), i32.mul(stride.get, i32.const(2 * vector)))
    const addTo = (sumsOfHalf: readonly Local[], pair: number): Code[] =>
      sumsOfHalf.map((sum, vector) =>
        sum.set(i32x4.add(sum.get, i32x4.dotS(mixed.get, place(vector, pair).get))),
      )
    const takePair = (pair: number): Code[] => [
      at.set(i32.add(i32.add(rows.get, k.get), i32.mul(stride.get, i32.const(2 * pair)))),
      first.set(v128.load(at.get)),
      second.set(v128.load(i32.add(at.get, stride.get))),
      mixed.set(v128.shuffle(first.get, second.get, lanes16(0, 8, 1, 9, 2, 10, 3, 11))),
      ...addTo(low, pair),
      mixed.set(v128.shuffle(first.get, second.get, lanes16(4, 12, 5, 13, 6, 14, 7, 15))),
      ...addTo(high, pair),
    ]

    return [
      stride.set(i32.shl(size.get, i32.const(1))),
      ...places.map((local, index) => {
        const vector = Math.floor(index / pairs)
        const address = i32.add(vectors.get, i32.mul(stride.get, i32.const(vector)))
        return local.set(v128.load32Splat(address, (index % pairs) * 4))
      }),
      countUp(k, stride.get, i32.const(STEP_BYTES), [
        ...low.map((sum, vector) => sum.set(v128.load(sumAddress(vector)))),
        ...high.map((sum, vector) => sum.set(v128.load(sumAddress(vector), 16))),
        ...Array.from({ length: pairs }, (_, pair) => takePair(pair)).flat(),
        ...low.map((sum, vector) => v128.store(sumAddress(vector), sum.get)),
        ...high.map((sum, vector) => v128.store(sumAddress(vector), sum.get, 16)),
      ]),
    ]
  },
)
