import { expect } from 'chai'
import {
  BAN_MS,
  ConductBook,
  MAX_DEBT,
  MAX_PEERS,
  MAX_STRIKES,
  MESSAGE_BURST,
  MESSAGES_PER_SEC,
  STRIKE_WINDOW_MS,
} from '../../../runtime/p2p/conduct.ts'
import type { PeerKey } from '../../../runtime/p2p/peer-key.ts'

const ANN: PeerKey = '0xaa'
const BOB: PeerKey = '0xbb'

describe('the conduct book', () => {
  const strikes = (book: ConductBook, count: number, now: number): boolean[] =>
    Array.from({ length: count }, () => book.strike(ANN, now))

  it('bans a peer at its fifth strike within a minute, and nobody else', () => {
    const book = new ConductBook()
    expect(strikes(book, MAX_STRIKES, 1_000)).to.deep.equal([false, false, false, false, true])
    expect(book.isBanned(ANN, 1_000)).to.equal(true)
    expect(book.isBanned(BOB, 1_000)).to.equal(false)
  })

  it('forgets a strike after a minute', () => {
    const book = new ConductBook()
    strikes(book, MAX_STRIKES - 1, 0)
    expect(book.strike(ANN, STRIKE_WINDOW_MS)).to.equal(false)
    expect(book.isBanned(ANN, STRIKE_WINDOW_MS)).to.equal(false)
  })

  it('lets a banned peer back with a clean page', () => {
    const book = new ConductBook()
    strikes(book, MAX_STRIKES, 0)
    expect(book.isBanned(ANN, BAN_MS - 1)).to.equal(true)
    expect(book.isBanned(ANN, BAN_MS)).to.equal(false)
    expect(book.strike(ANN, BAN_MS)).to.equal(false)
  })

  it('allows a burst, then no more than the budget refills', () => {
    const book = new ConductBook()
    for (let k = 0; k < MESSAGE_BURST; k++) expect(book.spend(ANN, 0)).to.equal('within')
    expect(book.spend(ANN, 0)).to.equal('over')
    const later = 1_000
    for (let k = 0; k < MESSAGES_PER_SEC - 1; k++) expect(book.spend(ANN, later)).to.equal('within')
    expect(book.spend(ANN, later)).to.equal('over')
  })

  it('bans a peer that goes on while over its budget', () => {
    const book = new ConductBook()
    const answers = Array.from({ length: MESSAGE_BURST + MAX_DEBT }, () => book.spend(ANN, 0))
    expect(answers.indexOf('flood')).to.equal(MESSAGE_BURST + MAX_DEBT - 1)
    expect(book.isBanned(ANN, 0)).to.equal(true)
  })

  it('remembers a bounded number of peers, the latest ones', () => {
    const book = new ConductBook()
    strikes(book, MAX_STRIKES, 0)
    for (let k = 0; k < MAX_PEERS; k++) book.strike(`0x${k}`, 0)
    expect(book.isBanned(ANN, 0)).to.equal(false)
  })
})
