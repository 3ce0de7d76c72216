import { join } from 'node:path'
import { expect } from 'chai'
import { Feed } from '../../../aggregator/feed/feed.ts'
import {
  type Between,
  createReportStore,
  FEED_MIGRATIONS,
  type ReportStore,
} from '../../../aggregator/feed/report-store.ts'
import { packReport } from '../../../protocol/report.ts'
import { type ReportJson, reportJson } from '../../../protocol/report-json.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { DOMAIN, FEED_ID, ROUND } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)

function aReport(rounds = 0): ReportJson {
  const price = parseDecimal('0.25') as Price
  const word = packReport({ price, confidence: 10, observedAt: ROUND / 10, round: later(rounds) })
  const certificate = { kind: 'group', signature: { r: `0x${'aa'.repeat(20)}`, s: 5n } } as const
  return reportJson(
    { keyEpoch: 1, feedId: FEED_ID, word, certificate },
    { domain: DOMAIN, groupKeyX: 9n, proposer: 0, signers: [0, 1, 2], quotes: [], latencyMs: 300 },
  )
}

describe('the feed of reports', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase
  let store: ReportStore

  const open = (): void => {
    database = openDatabase(join(directory.path, 'feed.sqlite'), FEED_MIGRATIONS)
    store = createReportStore(database, { domain: DOMAIN })
  }
  beforeEach(() => {
    directory = temporaryDirectory()
    open()
  })
  afterEach(() => {
    database.close()
    directory.remove()
  })

  describe('in its store', () => {
    it('keeps reports across being opened again', () => {
      store.add(aReport(0))
      store.add(aReport(1))
      database.close()
      open()
      expect(store.byRound(later(1))).to.deep.equal(aReport(1))
      expect({ count: store.count(), highest: store.highestRound() }).to.deep.equal({
        count: 2,
        highest: later(1),
      })
    })

    it('keeps the first report of a round', () => {
      store.add(aReport())
      store.add({ ...aReport(), latencyMs: 999 })
      expect(store.byRound(ROUND)?.latencyMs).to.equal(300)
      expect(store.count()).to.equal(1)
    })

    it('remembers which reports are on chain', () => {
      store.add(aReport(0))
      store.add(aReport(1))
      store.settle([later(1)], 5)
      expect(store.descending(2).map(report => report.onChain)).to.deep.equal([true, false])
    })

    it('knows across being opened again how far the chain has been read, and of rounds whose reports come later', () => {
      expect({ next: store.nextBlock(), upTo: store.settledUpTo() }).to.deep.equal({
        next: undefined,
        upTo: 0,
      })
      store.settle([later(0), later(1)], 5)
      store.settle([], 9)
      database.close()
      open()
      expect({ next: store.nextBlock(), upTo: store.settledUpTo() }).to.deep.equal({
        next: 9,
        upTo: later(1),
      })
      for (const rounds of [0, 1, 2]) store.add(aReport(rounds))
      expect(store.ascending(3).map(report => report.onChain)).to.deep.equal([true, true, false])
    })

    it('remembers no more than so many rounds whose reports never came', () => {
      for (let from = 0; from < 3_000; from += 500)
        store.settle(
          Array.from({ length: 500 }, (_, offset) => later(from + offset)),
          from,
        )
      const { count } = database.prepare('SELECT count(*) AS count FROM settled_unstored').get() as {
        count: number
      }
      expect(count).to.equal(1_024)
      store.add(aReport(2_999))
      expect(store.byRound(later(2_999))?.onChain).to.equal(true)
    })

    it('begins anew with marks that an earlier version made from blocks that were not final', () => {
      const older = openDatabase(join(directory.path, 'older.sqlite'), FEED_MIGRATIONS.slice(0, 3))
      older.prepare('INSERT INTO reports VALUES (?, ?, 1)').run(ROUND, JSON.stringify(aReport()))
      older.close()
      const newer = openDatabase(join(directory.path, 'older.sqlite'), FEED_MIGRATIONS)
      expect(createReportStore(newer, { domain: DOMAIN }).byRound(ROUND)?.onChain).to.equal(false)
      newer.close()
    })

    it('lists the newest first, below a bound when there is one', () => {
      for (const rounds of [2, 0, 3, 1]) store.add(aReport(rounds))
      expect(store.descending(3).map(report => report.round)).to.deep.equal([later(3), later(2), later(1)])
      expect(store.descending(2, { before: later(2) }).map(report => report.round)).to.deep.equal([
        later(1),
        later(0),
      ])
    })

    it('lists the oldest first above a bound, up to another', () => {
      for (const rounds of [2, 0, 3, 1]) store.add(aReport(rounds))
      const ascending = (limit: number, between: Between) =>
        store.ascending(limit, between).map(report => report.round)
      expect(ascending(2, { after: later(0) })).to.deep.equal([later(1), later(2)])
      expect(ascending(5, { after: later(0), before: later(3) })).to.deep.equal([later(1), later(2)])
    })

    it('keeps so many, and remembers across being opened again how far it has deleted', () => {
      const reopen = (keep: number): void => {
        database.close()
        database = openDatabase(join(directory.path, 'feed.sqlite'), FEED_MIGRATIONS)
        store = createReportStore(database, { domain: DOMAIN, keep })
      }
      const held = () => ({
        count: store.count(),
        oldest: store.oldestRound(),
        prunedUpTo: store.prunedUpTo(),
      })
      reopen(3)
      for (let rounds = 0; rounds < 5; rounds++) expect(store.add(aReport(rounds))).to.equal(true)
      expect(held()).to.deep.equal({ count: 3, oldest: later(2), prunedUpTo: later(1) })
      reopen(3)
      expect(held()).to.deep.equal({ count: 3, oldest: later(2), prunedUpTo: later(1) })
      expect(store.add(aReport(1))).to.equal(false)
      expect(held().count).to.equal(3)
    })

    it('comes down to a smaller number a few rows at a time', () => {
      for (let rounds = 0; rounds < 20; rounds++) store.add(aReport(rounds))
      store = createReportStore(database, { domain: DOMAIN, keep: 2 })
      const counts = [20, 21, 22, 23, 24, 25, 26].map(rounds => {
        store.add(aReport(rounds))
        return store.count()
      })
      expect(counts).to.deep.equal([17, 14, 11, 8, 5, 2, 2])
    })

    it('reads what an earlier version wrote', () => {
      const { domain, priceUsd, onChain, ...before } = aReport()
      database.prepare('INSERT INTO reports (round, json) VALUES (?, ?)').run(ROUND, JSON.stringify(before))
      expect(store.byRound(ROUND)).to.deep.equal(aReport())
    })

    it('is empty at first', () => {
      expect({
        highest: store.highestRound(),
        count: store.count(),
        newest: store.descending(5),
      }).to.deep.equal({
        highest: 0,
        count: 0,
        newest: [],
      })
    })
  })

  describe('over http', () => {
    let feed: Feed
    let http: HttpServer

    beforeEach(async () => {
      feed = new Feed(store, { clock: systemClock, logger: recordLogger() })
      http = createHttpServer(
        {
          name: 'test',
          host: '127.0.0.1',
          port: 0,
          cors: true,
          routes: app => feed.routes(app),
          health: () => ({ healthy: true, details: {} }),
        },
        { logger: recordLogger(), metrics: createMetrics({ processMetrics: false }) },
      )
      feed.start()
      await http.start(new AbortController().signal)
    })
    afterEach(async () => {
      feed.stop()
      await http.stop()
    })
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${http.url}${path}`, { headers })
      const text = await response.text()
      const body = text === '' ? undefined : JSON.parse(text)
      return { status: response.status, body, headers: response.headers }
    }
    const refused = async (path: string) => {
      const { status, body, headers } = await get(path)
      expect(headers.get('content-type')).to.match(/^application\/problem\+json/)
      expect(body.status).to.equal(status)
      expect(body.detail).not.to.equal('')
      return { status, code: body.code }
    }

    it('says that there is no report yet', async () => {
      expect(await refused('/v1/reports/latest')).to.deep.equal({ status: 404, code: 'NO_REPORT_YET' })
      expect((await get('/v1/reports')).body).to.deep.equal({ reports: [], next: null, oldest: null })
    })

    it('serves the latest report and any other by its round', async () => {
      feed.publish(aReport(0))
      feed.publish(aReport(1))
      expect(await get('/v1/reports/latest')).to.deep.include({ status: 200, body: aReport(1) })
      expect(await get(`/v1/reports/${ROUND}`)).to.deep.include({ status: 200, body: aReport(0) })
      expect(feed.reports).to.equal(2)
    })

    /** Rounds of all pages, from a first path on. */
    const follow = async (first: string): Promise<Round[][]> => {
      const pages: Round[][] = []
      for (let path: string | null = first; path !== null; ) {
        const { body, headers } = await get(path)
        pages.push(body.reports.map((report: ReportJson) => report.round))
        expect(headers.get('link')).to.equal(body.next === null ? null : `<${body.next}>; rel="next"`)
        path = body.next
      }
      return pages
    }

    it('pages back through the reports, and forward from a round', async () => {
      for (const rounds of [0, 1, 2, 3, 4]) feed.publish(aReport(rounds))
      expect(await follow('/v1/reports?limit=2')).to.deep.equal([
        [later(4), later(3)],
        [later(2), later(1)],
        [later(0)],
      ])
      expect(await follow(`/v1/reports?limit=2&before=${later(1)}`)).to.deep.equal([[later(0)]])
      expect(await follow(`/v1/reports?limit=2&after=${later(0)}`)).to.deep.equal([
        [later(1), later(2)],
        [later(3), later(4)],
      ])
      expect(await follow(`/v1/reports?limit=1&after=${later(0)}&before=${later(3)}`)).to.deep.equal([
        [later(1)],
        [later(2)],
      ])
    })

    it('refuses limits, rounds and paths that are none, and says what to do', async () => {
      for (const query of [
        'limit=0',
        'limit=301',
        'limit=x',
        'limit=',
        'before=-1',
        'limit=1.5',
        'after=0x10',
      ])
        expect(await refused(`/v1/reports?${query}`), query).to.deep.equal({ status: 400, code: 'BAD_QUERY' })
      expect(await refused('/v1/reports?limit=1&limit=2')).to.deep.equal({ status: 400, code: 'BAD_QUERY' })
      expect(await refused('/v1/reports/soon')).to.deep.equal({ status: 400, code: 'BAD_ROUND' })
      expect(await refused('/v1/reports/5')).to.deep.equal({ status: 404, code: 'NOT_CERTIFIED' })
      expect(await refused('/v1/price')).to.deep.equal({ status: 404, code: 'NOT_FOUND' })
      expect(await refused('/v1/ws')).to.deep.equal({ status: 426, code: 'UPGRADE_REQUIRED' })
      expect(await refused('/v1/stream?after=soon')).to.deep.equal({ status: 400, code: 'BAD_QUERY' })
    })

    it('says that a report has been deleted', async () => {
      store = createReportStore(database, { domain: DOMAIN, keep: 1 })
      feed = new Feed(store, { clock: systemClock, logger: recordLogger() })
      await http.stop()
      await http.start(new AbortController().signal)
      feed.publish(aReport(0))
      feed.publish(aReport(1))
      expect(await refused(`/v1/reports/${ROUND}`)).to.deep.equal({ status: 410, code: 'NOT_KEPT' })
    })

    it('lets caches keep what cannot change any more, and ask whether the rest has', async () => {
      for (const rounds of [0, 1, 2]) feed.publish(aReport(rounds))
      const cachingOf = async (path: string) => (await get(path)).headers.get('cache-control')
      expect(await cachingOf(`/v1/reports/${later(0)}`)).to.equal('no-cache')
      // A block that is not final may be taken back.
      feed.updated({ round: later(1), txHash: '0xabc', price: '1' })
      expect(await cachingOf(`/v1/reports/${later(0)}`)).to.equal('no-cache')
      expect((await get(`/v1/reports/${later(1)}`)).body.onChain).to.equal(false)
      feed.settled([later(1)], 5)
      const forever = 'public, max-age=31536000, immutable'
      expect(await cachingOf(`/v1/reports/${later(0)}`)).to.equal(forever)
      expect(await cachingOf(`/v1/reports/${later(1)}`)).to.equal(forever)
      expect(await cachingOf(`/v1/reports/${later(2)}`)).to.equal('no-cache')
      expect(await cachingOf('/v1/reports/latest')).to.equal('no-cache')

      const etag = (await get('/v1/reports/latest')).headers.get('etag') ?? ''
      const asked = () => get('/v1/reports/latest', { 'if-none-match': `"other", W/${etag}` })
      expect(await asked()).to.include({ status: 304, body: undefined })
      feed.settled([later(2)], 6)
      expect((await asked()).status).to.equal(200)
    })

    it('knows whether a page has changed without making it', async () => {
      for (const rounds of [0, 1, 2]) feed.publish(aReport(rounds))
      const path = '/v1/reports?limit=2'
      const etag = (await get(path)).headers.get('etag') ?? ''
      const asked = async (at = path) => (await get(at, { 'if-none-match': etag })).status
      const [none, all] = [store.descending, store.ascending]
      store.descending = store.ascending = () => {
        throw new Error('a page was made')
      }
      expect(await asked()).to.equal(304)
      store.descending = none
      store.ascending = all
      expect(await asked('/v1/reports?limit=3')).to.equal(200)
      feed.settled([later(2)], 5)
      expect(await asked()).to.equal(200)
    })

    it('ends a page early where reports are large, and goes on with the next', async () => {
      const quote = { slot: 0, price: '1', confidenceBps: 1, observedAt: 1 }
      const big = { sourcesRoot: `0x${'aa'.repeat(32)}`, signature: `0x${'bb'.repeat(64)}` }
      const quotes = Array.from({ length: 1_000 }, () => ({ ...quote, ...big }))
      for (const rounds of [0, 1, 2, 3, 4]) feed.publish({ ...aReport(rounds), quotes })
      expect(await follow('/v1/reports')).to.deep.equal([
        [later(4), later(3)],
        [later(2), later(1)],
        [later(0)],
      ])
    })

    it('counts and tells of a round once', async () => {
      feed.publish(aReport())
      feed.publish({ ...aReport(), latencyMs: 999 })
      expect(feed.reports).to.equal(1)
      expect((await get('/v1/reports/latest')).body).to.deep.equal(aReport())
    })

    /** Reads a stream until it holds `text`. */
    const readUntil = async (reader: ReadableStreamDefaultReader<string>, text: string): Promise<string> => {
      let all = ''
      while (!all.includes(text)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`the stream ended without ${text}: ${all}`)
        all += value
      }
      return all
    }
    const listen = async (): Promise<ReadableStreamDefaultReader<string>> => {
      const response = await fetch(`${http.url}/v1/stream`)
      expect(response.headers.get('content-type')).to.equal('text/event-stream')
      if (response.body === null) throw new Error('no body')
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      await readUntil(reader, '\n\n')
      return reader
    }

    it('streams reports and updates to all readers, for as long as they stay', async () => {
      const readers = [await listen(), await listen()]
      feed.publish(aReport())
      for (const reader of readers) {
        const text = await readUntil(reader, '\n\n')
        expect(text).to.equal(`event: report\nid: ${ROUND}\ndata: ${JSON.stringify(aReport())}\n\n`)
      }
      feed.updated({ round: ROUND, txHash: '0xabc', price: '1' })
      feed.settled([ROUND], 5)
      for (const reader of readers) expect(await readUntil(reader, '\n\n')).to.include('event: update')
      expect((await get('/v1/reports/latest')).body).to.deep.equal({ ...aReport(), onChain: true })
    })

    it('goes on without a reader that has left', async () => {
      const [leaver, stayer] = [await listen(), await listen()]
      await leaver.cancel()
      feed.publish(aReport())
      expect(await readUntil(stayer, 'event: report')).to.include(String(ROUND))
    })

    it('ends its streams when it stops', async () => {
      const reader = await listen()
      feed.stop()
      expect(await readUntil(reader, '\n\n')).to.include('event: end\ndata: {"code":"SHUTTING_DOWN"')
      expect((await reader.read()).done).to.equal(true)
    })
  })
})
