import { join } from 'node:path'
import { expect } from 'chai'
import {
  createHoldBook,
  HOLD_BOOK_MIGRATIONS,
  type HoldBook,
  type Reservation,
} from '../../../gateway/payments/hold-book.ts'
import { OfferTable } from '../../../gateway/payments/offer-table.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import type { GatewayOffer } from '../../../sdk/offer-json.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { aReceipt, GATEWAY, PAYER } from '../../support/gateway/payments.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'

const HOLD = { id: hash('hold'), maxAmount: 100n, expiresEpoch: 5 }
const CHANNEL = aReceipt()
const OTHER = aReceipt({ worker: addressOf('other worker') })

function openBook(path = ':memory:') {
  const database = openDatabase(path, HOLD_BOOK_MIGRATIONS)
  return { ...createHoldBook(database), close: () => database.close() }
}

/** What a worker says of an answer that cost `chargedWei`, ten units a wei. */
function stated(cumulativeCharge: bigint, chargedWei: bigint, name = String(cumulativeCharge)) {
  const cumulativeUnits = cumulativeCharge * 10n
  return {
    statement: { cumulativeCharge, cumulativeUnits, workHash: hash(name) },
    units: chargedWei * 10n,
    chargedWei,
  }
}

function reserved(book: HoldBook, wei: bigint, hold = HOLD): Reservation {
  const reservation = book.reserve(hold, CHANNEL, wei)
  if (reservation === undefined) throw new Error('the hold has less left')
  return reservation
}

describe('the hold book', () => {
  it('promises no wei of a hold twice', () => {
    const book = openBook()
    expect(book.reserve(HOLD, CHANNEL, 60n)).not.to.equal(undefined)
    expect(book.reserve(HOLD, OTHER, 41n)).to.equal(undefined)
    expect(book.reserve(HOLD, OTHER, 40n)).not.to.equal(undefined)
    expect(book.usedOf(HOLD.id)).to.equal(100n)
  })

  it('gives back what the signed statement does not charge', () => {
    const book = openBook()
    expect(book.settle(reserved(book, 60n), stated(25n, 25n))).to.equal(undefined)
    expect(book.usedOf(HOLD.id)).to.equal(25n)
    expect(book.settle(reserved(book, 60n), stated(35n, 10n))).to.equal(undefined)
    expect(book.usedOf(HOLD.id)).to.equal(35n)
  })

  it('gives back what a worker refused to begin', () => {
    const book = openBook()
    book.giveBack(reserved(book, 60n))
    expect(book.usedOf(HOLD.id)).to.equal(0n)
    // Nothing is left that would explain a charge.
    book.settle(reserved(book, 50n), stated(10n, 10n))
    expect(book.settle(reserved(book, 50n), stated(60n, 10n))).to.equal('ABOVE_ANSWER')
  })

  it('keeps the reservation, and closes the channel, when a worker says that it charged less than it signed', () => {
    const book = openBook()
    book.settle(reserved(book, 30n), stated(20n, 20n))
    expect(book.settle(reserved(book, 30n), stated(50n, 1n))).to.equal('ABOVE_ANSWER')
    expect(book.usedOf(HOLD.id)).to.equal(50n)
    expect(book.closedFor(PAYER)).to.deep.equal(new Set([CHANNEL.worker]))
    expect(book.closedFor(addressOf('somebody'))).to.deep.equal(new Set())
  })

  it('lets a later statement account for an answer that was lost, once, over restarts', () => {
    const dir = temporaryDirectory()
    try {
      const path = join(dir.path, 'gateway.sqlite')
      const before = openBook(path)
      before.settle(reserved(before, 20n), stated(10n, 10n))
      reserved(before, 20n)
      before.close()
      const after = openBook(path)
      // 15 for the lost one, 12 for this one.
      expect(after.settle(reserved(after, 20n), stated(37n, 12n))).to.equal(undefined)
      expect(after.usedOf(HOLD.id)).to.equal(10n + 20n + 12n)
      expect(after.settle(reserved(after, 20n), stated(55n, 12n))).to.equal('ABOVE_ANSWER')
      after.close()
    } finally {
      dir.remove()
    }
  })

  it('remembers promises over a restart', () => {
    const dir = temporaryDirectory()
    try {
      const path = join(dir.path, 'gateway.sqlite')
      const before = openBook(path)
      reserved(before, 60n)
      before.close()
      const after = openBook(path)
      expect(after.reserve(HOLD, CHANNEL, 41n)).to.equal(undefined)
      after.close()
    } finally {
      dir.remove()
    }
  })

  it('forgets holds that have expired, and no others', () => {
    const book = openBook()
    const later = { ...HOLD, id: hash('later'), expiresEpoch: 6 }
    book.reserve(HOLD, CHANNEL, 60n)
    book.reserve(later, CHANNEL, 10n)
    book.forgetBefore(6)
    expect([book.usedOf(HOLD.id), book.usedOf(later.id)]).to.deep.equal([0n, 10n])
  })

  it('forgets channels with the last hold that was shown for them', () => {
    const book = openBook()
    book.settle(reserved(book, 20n), stated(10n, 11n))
    expect(book.closedFor(PAYER).size).to.equal(1)
    book.forgetBefore(5)
    expect(book.closedFor(PAYER).size).to.equal(1)
    book.forgetBefore(6)
    expect(book.closedFor(PAYER).size).to.equal(0)
  })
})

function offer(offerId: string): GatewayOffer {
  const { payer: _, ...terms } = aReceipt()
  return { terms, offerId, holdPayee: GATEWAY, asset: ASSET.io, minHoldWei: 1n, ioPerThousandUnitsWei: 1n }
}

describe('the offer table', () => {
  it('keeps an offer for a minute, for its payer alone', () => {
    const table = new OfferTable()
    table.add({ payer: PAYER, offer: offer('a1') }, 1_000)
    expect(table.find('a1', PAYER, 60_999)).to.deep.equal(offer('a1'))
    expect(table.find('a1', addressOf('somebody'), 2_000)).to.equal(undefined)
    expect(table.find('a1', PAYER, 61_000)).to.equal(undefined)
  })

  it('lets the oldest give way to more than it keeps', () => {
    const table = new OfferTable()
    for (let i = 0; i < 5_000; i++) table.add({ payer: PAYER, offer: offer(i.toString(16)) }, 1_000)
    expect(table.find('0', PAYER, 1_000)).to.equal(undefined)
    expect(table.find((4_999).toString(16), PAYER, 1_000)).not.to.equal(undefined)
  })
})
