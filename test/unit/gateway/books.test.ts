import { join } from 'node:path'
import { expect } from 'chai'
import { createHoldBook, HOLD_BOOK_MIGRATIONS } from '../../../gateway/payments/hold-book.ts'
import { OfferTable } from '../../../gateway/payments/offer-table.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import type { GatewayOffer } from '../../../sdk/offer-json.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { aReceipt, GATEWAY, PAYER } from '../../support/gateway/payments.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'

const HOLD = { id: hash('hold'), maxAmount: 100n, expiresEpoch: 5 }

function openBook(path = ':memory:') {
  const database = openDatabase(path, HOLD_BOOK_MIGRATIONS)
  return { ...createHoldBook(database), close: () => database.close() }
}

describe('the hold book', () => {
  it('promises no wei of a hold twice', () => {
    const book = openBook()
    expect(book.reserve(HOLD, 60n)).to.equal(true)
    expect(book.reserve(HOLD, 41n)).to.equal(false)
    expect(book.reserve(HOLD, 40n)).to.equal(true)
    expect(book.usedOf(HOLD.id)).to.equal(100n)
  })

  it('gives back what was not charged', () => {
    const book = openBook()
    book.reserve(HOLD, 60n)
    book.settle(HOLD.id, 60n, 25n)
    expect(book.usedOf(HOLD.id)).to.equal(25n)
  })

  it('remembers promises over a restart', () => {
    const dir = temporaryDirectory()
    try {
      const path = join(dir.path, 'gateway.sqlite')
      const before = openBook(path)
      before.reserve(HOLD, 60n)
      before.close()
      const after = openBook(path)
      expect(after.reserve(HOLD, 41n)).to.equal(false)
      after.close()
    } finally {
      dir.remove()
    }
  })

  it('forgets holds that have expired, and no others', () => {
    const book = openBook()
    const later = { ...HOLD, id: hash('later'), expiresEpoch: 6 }
    book.reserve(HOLD, 60n)
    book.reserve(later, 10n)
    book.forgetBefore(6)
    expect([book.usedOf(HOLD.id), book.usedOf(later.id)]).to.deep.equal([0n, 10n])
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
