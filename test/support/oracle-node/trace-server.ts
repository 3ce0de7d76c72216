/** Serves traces as an oracle node does: the keeper, its database and the routes, over loopback. */
import { join } from 'node:path'
import { TraceKeeper } from '../../../oracle-node/quoting/trace-keeper.ts'
import { traceRoutes } from '../../../oracle-node/quoting/trace-routes.ts'
import { bytesOf } from '../../../protocol/bytes.ts'
import { decodeSignedQuote } from '../../../protocol/quote.ts'
import type { JsonQuoteTrace } from '../../../protocol/sources/quote-trace.ts'
import { decodeTrace } from '../../../protocol/sources/trace.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createHttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { DOMAIN } from '../network/cast.ts'
import { PLAN, ROUND_MS } from './traced-quote.ts'

export interface TraceServer {
  readonly url: string
  /** Resolves when the traces are kept. */
  keep(traces: readonly JsonQuoteTrace[]): Promise<void>
  stop(): Promise<void>
}

export async function startTraceServer(directory: string): Promise<TraceServer> {
  let keptOne = (): void => {}
  const keeper = new TraceKeeper(
    { path: join(directory, 'traces.sqlite'), plan: PLAN, roundMs: ROUND_MS },
    { logger: silentLogger, count: () => keptOne() },
  )
  await keeper.start()
  const http = createHttpServer(
    {
      name: 'oracle node',
      host: '127.0.0.1',
      port: 0,
      cors: true,
      routes: app => traceRoutes(app, { clock: systemClock, traces: keeper }),
      health: () => ({ healthy: true, details: {} }),
    },
    { logger: silentLogger, metrics: createMetrics({ processMetrics: false }) },
  )
  const { signal } = new AbortController()
  await http.start(signal)
  return {
    url: http.url,
    keep: async traces => {
      for (const { quote, trace } of traces) {
        const kept = new Promise<void>(resolve => {
          keptOne = resolve
        })
        keeper.keep(decodeSignedQuote(DOMAIN, bytesOf(quote)), decodeTrace(trace))
        await kept
      }
    },
    stop: async () => {
      await http.stop()
      await keeper.stop()
    },
  }
}
