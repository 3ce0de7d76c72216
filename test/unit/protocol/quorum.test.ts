import { expect } from 'chai'
import { MAX_MEMBERS, quorumOf } from '../../../protocol/quorum.ts'

const SIZES = Array.from({ length: MAX_MEMBERS }, (_, index) => index + 1)

describe('the quorum', () => {
  it('is what the protocol states for every listed size', () => {
    const table = [
      [4, 1, 3],
      [5, 1, 4],
      [6, 1, 4],
      [7, 2, 5],
      [8, 2, 6],
      [9, 2, 6],
      [10, 3, 7],
      [11, 3, 8],
      [12, 3, 8],
      [13, 4, 9],
      [21, 6, 14],
      [31, 10, 21],
    ] as const
    expect(table.map(([n]) => quorumOf(n))).to.deep.equal(table.map(([n, f, q]) => ({ n, f, q })))
  })

  it('overlaps any other in more members than can lie, at every size', () => {
    for (const { n, f, q } of SIZES.map(quorumOf)) expect(2 * q - n, `n = ${n}`).to.be.greaterThan(f)
  })

  it('is reached by the honest members alone, at every size', () => {
    for (const { n, f, q } of SIZES.map(quorumOf)) expect(q, `n = ${n}`).to.be.at.most(n - f)
  })

  it('is the smallest with these properties', () => {
    for (const { n, f, q } of SIZES.map(quorumOf)) expect(2 * (q - 1) - n, `n = ${n}`).to.be.at.most(f)
  })

  it('holds more honest members than lying ones, so that a median stays among the honest', () => {
    for (const { n, f, q } of SIZES.map(quorumOf)) expect(q - f, `n = ${n}`).to.be.greaterThan(f)
  })

  it('does not exist for sizes no network has', () => {
    for (const n of [0, -1, 2.5, Number.NaN, MAX_MEMBERS + 1]) expect(() => quorumOf(n)).to.throw(RangeError)
  })
})
