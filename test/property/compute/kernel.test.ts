import { expect } from 'chai'
import fc from 'fast-check'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { referenceKernel } from '../../../compute/matrix/reference-kernel.ts'
import { entryBound, matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const sizes = fc.constantFrom(64, 128).map(matrixSize)

describe('the fast kernel, whatever the seed', () => {
  let kernel: Kernel
  before(async () => {
    kernel = await createWasmKernel()
  })

  it('multiplies as the reference does, within the bound of entries', () => {
    fc.assert(
      fc.property(seeds, sizes, (seed, size) => {
        const product = kernel.multiply(seed, size)
        expect(product).to.deep.equal(referenceKernel.multiply(seed, size))
        expect(product.every(entry => Math.abs(entry) <= entryBound(size))).to.equal(true)
      }),
      { numRuns: 12 },
    )
  })

  it('satisfies Freivalds: C·r = A·(Bᵀ·r) for any r', () => {
    const cases = sizes.chain(size =>
      fc.tuple(
        fc.constant(size),
        seeds,
        fc.int16Array({ min: -2_048, max: 2_047, minLength: 4 * size, maxLength: 4 * size }),
        fc.nat(size - 1),
      ),
    )
    fc.assert(
      fc.property(cases, ([size, seed, vectors, row]) => {
        const combined = kernel.combine(seed, size, vectors)
        const a = kernel.row(seed, size, 'a', row)
        const c = kernel.multiply(seed, size).subarray(row * size, (row + 1) * size)
        for (let v = 0; v < 4; v++) {
          const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
            Array.from(x).reduce((sum, value, i) => sum + value * (y[v * size + i] ?? 0), 0)
          expect(dot(c, vectors)).to.equal(dot(a, combined))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('hashes as keccak256 does', () => {
    const inputs = fc.nat(20).chain(n => fc.uint8Array({ minLength: 256 * n, maxLength: 256 * n }))
    fc.assert(
      fc.property(inputs, bytes => {
        expect(kernel.hashLeaves(bytes)).to.deep.equal(referenceKernel.hashLeaves(bytes))
        expect(kernel.hashPairs(bytes)).to.deep.equal(referenceKernel.hashPairs(bytes))
      }),
      { numRuns: 30 },
    )
  })
})
