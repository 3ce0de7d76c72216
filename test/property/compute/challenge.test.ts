import { expect } from 'chai'
import fc from 'fast-check'
import { drawAudits, drawOpenings } from '../../../compute/challenge/draw.ts'
import { decodeOpenings, encodeOpenings, openingsBytes } from '../../../compute/challenge/openings.ts'
import { openProduct } from '../../../compute/challenge/prove.ts'
import { verifyOpenings } from '../../../compute/challenge/verify.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { contextOf, hashOf, makeProducts, prove, seedOf } from '../../support/compute/challenge.ts'

describe('the capacity challenge, whatever is drawn', () => {
  let kernel: Kernel
  before(async () => {
    kernel = await createWasmKernel()
  })

  it('draws different products and rows in order, and places inside the matrix', () => {
    const cases = fc.record({
      beacon: fc.nat(),
      products: fc.integer({ min: 1, max: 200 }),
      wanted: fc.integer({ min: 1, max: 6 }),
      rows: fc.nat(70),
      size: fc.constantFrom(64, 4_096).map(matrixSize),
    })
    fc.assert(
      fc.property(cases, ({ beacon, products, wanted, rows, size }) => {
        const rule = { products: wanted, entries: 64, rows }
        const drawn = drawOpenings(rule, hashOf(beacon), seedOf(beacon), products, size)
        const ascending = (list: readonly number[]) =>
          list.every((value, i) => i === 0 || (list[i - 1] ?? 0) < value)
        expect(drawn.length).to.equal(Math.min(wanted, products))
        expect(ascending(drawn.map(each => each.index))).to.equal(true)
        for (const each of drawn) {
          expect(each.index).to.be.within(0, products - 1)
          expect(each.entries.length).to.equal(64)
          expect(each.entries.every(at => at.row < size && at.col < size)).to.equal(true)
          expect(each.rows.length).to.equal(Math.min(rows, size))
          expect(ascending(each.rows) && each.rows.every(row => row < size)).to.equal(true)
          expect(each.vectors.length).to.equal(rows === 0 ? 0 : 4 * size)
          expect(each.vectors.every(r => r >= -2_048 && r <= 2_047)).to.equal(true)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('draws every product about as often as any other', () => {
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 2_000; i++) {
      const [drawn] = drawOpenings(
        { products: 1, entries: 0, rows: 0 },
        hashOf(i),
        seedOf(i),
        10,
        matrixSize(64),
      )
      counts[drawn?.index ?? 0] = (counts[drawn?.index ?? 0] ?? 0) + 1
    }
    expect(Math.min(...counts)).to.be.above(140)
    expect(Math.max(...counts)).to.be.below(260)
  })

  it('draws as many different transcripts for an audit as there are to draw', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(60), fc.nat(100), (beacon, count, total) => {
        const audits = drawAudits(hashOf(beacon), seedOf(1), count, total)
        expect(audits.length).to.equal(Math.min(count, total))
        expect(new Set(audits).size).to.equal(audits.length)
        expect(audits.every(index => index < total)).to.equal(true)
      }),
    )
  })

  it('refuses openings of which any byte is changed, also of entries that were not drawn', () => {
    const rule = { products: 2, entries: 8, rows: 2 }
    const { context, signed, drawn, openings } = prove(kernel, rule)
    const bytes = encodeOpenings(openings)
    expect(bytes.length).to.equal(openingsBytes(rule, context.size, 3))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = bytes.map((byte, index) => (index === at ? byte ^ change : byte))
        const decoded = decodeOpenings(changed, drawn, context.size)
        expect(encodeOpenings(decoded)).to.deep.equal(changed)
        expect(verifyOpenings(kernel, context, signed.commitment.roots, drawn, decoded).ok).to.equal(false)
      }),
      { numRuns: 150 },
    )
  })

  /** Share of draws that a product with a share `wrong` of false entries survives. */
  function passing(wrong: number, entries: number, draws: number): number {
    const context = contextOf()
    let state = 1
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state / 2 ** 32
    }
    const { roots, products } = makeProducts(kernel, context, 1, product =>
      product.map(entry => (random() < wrong ? entry + 1 : entry)),
    )
    let passed = 0
    for (let i = 0; i < draws; i++) {
      const rule = { products: 1, entries, rows: 0 }
      const drawn = drawOpenings(rule, hashOf(i), seedOf(i), 1, context.size)
      const openings = drawn.map(each =>
        openProduct(kernel, context.size, products[0] ?? new Int32Array(), each),
      )
      if (verifyOpenings(kernel, context, roots, drawn, openings).ok) passed++
    }
    return passed / draws
  }

  for (const [wrong, entries] of [
    [0.01, 64],
    [0.05, 16],
    [0.1, 8],
  ] as const) {
    it(`lets ${wrong * 100}% of wrong entries pass ${entries} openings with (1 − δ)^m`, () => {
      const expected = (1 - wrong) ** entries
      expect(passing(wrong, entries, 300)).to.be.within(expected - 0.12, expected + 0.12)
    })
  }

  it('lets nobody pass who left out half of a product', () => {
    expect(passing(0.5, 64, 100)).to.equal(0)
  })
})
