import { join } from 'node:path'
import { expect } from 'chai'
import { Guard, GuardClosedError } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { quoteDigest } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { asRound, type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { aQuote, crypto, DOMAIN, FEED_ID, party, ROUND, signQuoteAs } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const me = party('member 0')
const PROPOSAL = Uint8Array.of(1, 2, 3)
function thrownBy(act: () => void): GuardClosedError {
  try {
    act()
  } catch (error) {
    if (error instanceof GuardClosedError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)

describe('the guard', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase
  let guard: Guard

  const open = (): void => {
    database = openDatabase(join(directory.path, 'guard.sqlite'), GUARD_MIGRATIONS)
    guard = new Guard(
      { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: me.secret },
      createGuardStore(database),
      crypto,
    )
  }
  beforeEach(() => {
    directory = temporaryDirectory()
    open()
  })
  afterEach(() => {
    database.close()
    directory.remove()
  })
  const reopen = (): void => {
    database.close()
    open()
  }

  it('signs a quote with its identity', () => {
    const { quote, signature } = guard.signQuote(aQuote())
    expect(crypto.recover(quoteDigest(DOMAIN, quote), signature)).to.equal(me.identity)
  })

  it('signs nothing after it was closed, also after it was opened again', () => {
    const foreign = signQuoteAs(me, 0, { confidence: 99 })
    expect(() => guard.assertOpen()).to.not.throw()
    guard.close(foreign, 1_234.5)
    for (const again of [() => {}, reopen]) {
      again()
      expect(() => guard.signQuote(aQuote()))
        .to.throw()
        .with.property('code', 'CLOSED')
      expect(() => guard.lockAndSignReport(ROUND, { word: 7n, proposal: PROPOSAL }))
        .to.throw()
        .with.property('code', 'CLOSED')
    }
  })

  it('says of a closed guard what gave the copy away and what to do, and signs again once that is done', () => {
    const foreign = signQuoteAs(me, 0, { confidence: 99 })
    guard.close(foreign, 1_234)
    guard.close(signQuoteAs(me, 0, { confidence: 98 }), 5_678)
    reopen()
    const error = thrownBy(() => guard.assertOpen())
    expect(error.closure).to.deep.include({ atMs: 1_234, round: ROUND })
    expect(Buffer.from(error.closure.quote)).to.deep.equal(Buffer.from(foreign.bytes))
    expect(error.message).to.match(/ionet oracle reopen --config FILE$/)
    const ackMs = roundStartMs(later(3))
    expect(guard.reopen(ackMs)).to.deep.include({ atMs: 1_234, round: ROUND })
    reopen()
    expect(guard.reopen(ackMs + 1)).to.equal(undefined)
    expect(guard.isAcknowledged(ROUND)).to.equal(true)
    expect(guard.isAcknowledged(later(4))).to.equal(false)
    expect(() => guard.assertOpen()).to.not.throw()
    expect(guard.signQuote(aQuote()).quote.round).to.equal(ROUND)
  })

  it('is closed again by what comes after it was opened, and keeps both records', () => {
    guard.close(signQuoteAs(me, 0, { confidence: 99 }), 1_234)
    guard.reopen(roundStartMs(later(3)))
    guard.close(signQuoteAs(me, 0, { round: later(9) }), 5_678)
    reopen()
    expect(thrownBy(() => guard.assertOpen()).closure).to.deep.include({ atMs: 5_678, round: later(9) })
    expect(database.prepare('SELECT count(*) AS n FROM closures').get()).to.deep.equal({ n: 2 })
  })

  it('stays closed when a program that knows acknowledgements opens what an older one has closed', () => {
    const old = openDatabase(join(directory.path, 'old.sqlite'), GUARD_MIGRATIONS.slice(0, 2))
    old.prepare('INSERT INTO closed (id, at_ms, round, quote) VALUES (1, 7, ?, ?)').run(ROUND, Buffer.of(1))
    old.close()
    const migrated = openDatabase(join(directory.path, 'old.sqlite'), GUARD_MIGRATIONS)
    expect(createGuardStore(migrated).closure()).to.deep.include({ atMs: 7, round: ROUND })
    migrated.close()
  })

  it('signs one quote a round, also after it was opened again', () => {
    guard.signQuote(aQuote())
    expect(() => guard.signQuote(aQuote({ confidence: 11 })))
      .to.throw()
      .with.property('code', 'ROUND_NOT_ABOVE_LAST')
    reopen()
    expect(() => guard.signQuote(aQuote({ confidence: 11 })))
      .to.throw()
      .with.property('code', 'ROUND_NOT_ABOVE_LAST')
  })

  it('never signs for a round below the highest, even one it has not quoted', () => {
    guard.signQuote(aQuote({ round: later(5) }))
    expect(() => guard.signQuote(aQuote({ round: later(4) })))
      .to.throw()
      .with.property('code', 'ROUND_NOT_ABOVE_LAST')
    expect(guard.quoteOf(later(4))).to.equal(undefined)
  })

  it('gives a stored quote back byte for byte', () => {
    const signed = guard.signQuote(aQuote())
    reopen()
    expect(Buffer.from(guard.quoteOf(ROUND)?.bytes ?? [])).to.deep.equal(Buffer.from(signed.bytes))
  })

  it('stores nothing when signing fails', () => {
    const broken = new Guard(
      { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: me.secret },
      createGuardStore(database),
      {
        ...crypto,
        sign: () => {
          throw new Error('no key')
        },
      },
    )
    expect(() => broken.signQuote(aQuote())).to.throw('no key')
    expect(guard.quoteOf(ROUND)).to.equal(undefined)
    expect(guard.signQuote(aQuote()).quote.round).to.equal(ROUND)
  })

  it('says nothing that a full disk did not take, and goes on when there is room again', () => {
    const pages = (limit: number) => database.pragma(`max_page_count = ${limit}`)
    pages(Number(database.pragma('page_count', { simple: true })))
    let rounds = 0
    const fill = (): void => {
      for (; rounds < 1_000; rounds += 1) guard.signQuote(aQuote({ round: later(rounds) }))
    }
    expect(fill).to.throw('full')
    expect(guard.quoteOf(later(rounds))).to.equal(undefined)
    reopen()
    expect(guard.quoteOf(later(rounds))).to.equal(undefined)
    expect(guard.quoteOf(later(rounds - 1))?.quote.round).to.equal(later(rounds - 1))
    expect(guard.signQuote(aQuote({ round: later(rounds) })).quote.round).to.equal(later(rounds))
  })

  it('knows its own bytes, and no others under its key', () => {
    const mine = guard.signQuote(aQuote())
    expect(guard.knows(mine)).to.equal(true)
    expect(guard.knows(signQuoteAs(me, 0, { confidence: 99 }))).to.equal(false)
    expect(guard.knows(signQuoteAs(me, 0, { round: later(1) }))).to.equal(false)
  })

  it('locks a round to a word for good, across being opened again', () => {
    guard.lockAndSignReport(ROUND, { word: 7n, proposal: PROPOSAL })
    for (const again of [() => {}, reopen]) {
      again()
      expect(() => guard.lockAndSignReport(ROUND, { word: 8n, proposal: PROPOSAL }))
        .to.throw()
        .with.property('code', 'OTHER_WORD_LOCKED')
      expect(guard.lockOf(ROUND)?.word).to.equal(7n)
    }
  })

  it('signs the same word again, and keeps the first proposal', () => {
    const first = guard.lockAndSignReport(ROUND, { word: 7n, proposal: PROPOSAL })
    const second = guard.lockAndSignReport(ROUND, { word: 7n, proposal: Uint8Array.of(9) })
    expect(second).to.deep.equal(first)
    expect(crypto.recover(reportDigest(DOMAIN, FEED_ID, 7n), first)).to.equal(me.identity)
    expect(Buffer.from(guard.lockOf(ROUND)?.proposal ?? [])).to.deep.equal(Buffer.from(PROPOSAL))
  })

  it('keeps a word of all 256 bits', () => {
    const word = (1n << 256n) - 1n
    guard.lockAndSignReport(ROUND, { word, proposal: PROPOSAL })
    expect(guard.lockOf(ROUND)?.word).to.equal(word)
  })

  it('keeps ten thousand rounds, the highest among them', () => {
    database.transaction(() => {
      const quotes = database.prepare('INSERT INTO quotes (round, bytes) VALUES (?, ?)')
      for (let index = 0; index < 10_000; index++) quotes.run(later(index), Buffer.of(1))
    })()
    for (let index = 10_000; index < 10_005; index++) guard.signQuote(aQuote({ round: later(index) }))
    const rounds = database.prepare<[], { n: number; lowest: number; highest: number }>(
      'SELECT count(*) AS n, min(round) AS lowest, max(round) AS highest FROM quotes',
    )
    expect(rounds.get()).to.deep.equal({ n: 10_000, lowest: later(5), highest: later(10_004) })
    expect(() => guard.signQuote(aQuote({ round: later(10_004) })))
      .to.throw()
      .with.property('code', 'ROUND_NOT_ABOVE_LAST')
  })
})
