import { expect } from 'chai'
import fc from 'fast-check'
import {
  drawSec,
  epochOfSlot,
  isWindow,
  mayBeWindow,
  slotEndSec,
  slotOf,
  slotStartSec,
  type WindowTerms,
} from '../../../protocol/epoch/windows.ts'
import { hash } from '../../support/epoch/cast.ts'

const terms: WindowTerms = { clock: { startSec: 1_000, lengthSec: 40 }, slotSec: 5, every: 2, graceSec: 2 }

describe('challenge windows', () => {
  it('are slots of block time, counted from the first epoch', () => {
    expect(slotOf(terms, 999)).to.equal(-1)
    expect([1_000, 1_004, 1_005].map(sec => slotOf(terms, sec))).to.deep.equal([0, 0, 1])
    expect([slotStartSec(terms, 3), slotEndSec(terms, 3), drawSec(terms, 3)]).to.deep.equal([
      1_015, 1_020, 1_022,
    ])
  })

  it('belong to the epoch that they lie in', () => {
    fc.assert(
      fc.property(fc.nat(10_000), slot => {
        const epoch = epochOfSlot(terms, slot)
        expect(slotStartSec(terms, slot)).to.be.at.least(1_000 + epoch * 40)
        expect(slotEndSec(terms, slot)).to.be.at.most(1_000 + (epoch + 1) * 40)
      }),
    )
  })

  it('leave out the last slot of an epoch, and everything before the first', () => {
    const allowed = Array.from({ length: 17 }, (_, index) => index - 1).filter(slot =>
      mayBeWindow(terms, slot),
    )
    expect(allowed).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14])
  })

  it('are as many as the terms say', () => {
    const hits = Array.from({ length: 2_000 }, (_, at) => isWindow(terms, 8, hash(`beacon ${at}`)))
    expect(hits.filter(Boolean).length).to.be.within(900, 1_100)
    expect(hits.some((_, at) => isWindow(terms, 7, hash(`beacon ${at}`)))).to.equal(false)
  })
})
