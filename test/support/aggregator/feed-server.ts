/** A feed on loopback as an aggregator has it, over a database that outlives it. */
import { Feed, type FeedOptions } from '../../../aggregator/feed/feed.ts'
import { createReportStore, FEED_MIGRATIONS } from '../../../aggregator/feed/report-store.ts'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createHttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { TestNetwork } from '../dashboard/test-network.ts'
import { DOMAIN } from '../network/cast.ts'

export const FIRST_ROUND = 17_000_000_000
export const NETWORK = new TestNetwork(4, DOMAIN)

/** The round that is `index` rounds of a second after the first. */
export const roundOf = (index: number): number => FIRST_ROUND + 10 * index

/** A true report, certified and all. */
export function certified(index: number, byIdentities = false): ReportJson {
  const price = 250_000_000_000_000_000n + BigInt(index)
  return NETWORK.certify(roundOf(index), [price, price, price, price], { byIdentities })
}

/** The same for rounds of which only number and order matter: a true report's, with another round. */
export function numbered(template: ReportJson, index: number): ReportJson {
  return { ...template, round: roundOf(index) }
}

export interface FeedServer {
  readonly feed: Feed
  readonly url: string
  readonly wsUrl: string
  stop(): Promise<void>
}

export async function startFeed(
  file: string,
  options: {
    readonly port?: number
    readonly keep?: number
    readonly readers?: FeedOptions['readers']
    readonly allowance?: FeedOptions['allowance']
  } = {},
): Promise<FeedServer> {
  const database = openDatabase(file, FEED_MIGRATIONS)
  // Tests write thousands of rows, and no power is cut.
  database.pragma('synchronous = OFF')
  const { keep } = options
  const store = createReportStore(database, { domain: DOMAIN, ...(keep === undefined ? {} : { keep }) })
  const feed = new Feed(store, { clock: systemClock, logger: silentLogger }, options)
  const http = createHttpServer(
    {
      name: 'test',
      host: '127.0.0.1',
      port: options.port ?? 0,
      cors: true,
      routes: app => feed.routes(app),
      health: () => ({ healthy: true, details: {} }),
    },
    { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
  )
  feed.start()
  await http.start(new AbortController().signal)
  return {
    feed,
    url: http.url,
    wsUrl: `${http.url.replace('http', 'ws')}/v1/ws`,
    stop: async () => {
      await http.stop()
      feed.stop()
      database.close()
    },
  }
}
