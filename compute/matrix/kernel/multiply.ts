/**
 * C = A·Bᵀ from 16-bit rows: eight products and four additions an instruction, sums in 32 bits, exact (|C| ≤ 2^24).
 * A block of 2 × 4 entries keeps its sums in registers, so that six loads feed eight multiplications.
 */
import { countUp, i32, i32x4, type Local, lanes32, v128 } from '../../wasm/code.ts'
import type { Code } from '../../wasm/encoding.ts'
import { defineFunction, nth } from '../../wasm/module.ts'

const BLOCK_ROWS = 2
const BLOCK_COLS = 4
/** Rows of B taken together, so that they stay in the cache for all rows of A: 512 KiB at the largest size. */
const PANEL_COLS = 64
/** Entries of 16 bits in a vector of 16 bytes. */
const STEP_BYTES = 16

const zero = i32x4.splat(i32.const(0))

/** Four vectors → one, whose lanes are their sums. */
function sumLanes([a, b, c, d]: readonly Local[], x: Local, y: Local): Code[] {
  const get = (local: Local | undefined): Code => local?.get ?? zero
  const low = lanes32(0, 4, 1, 5)
  const high = lanes32(2, 6, 3, 7)
  return [
    x.set(i32x4.add(v128.shuffle(get(a), get(b), low), v128.shuffle(get(a), get(b), high))),
    y.set(i32x4.add(v128.shuffle(get(c), get(d), low), v128.shuffle(get(c), get(d), high))),
    x.set(
      i32x4.add(
        v128.shuffle(x.get, y.get, lanes32(0, 1, 4, 5)),
        v128.shuffle(x.get, y.get, lanes32(2, 3, 6, 7)),
      ),
    ),
  ]
}

/**
 * multiply(a, b, c, size, rows): `rows` (even) rows of A at `a` with all of B at `b`, into `rows` rows at `c`.
 */
export const MULTIPLY = defineFunction(
  { name: 'multiply', params: ['i32', 'i32', 'i32', 'i32', 'i32'] },
  (params, local) => {
    const [a, b, c, size, rows] = params as [Local, Local, Local, Local, Local]
    const [panel, i, j, k, aRow, bRow, out, stride] = Array.from({ length: 8 }, () => local('i32')) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ]
    const sums = Array.from({ length: BLOCK_ROWS * BLOCK_COLS }, () => local('v128'))
    const left = Array.from({ length: BLOCK_ROWS }, () => local('v128'))
    const right = local('v128')
    const sum = (row: number, col: number): Local => nth(sums, row * BLOCK_COLS + col)
    const times = (index: Code, factor: Code): Code => i32.mul(index, factor)

    const accumulate = [
      ...left.map((vector, row) =>
        vector.set(v128.load(i32.add(i32.add(aRow.get, k.get), times(stride.get, i32.const(row))))),
      ),
      ...Array.from({ length: BLOCK_COLS }, (_, col) => [
        right.set(v128.load(i32.add(i32.add(bRow.get, k.get), times(stride.get, i32.const(col))))),
        ...left.map((vector, row) =>
          sum(row, col).set(i32x4.add(sum(row, col).get, i32x4.dotS(vector.get, right.get))),
        ),
      ]).flat(),
    ]
    const store = left.flatMap((_, row) => {
      const address = i32.add(out.get, i32.shl(times(size.get, i32.const(row)), i32.const(2)))
      const rowSums = sums.slice(row * BLOCK_COLS, (row + 1) * BLOCK_COLS)
      return [...sumLanes(rowSums, nth(left, 0), right), v128.store(address, nth(left, 0).get)]
    })
    const block = [
      ...sums.map(each => each.set(zero)),
      bRow.set(i32.add(b.get, times(j.get, stride.get))),
      out.set(i32.add(c.get, i32.shl(i32.add(times(i.get, size.get), j.get), i32.const(2)))),
      k.set(i32.const(0)),
      countUp(k, stride.get, i32.const(STEP_BYTES), accumulate),
      ...store,
    ]
    const rowPair = [
      aRow.set(i32.add(a.get, times(i.get, stride.get))),
      j.set(panel.get),
      countUp(j, i32.add(panel.get, i32.const(PANEL_COLS)), i32.const(BLOCK_COLS), block),
    ]
    return [
      stride.set(i32.shl(size.get, i32.const(1))),
      panel.set(i32.const(0)),
      countUp(panel, size.get, i32.const(PANEL_COLS), [
        i.set(i32.const(0)),
        countUp(i, rows.get, i32.const(BLOCK_ROWS), rowPair),
      ]),
    ]
  },
)
