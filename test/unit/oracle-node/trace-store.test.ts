import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { TraceKeeper } from '../../../oracle-node/quoting/trace-keeper.ts'
import {
  createTraceStore,
  openTraceDatabase,
  TRACE_BOUNDS,
  type TraceBounds,
} from '../../../oracle-node/quoting/trace-store.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import { encodeTrace } from '../../../protocol/sources/trace.ts'
import type { SqliteDatabase } from '../../../runtime/sqlite.ts'
import { party, ROUND, signQuoteAs } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { allVenues, aPlan, NOW_MS } from '../../support/sources/build.ts'

const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)
const DAY_MS = 86_400_000

describe('the store of traces', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase
  const path = () => join(directory.path, 'traces.sqlite')
  const storeOf = (bounds: Partial<TraceBounds> = {}) =>
    createTraceStore(database, { ...TRACE_BOUNDS, ...bounds })

  beforeEach(() => {
    directory = temporaryDirectory()
    database = openTraceDatabase(path())
  })
  afterEach(() => {
    database.close()
    directory.remove()
  })

  it('gives a trace back as it was, also after it was opened again', () => {
    storeOf().add(ROUND, '{"a":"é"}')
    database.close()
    database = openTraceDatabase(path())
    expect(storeOf().bodyOf(ROUND)).to.equal('{"a":"é"}')
    expect(storeOf().bodyOf(later(1))).to.equal(undefined)
  })

  it('keeps the first trace of a round', () => {
    const store = storeOf({ rounds: 2 })
    for (const text of ['first', 'second', 'third']) store.add(ROUND, text)
    store.add(later(1), 'next')
    expect(store.bodyOf(ROUND)).to.equal('first')
    expect(store.range()).to.deep.equal({ first: ROUND, last: later(1) })
  })

  it('keeps so many rounds, the newest, also across being opened again', () => {
    let store = storeOf({ rounds: 5 })
    expect(store.range()).to.equal(undefined)
    for (let index = 0; index < 8; index += 1) store.add(later(index), `${index}`)
    expect(store.range()).to.deep.equal({ first: later(3), last: later(7) })
    store = storeOf({ rounds: 5 })
    store.add(later(8), 'next')
    expect(store.range()).to.deep.equal({ first: later(4), last: later(8) })
  })

  it('comes down to a lower number two a write', () => {
    for (let index = 0; index < 9; index += 1) storeOf().add(later(index), 'x')
    const store = storeOf({ rounds: 5 })
    const firsts = [9, 10, 11, 12, 13].map(index => {
      store.add(later(index), 'x')
      return store.range()?.first
    })
    expect(firsts).to.deep.equal([2, 4, 6, 8, 9].map(later))
  })

  it('keeps so many days by the newest round', () => {
    const store = storeOf({ ageMs: DAY_MS })
    const day = DAY_MS / 1_000
    for (const at of [0, 1, 2, day]) store.add(later(at), 'x')
    expect(store.range()?.first).to.equal(ROUND)
    store.add(later(day + 1), 'x')
    expect(store.range()?.first).to.equal(later(1))
    store.add(later(9 * day), 'x')
    store.add(later(9 * day + 1), 'x')
    expect(store.range()).to.deep.equal({ first: later(9 * day), last: later(9 * day + 1) })
  })

  it('keeps so many bytes, whatever the number of rounds', () => {
    const bytes = 400_000
    const store = storeOf({ bytes })
    const incompressible = () => Array.from({ length: 9_000 }, () => Math.random().toString(36)[3]).join('')
    for (let index = 0; index < 300; index += 1) store.add(later(index), incompressible())
    const size = Number(database.pragma('page_count', { simple: true })) * 4_096
    expect(size).to.be.within(bytes * 0.9, bytes * 1.1)
    expect(store.bodyOf(later(299))).to.have.length(9_000)
    expect(store.range()?.first).to.be.above(later(200))
  })

  it('waits for no disk and for nobody who writes to the file', () => {
    // 1 is NORMAL.
    expect(database.pragma('synchronous', { simple: true })).to.equal(1)
    const store = storeOf({ rounds: 1 })
    const other = new Database(path())
    other.exec('BEGIN IMMEDIATE')
    const startedMs = performance.now()
    expect(() => store.add(ROUND, 'x')).to.throw('locked')
    expect(performance.now() - startedMs).to.be.below(1_000)
    other.exec('ROLLBACK')
    other.close()
    for (const index of [0, 1]) store.add(later(index), 'x')
    // What failed was not counted.
    expect(store.range()).to.deep.equal({ first: later(1), last: later(1) })
  })
})

describe('the keeper of traces', () => {
  let directory: TemporaryDirectory
  let logger: ReturnType<typeof recordLogger>
  let fates: string[]
  let keeper: TraceKeeper
  const trace = { feed: 'IO/USD', nowMs: NOW_MS, values: allVenues() }
  const quoteOf = (round: Round) => signQuoteAs(party('member 0'), 0, { round })
  const path = () => join(directory.path, 'data', 'traces.sqlite')
  const written = (): Promise<void> => new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  const warnings = () => logger.lines.filter(({ level }) => level === 'warn').map(({ sentence }) => sentence)

  beforeEach(() => {
    directory = temporaryDirectory()
    logger = recordLogger()
    fates = []
    keeper = new TraceKeeper(
      { path: path(), plan: aPlan(), roundMs: 1_000 },
      { logger, count: fate => fates.push(fate) },
    )
  })
  afterEach(async () => {
    await keeper.stop()
    directory.remove()
  })

  it('writes behind the back of who gave the trace', async () => {
    await keeper.start()
    keeper.keep(quoteOf(ROUND), trace)
    expect({ fates, body: keeper.bodyOf(ROUND) }).to.deep.equal({ fates: [], body: undefined })
    await written()
    expect(fates).to.deep.equal(['KEPT'])
    const body = JSON.parse(keeper.bodyOf(ROUND) ?? '')
    expect(body).to.deep.include({ version: 2, round: ROUND, roundMs: 1_000, trace: encodeTrace(trace) })
    expect(body.quote).to.equal(`0x${Buffer.from(quoteOf(ROUND).bytes).toString('hex')}`)
  })

  it('writes what waits before it stops', async () => {
    await keeper.start()
    for (const index of [0, 1, 2]) keeper.keep(quoteOf(later(index)), trace)
    await keeper.stop()
    await keeper.start()
    expect(keeper.range()).to.deep.equal({ first: ROUND, last: later(2) })
  })

  it('lets go of traces that the disk does not take in time', async () => {
    await keeper.start()
    for (let index = 0; index < 10; index += 1) keeper.keep(quoteOf(later(index)), trace)
    expect(fates).to.deep.equal(['DROPPED', 'DROPPED'])
    await written()
    expect(keeper.range()).to.deep.equal({ first: ROUND, last: later(7) })
  })

  it('counts what fails, says so once, and goes on', async () => {
    await keeper.start()
    const other = new Database(path())
    other.exec('BEGIN IMMEDIATE')
    for (const index of [0, 1]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    expect({ fates, warnings: warnings() }).to.deep.equal({
      fates: ['FAILED', 'FAILED'],
      warnings: ['the trace of a quote could not be kept'],
    })
    other.exec('ROLLBACK')
    other.close()
    keeper.keep(quoteOf(later(2)), trace)
    await written()
    expect(fates.at(-1)).to.equal('KEPT')
    expect(keeper.range()).to.deep.equal({ first: later(2), last: later(2) })
  })

  it('starts without a file that it cannot read, and keeps nothing', async () => {
    await keeper.start()
    await keeper.stop()
    expect(existsSync(path())).to.equal(true)
    writeFileSync(path(), 'this is no database, and long enough to be taken for one. '.repeat(20))
    await keeper.start()
    expect(logger.lines.map(({ level }) => level)).to.deep.equal(['error'])
    keeper.keep(quoteOf(ROUND), trace)
    await written()
    expect({ fates, range: keeper.range() }).to.deep.equal({ fates: ['FAILED'], range: undefined })
  })
})
