import { join } from 'node:path'
import { expect } from 'chai'
import { Feed } from '../../../aggregator/feed/feed.ts'
import {
  createReportStore,
  FEED_MIGRATIONS,
  type ReportStore,
} from '../../../aggregator/feed/report-store.ts'
import { packReport } from '../../../protocol/report.ts'
import { type ReportJson, reportJson } from '../../../protocol/report-json.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { createHttpServer, type HttpServer } from '../../../runtime/http.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { FEED_ID, ROUND } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)

function aReport(rounds = 0): ReportJson {
  const price = parseDecimal('0.25') as Price
  const word = packReport({ price, confidence: 10, observedAt: ROUND / 10, round: later(rounds) })
  const certificate = { kind: 'group', signature: { r: `0x${'aa'.repeat(20)}`, s: 5n } } as const
  return reportJson(
    { keyEpoch: 1, feedId: FEED_ID, word, certificate },
    { groupKeyX: 9n, proposer: 0, signers: [0, 1, 2], quotes: [], latencyMs: 300 },
  )
}

describe('the feed of reports', () => {
  let directory: TemporaryDirectory
  let database: SqliteDatabase
  let store: ReportStore

  const open = (): void => {
    database = openDatabase(join(directory.path, 'feed.sqlite'), FEED_MIGRATIONS)
    store = createReportStore(database)
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
      store.markOnChain(later(1))
      expect(store.newest(2).map(report => report.onChain)).to.deep.equal([true, false])
    })

    it('lists the newest first, below a bound when there is one', () => {
      for (const rounds of [2, 0, 3, 1]) store.add(aReport(rounds))
      expect(store.newest(3).map(report => report.round)).to.deep.equal([later(3), later(2), later(1)])
      expect(store.newest(2, later(2)).map(report => report.round)).to.deep.equal([later(1), later(0)])
    })

    it('is empty at first', () => {
      expect({ highest: store.highestRound(), count: store.count(), newest: store.newest(5) }).to.deep.equal({
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
      feed = new Feed(store, recordLogger())
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
    const get = async (path: string): Promise<{ status: number; body: unknown }> => {
      const response = await fetch(`${http.url}${path}`)
      return { status: response.status, body: await response.json() }
    }

    it('says that there is no report yet', async () => {
      expect(await get('/v1/reports/latest')).to.deep.equal({ status: 404, body: { error: 'NO_REPORT_YET' } })
    })

    it('serves the latest report and any other by its round', async () => {
      feed.publish(aReport(0))
      feed.publish(aReport(1))
      expect(await get('/v1/reports/latest')).to.deep.equal({ status: 200, body: aReport(1) })
      expect(await get(`/v1/reports/${ROUND}`)).to.deep.equal({ status: 200, body: aReport(0) })
      expect(feed.reports).to.equal(2)
    })

    it('pages back through the reports', async () => {
      for (const rounds of [0, 1, 2]) feed.publish(aReport(rounds))
      expect(await get('/v1/reports?limit=2')).to.deep.equal({ status: 200, body: [aReport(2), aReport(1)] })
      expect(await get(`/v1/reports?limit=2&before=${later(1)}`)).to.deep.equal({
        status: 200,
        body: [aReport(0)],
      })
    })

    it('refuses limits and rounds that are none', async () => {
      for (const path of ['?limit=0', '?limit=501', '?limit=x', '?before=-1', '?limit=1.5']) {
        const { status, body } = await get(`/v1/reports${path}`)
        expect(status, path).to.equal(400)
        expect(body).to.include({ error: 'BAD_QUERY' })
      }
      expect(await get('/v1/reports/soon')).to.deep.equal({ status: 400, body: { error: 'BAD_ROUND' } })
      expect(await get('/v1/reports/5')).to.deep.equal({ status: 404, body: { error: 'NOT_CERTIFIED' } })
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
    const follow = async (): Promise<ReadableStreamDefaultReader<string>> => {
      const response = await fetch(`${http.url}/v1/stream`)
      expect(response.headers.get('content-type')).to.equal('text/event-stream')
      if (response.body === null) throw new Error('no body')
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      await readUntil(reader, ': connected')
      return reader
    }

    it('streams reports and updates to all readers, for as long as they stay', async () => {
      const readers = [await follow(), await follow()]
      feed.publish(aReport())
      for (const reader of readers) {
        const text = await readUntil(reader, '\n\n')
        expect(text).to.equal(`event: report\nid: ${ROUND}\ndata: ${JSON.stringify(aReport())}\n\n`)
      }
      feed.updated({ round: ROUND, txHash: '0xabc', price: '1' })
      for (const reader of readers) expect(await readUntil(reader, '\n\n')).to.include('event: update')
      expect((await get('/v1/reports/latest')).body).to.deep.equal({ ...aReport(), onChain: true })
    })

    it('goes on without a reader that has left', async () => {
      const [leaver, stayer] = [await follow(), await follow()]
      await leaver.cancel()
      feed.publish(aReport())
      expect(await readUntil(stayer, 'event: report')).to.include(String(ROUND))
    })

    it('ends its streams when it stops', async () => {
      const reader = await follow()
      feed.stop()
      expect((await reader.read()).done).to.equal(true)
    })
  })
})
