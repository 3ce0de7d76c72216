import { expect } from 'chai'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { referenceKernel } from '../../../compute/matrix/reference-kernel.ts'
import { entryBound, isMatrixSize, matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { bytesOf, hexOf } from '../../../protocol/bytes.ts'
import { seedOf } from '../../support/compute/challenge.ts'

describe('the kernel', () => {
  let kernel: Kernel
  before(async () => {
    kernel = await createWasmKernel()
  })

  for (const side of [64, 128, 256]) {
    const size = matrixSize(side)
    it(`multiplies matrices of side ${side} bit for bit as the reference does`, () => {
      expect(hexOf(bytes(kernel.multiply(seedOf(side), size)))).to.equal(
        hexOf(bytes(referenceKernel.multiply(seedOf(side), size))),
      )
    })
  }

  it('draws the same rows as the reference, first and last', () => {
    for (const side of [64, 128, 512, 4_096]) {
      const size = matrixSize(side)
      for (const row of [0, 1, side - 1]) {
        expect(kernel.row(seedOf(3), size, 'a', row)).to.deep.equal(
          referenceKernel.row(seedOf(3), size, 'a', row),
        )
        expect(kernel.row(seedOf(3), size, 'b', row)).to.deep.equal(
          referenceKernel.row(seedOf(3), size, 'b', row),
        )
      }
    }
  })

  it('draws entries from −64 to 63, both ends reached, A unlike B', () => {
    const row = referenceKernel.row(seedOf(1), matrixSize(4_096), 'a', 0)
    expect(Math.min(...row)).to.equal(-64)
    expect(Math.max(...row)).to.equal(63)
    expect(referenceKernel.row(seedOf(1), matrixSize(4_096), 'b', 0)).to.not.deep.equal(row)
  })

  it('computes single entries that stand in the whole product', () => {
    const size = matrixSize(1_024)
    const product = kernel.multiply(seedOf(9), size).slice()
    const positions = [0, 1, 511, 1_023].flatMap(row => [0, 63, 64, 1_023].map(col => ({ row, col })))
    const expected = Int32Array.from(positions, ({ row, col }) => product[row * size + col] ?? Number.NaN)
    expect(kernel.entries(seedOf(9), size, positions)).to.deep.equal(expected)
    expect(referenceKernel.entries(seedOf(9), size, positions)).to.deep.equal(expected)
  })

  it('combines the rows of B as the reference does, extreme vectors too', () => {
    for (const side of [64, 256]) {
      const size = matrixSize(side)
      const vectors = Int16Array.from({ length: 4 * side }, (_, i) =>
        i < side ? -2_048 : i < 2 * side ? 2_047 : ((i * 7_919) % 4_096) - 2_048,
      )
      expect(kernel.combine(seedOf(5), size, vectors)).to.deep.equal(
        referenceKernel.combine(seedOf(5), size, vectors),
      )
    }
  })

  it('hashes leaves and pairs as keccak256 does, odd numbers and none too', () => {
    for (const count of [0, 1, 2, 5, 513]) {
      const bytes = Uint8Array.from({ length: 256 * count }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
      expect(kernel.hashLeaves(bytes)).to.deep.equal(referenceKernel.hashLeaves(bytes))
      expect(kernel.hashPairs(bytes)).to.deep.equal(referenceKernel.hashPairs(bytes))
    }
  })

  it('hashes to the published value of keccak256 over 64 zero bytes', () => {
    expect(hexOf(kernel.hashPairs(new Uint8Array(64)))).to.equal(
      '0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5',
    )
  })

  it('refuses a seed of another length', () => {
    expect(() => kernel.multiply(new Uint8Array(31), matrixSize(64))).to.throw(RangeError)
    expect(() => kernel.entries(new Uint8Array(33), matrixSize(64), [])).to.throw(RangeError)
  })

  it('keeps two kernels apart', async () => {
    const other = await createWasmKernel()
    const own = kernel.multiply(seedOf(1), matrixSize(64))
    const before = own.slice()
    other.multiply(seedOf(2), matrixSize(64))
    expect(own).to.deep.equal(before)
  })
})

describe('the side of a matrix', () => {
  it('is a power of two from 64 to 4,096', () => {
    expect([64, 128, 4_096].every(isMatrixSize)).to.equal(true)
    expect([0, 32, 65, 96, 8_192, -64, 64.5, Number.NaN].some(isMatrixSize)).to.equal(false)
    expect(() => matrixSize(100)).to.throw(RangeError)
  })

  it('keeps every entry of a product within 2^24, which 32-bit floats hold exactly', () => {
    expect(entryBound(matrixSize(4_096))).to.equal(2 ** 24)
    expect(Math.fround(2 ** 24 - 1)).to.equal(2 ** 24 - 1)
  })

  it('leads to a known product from a seed of zeros', () => {
    const product = referenceKernel.multiply(bytesOf(`0x${'00'.repeat(32)}`), matrixSize(64))
    expect([product[0], product[1], product[64], product[4_095]]).to.deep.equal([2_465, 9_611, 19_969, -986])
  })
})

function bytes(entries: Int32Array): Uint8Array {
  return new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength)
}
