import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { createLoop } from '../runtime/loop.ts'
import type { Service } from '../runtime/service.ts'
import { readCertifiedRounds } from './aggregator-client.ts'
import type { ChainObserver } from './chain-observer.ts'
import { readUsage, type UsageFigures } from './relayer-client.ts'
import { ReportCounter } from './report-counter.ts'
import { type ChainSnapshot, type DevnetSummary, summarize } from './summary.ts'

export interface ObserverOptions {
  readonly chain: ChainObserver
  readonly aggregators: readonly string[]
  readonly relayer: string
  readonly oracles: number
  readonly venues: 'live' | 'simulated'
  /** Monotonic time at which the command was started. */
  readonly startedAt: number
}

export interface Observer extends Service {
  /** Resolves once a certified price is on chain; never, when it is stopped before. */
  readonly firstPrice: Promise<void>
  /** Asks the nodes for the last time, so it comes before they stop. The chain is read afterwards. */
  stop(): Promise<void>
  /** What was seen, together with what the chain says. Complete once stopped. */
  summarize(chain: ChainSnapshot): DevnetSummary
}

/** Finer than a block, so that the time to the first price is not rounded up much. */
const FIRST_PRICE_EVERY_MS = 200
const COUNT_EVERY_MS = 5_000
/** Ctrl-C must not wait for numbers. */
const LAST_LOOK_MS = 900

/** Watches a local network from outside, as any reader could. */
export function createObserver(
  options: ObserverOptions,
  deps: { readonly clock: Clock; readonly logger: Logger },
): Observer {
  const { clock, logger } = deps
  const reports = new ReportCounter()
  const firstPrice = Promise.withResolvers<void>()
  let firstPriceMs: number | null = null
  let usage: UsageFigures | undefined

  const count = async (signal: AbortSignal): Promise<void> => {
    const rounds = await Promise.all(options.aggregators.map(url => readCertifiedRounds(url, signal)))
    for (const round of rounds.flat()) reports.add(round)
  }
  const waitForPrice = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      // An answer that fails is asked for again: the chain is just starting.
      if (await options.chain.hasPrice().catch(() => false)) {
        firstPriceMs = Math.round(clock.monotonic() - options.startedAt)
        logger.info('the first certified price is on chain', { afterMs: firstPriceMs })
        firstPrice.resolve()
        return
      }
      await clock.sleep(FIRST_PRICE_EVERY_MS, signal).catch(() => {})
    }
  }
  const counting = createLoop({ name: 'report count', everyMs: COUNT_EVERY_MS, clock, logger, run: count })
  const stopping = new AbortController()
  let waiting: Promise<void> | undefined
  return {
    name: 'observer',
    firstPrice: firstPrice.promise,
    summarize: chain =>
      summarize(chain, {
        usage,
        venues: options.venues,
        oracles: options.oracles,
        certifiedReports: reports.count,
        firstPriceMs,
      }),
    start: async signal => {
      waiting = waitForPrice(stopping.signal)
      await counting.start(signal)
    },
    stop: async () => {
      stopping.abort(new Error('the observer is stopping'))
      await Promise.all([counting.stop(), waiting])
      if (waiting === undefined) return
      const signal = AbortSignal.timeout(LAST_LOOK_MS)
      const [figures] = await Promise.all([readUsage(options.relayer, signal), count(signal)])
      usage = figures
    },
  }
}
