import { expect } from 'chai'
import fc from 'fast-check'
import {
  drawBeacon,
  drawSec,
  epochOfSlot,
  isWindow,
  mayBeWindow,
  slotEndSec,
  slotOf,
  slotStartSec,
  type WindowTerms,
  windowBeacon,
} from '../../../protocol/epoch/windows.ts'
import { hash } from '../../support/epoch/cast.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

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

  it('are as many as the terms say, and nobody knows which before the block', () => {
    const hits = Array.from({ length: 2_000 }, (_, block) =>
      isWindow(terms, 8, windowBeacon(DOMAIN, 8, hash(`block ${block}`))),
    ).filter(Boolean).length
    expect(hits).to.be.within(900, 1_100)
  })

  it('have beacons of their own: by slot, network, block and commitment root', () => {
    const beacons = [
      windowBeacon(DOMAIN, 8, hash('block')),
      windowBeacon(DOMAIN, 9, hash('block')),
      windowBeacon({ ...DOMAIN, chainId: 1 }, 8, hash('block')),
      windowBeacon(DOMAIN, 8, hash('another block')),
      drawBeacon(hash('root'), hash('block')),
      drawBeacon(hash('another root'), hash('block')),
      drawBeacon(hash('root'), hash('another block')),
    ]
    expect(new Set(beacons).size).to.equal(beacons.length)
  })
})
