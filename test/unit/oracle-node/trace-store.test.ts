import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import devnet from '../../../config/networks/devnet.json' with { type: 'json' }
import mainnet from '../../../config/networks/mainnet.example.json' with { type: 'json' }
import devnetPlan from '../../../config/networks/sources.io-usd.json' with { type: 'json' }
import mainnetPlan from '../../../config/networks/sources.mainnet.json' with { type: 'json' }
import { TraceKeeper } from '../../../oracle-node/quoting/trace-keeper.ts'
import {
  createTraceStore,
  DamagedTraceError,
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
import { allVenues, aPlan, aValue, NOW_MS } from '../../support/sources/build.ts'

const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)
const DAY_MS = 86_400_000

interface Leg {
  readonly venues: readonly unknown[]
}

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
    const store = storeOf()
    for (const text of ['first', 'second', 'third']) store.add(ROUND, text)
    store.add(later(1), 'next')
    expect(store.bodyOf(ROUND)).to.equal('first')
    expect(store.range()).to.deep.equal({ first: ROUND, last: later(1) })
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

  it('comes down to a shorter time two a write, also after it was opened again', () => {
    for (let index = 0; index < 9; index += 1) storeOf().add(later(index), 'x')
    database.close()
    database = openTraceDatabase(path())
    const store = storeOf({ ageMs: 4_000 })
    const firsts = [9, 10, 11, 12, 13].map(index => {
      store.add(later(index), 'x')
      return store.range()?.first
    })
    expect(firsts).to.deep.equal([2, 4, 6, 8, 9].map(later))
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
    // 0 is OFF.
    expect(database.pragma('synchronous', { simple: true })).to.equal(0)
    expect(database.pragma('busy_timeout', { simple: true })).to.equal(0)
    const store = storeOf()
    const other = new Database(path())
    other.exec('BEGIN IMMEDIATE')
    expect(() => store.add(ROUND, 'x')).to.throw('locked')
    other.exec('ROLLBACK')
    other.close()
    store.add(later(1), 'x')
    expect(store.range()).to.deep.equal({ first: later(1), last: later(1) })
  })

  it('keeps for a week of the rounds of a real network, and for a day or two of those of a local one', () => {
    const quoteBytes = signQuoteAs(party('member 0'), 0).bytes
    const digits = (count: number) => BigInt(Math.floor(Math.random() * 10 ** count))
    const price = () => 10n ** 18n + digits(8) * 10n ** 10n
    const traceOf = (round: number, count: number): string => {
      const timeMs = () => 100 * round - Math.floor(Math.random() * 10_000)
      const values = Array.from({ length: count }, (_, index) =>
        aValue({
          ...{
            venue: `venue${index}`,
            bid: price(),
            ask: price(),
            last: price(),
            volume: digits(15) * 10n ** 9n,
          },
          ...{ exchangeTimeMs: timeMs(), receivedAtMs: timeMs(), changedAtMs: timeMs() },
        }),
      )
      const quote = Buffer.from(quoteBytes).toString('hex')
      return JSON.stringify({ quote, trace: encodeTrace({ feed: 'IO/USD', nowMs: 100 * round, values }) })
    }
    /** How long a network's traces are kept by their bytes alone. */
    const keptMs = (
      network: { readonly roundMs: number },
      plan: { readonly legs: readonly Leg[] },
    ): number => {
      const count = plan.legs.reduce((sum, { venues }) => sum + venues.length, 0)
      const file = openTraceDatabase(join(directory.path, `${count}.sqlite`))
      const store = createTraceStore(file)
      const rounds = 300
      for (let index = 0; index < rounds; index += 1) store.add(later(index), traceOf(later(index), count))
      const bytes = ['page_count', 'page_size'].map(name => Number(file.pragma(name, { simple: true })))
      file.close()
      return (network.roundMs * TRACE_BOUNDS.bytes * rounds) / bytes.reduce((a, b) => a * b)
    }
    expect(keptMs(mainnet, mainnetPlan)).to.be.above(TRACE_BOUNDS.ageMs)
    expect(keptMs(devnet, devnetPlan)).to.be.within(DAY_MS, 3 * DAY_MS)
  })

  it('gives nothing back for what was written there when the row is damaged', () => {
    const store = storeOf()
    const text = JSON.stringify(encodeTrace({ feed: 'IO/USD', nowMs: NOW_MS, values: allVenues() }))
    const damages: [string, (body: Buffer) => Buffer][] = [
      ['noise', () => Buffer.from('garbage garbage')],
      ['nothing', () => Buffer.alloc(0)],
      ['half of it', body => body.subarray(0, body.length / 2)],
      ['more than there may be', () => deflateSync(Buffer.alloc(64 * 1024 * 1024))],
      ...[3, 40, 100, 200].map((at): [string, (body: Buffer) => Buffer] => [
        `another bit in byte ${at}`,
        body => {
          body[at] = (body[at] ?? 0) ^ 1
          return body
        },
      ]),
    ]
    for (const [index, [what, damage]] of damages.entries()) {
      store.add(later(index), text)
      expect(store.bodyOf(later(index))).to.equal(text)
      const row = database.prepare<[number], { body: Buffer }>('SELECT body FROM traces WHERE round = ?')
      const damaged = damage(row.get(later(index))?.body ?? Buffer.alloc(0))
      database.prepare('UPDATE traces SET body = ? WHERE round = ?').run(damaged, later(index))
      expect(() => store.bodyOf(later(index)), what).to.throw(DamagedTraceError)
    }
    store.forget(ROUND)
    expect(store.bodyOf(ROUND)).to.equal(undefined)
    expect(() => store.add(later(99), 'x'.repeat(5_000_000))).to.throw(RangeError)
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
  const said = (wanted: string) =>
    logger.lines.filter(({ level }) => level === wanted).map(({ sentence }) => sentence)
  const warnings = () => said('warn')
  const errors = () => said('error')
  const MOVED = 'the file of traces is damaged: it has been moved aside, and a new one is begun'

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

  it('counts what fails, says so once, and goes on', async () => {
    await keeper.start()
    const other = new Database(path())
    other.exec('BEGIN IMMEDIATE')
    for (const index of [0, 1]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    expect({ fates, warnings: warnings() }).to.deep.equal({
      fates: ['FAILED', 'FAILED'],
      warnings: ['the trace of a quote could not be kept or read'],
    })
    other.exec('ROLLBACK')
    other.close()
    keeper.keep(quoteOf(later(2)), trace)
    await written()
    expect(fates.at(-1)).to.equal('KEPT')
    expect(keeper.range()).to.deep.equal({ first: later(2), last: later(2) })
  })

  it('opens the file later when another process has it at the start', async () => {
    await keeper.start()
    await keeper.stop()
    const other = new Database(path())
    other.exec('BEGIN IMMEDIATE')
    // Waits as long as opening a database does.
    await keeper.start()
    for (const index of [0, 1]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    expect({ fates, errors: errors() }).to.deep.equal({
      fates: ['FAILED', 'FAILED'],
      errors: ['the traces of quotes cannot be opened: none are kept until they can be'],
    })
    other.exec('ROLLBACK')
    other.close()
    keeper.keep(quoteOf(later(2)), trace)
    await written()
    expect(fates.at(-1)).to.equal('KEPT')
    expect(keeper.range()).to.deep.equal({ first: later(2), last: later(2) })
    expect(logger.lines.at(-1)).to.deep.include({
      level: 'info',
      sentence: 'traces of quotes are kept again',
    })
  }).timeout(30_000)

  it('leaves the file of a newer program alone, and says that it may be deleted', async () => {
    await keeper.start()
    await keeper.stop()
    const newer = new Database(path())
    newer.pragma('user_version = 99')
    newer.close()
    await keeper.start()
    for (const index of [0, 1]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    expect(fates).to.deep.equal(['FAILED', 'FAILED'])
    expect(errors()).to.have.length(1)
    expect(errors()[0]).to.match(/^a newer program has written .* may be deleted$/)
    expect(existsSync(`${path()}.damaged`)).to.equal(false)
  })

  it('moves a file aside that is none of its own, and begins a new one', async () => {
    await keeper.start()
    await keeper.stop()
    const noise = 'this is no database, and long enough to be taken for one. '.repeat(20)
    writeFileSync(path(), noise)
    await keeper.start()
    keeper.keep(quoteOf(ROUND), trace)
    await written()
    expect({ fates, range: keeper.range() }).to.deep.equal({
      fates: ['KEPT'],
      range: { first: ROUND, last: ROUND },
    })
    expect(readFileSync(`${path()}.damaged`, 'utf8')).to.equal(noise)
    expect(errors()).to.deep.equal([MOVED])
    expect(logger.lines.find(({ level }) => level === 'error')?.fields).to.deep.include({
      path: path(),
      aside: `${path()}.damaged`,
    })
  })

  it('moves a file aside whose pages a crash of the machine has damaged, whoever notices', async () => {
    const damage = async (): Promise<void> => {
      await keeper.start()
      for (let index = 0; index < 40; index += 1) keeper.keep(quoteOf(later(index)), trace)
      await keeper.stop()
      const pages = readFileSync(path())
      // All but the first, which holds the schema.
      pages.fill(0xa5, 4_096)
      writeFileSync(path(), pages)
      fates.length = 0
      await keeper.start()
    }
    await damage()
    for (const index of [50, 51]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    expect(fates).to.deep.equal(['FAILED', 'KEPT'])
    expect(keeper.range()).to.deep.equal({ first: later(51), last: later(51) })
    await keeper.stop()

    await damage()
    expect(keeper.bodyOf(later(3))).to.equal(undefined)
    keeper.keep(quoteOf(later(60)), trace)
    await written()
    expect(fates).to.deep.equal(['UNREADABLE', 'KEPT'])
    expect(keeper.range()).to.deep.equal({ first: later(60), last: later(60) })
    expect(errors()).to.deep.equal([MOVED, MOVED])
  })

  it('forgets a trace whose row is damaged, and says so once', async () => {
    await keeper.start()
    for (const index of [0, 1]) keeper.keep(quoteOf(later(index)), trace)
    await written()
    const other = new Database(path())
    other.prepare('UPDATE traces SET body = ? WHERE round = ?').run(Buffer.from('garbage'), ROUND)
    other.close()
    for (let times = 0; times < 3; times += 1) expect(keeper.bodyOf(ROUND)).to.equal(undefined)
    expect(fates).to.deep.equal(['KEPT', 'KEPT', 'UNREADABLE'])
    expect(warnings()).to.deep.equal(['the trace of a quote is damaged: it is forgotten'])
    expect(keeper.range()).to.deep.equal({ first: later(1), last: later(1) })
  })

  it('takes nothing more once it has stopped', async () => {
    await keeper.start()
    await keeper.stop()
    keeper.keep(quoteOf(ROUND), trace)
    await written()
    expect(fates).to.deep.equal(['FAILED'])
    await keeper.start()
    expect(keeper.range()).to.equal(undefined)
  })
})
