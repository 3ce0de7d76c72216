/** The whole way from venues to a signed quote, as a node runs it: real adapters, guard, SQLite and trace store. */
import { join } from 'node:path'
import type { VenueId } from '../../../config/venue-ids.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { Quoter } from '../../../oracle-node/quoting/quoter.ts'
import { TraceKeeper } from '../../../oracle-node/quoting/trace-keeper.ts'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources, type Sources } from '../../../oracle-node/sources/service.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import { roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { castOf, crypto, DOMAIN, FEED_ID, party, registryView } from '../network/cast.ts'
import { aLeg } from './build.ts'

export const ROUND_MS = 200

/** What one round came to. */
export interface QuotedRound {
  /** From the start of the round until the quote was signed and stored. */
  readonly signedMs: number
  /** How much of it had passed when the timer fired. */
  readonly lateMs: number
  /** Processor time that this process took since the quote before: no other process is in it. */
  readonly cpuMs: number
}

export interface QuotingNodeOptions {
  /** For the databases. */
  readonly directory: string
  /** Venues of IO. Where fewer are simulated, several stand for one. */
  readonly venues: number
  /** How many of them are behind the door that can hang. */
  readonly hanging: number
  readonly endpoints: { readonly steady: string; readonly hanging: string }
  readonly onRound: (round: QuotedRound) => void
  readonly onOutcome: (outcome: string) => void
}

export interface QuotingNode {
  readonly sources: Pick<Sources, 'status'>
  /** Names of the venues that can hang. */
  readonly hanging: ReadonlySet<string>
  start(): Promise<void>
  stop(): Promise<void>
}

const listing = (pair: string): VenueId[] =>
  SIMULATED_VENUES.filter(id => FORMATS[id].listings.some(({ symbol }) => symbol === pair))

export function createQuotingNode(options: QuotingNodeOptions): QuotingNode {
  const { directory, endpoints, onRound, onOutcome } = options
  const simulated = listing('IO/USDT')
  const seats = Array.from({ length: options.venues }, (_, index) => {
    const real = simulated[index % simulated.length]
    if (real === undefined) throw new Error('no simulated venue lists IO/USDT')
    return {
      name: index < simulated.length ? real : `${real}-${Math.floor(index / simulated.length) + 1}`,
      real,
    }
  })
  // Spread over all of them, so that no venue's adapter hangs alone.
  const step = options.venues / options.hanging
  const hanging = new Set(seats.filter((_, index) => index % step < 1).map(({ name }) => name))
  const dollars = listing('USDT/USD')
  const plan: SourcePlan = {
    feed: 'IO/USD',
    legs: [aLeg(seats.map(({ name }) => name)), aLeg(dollars, { pair: 'USDT/USD' })],
    routes: [['IO/USDT', 'USDT/USD']],
  }
  const realPlan: SourcePlan = { ...plan, legs: [aLeg(simulated), aLeg(dollars, { pair: 'USDT/USD' })] }
  const realOf = new Map(seats.map(({ name, real }) => [name, real]))
  const exchanges = (endpoint: string) =>
    venueExchanges(realPlan, { endpoint, timeoutMs: 3_000, clock: systemClock })
  const [steady, stuck] = [exchanges(endpoints.steady), exchanges(endpoints.hanging)]

  const sources = createSources(
    { plan },
    {
      clock: systemClock,
      logger: silentLogger,
      metrics: silentSourceMetrics,
      createExchange: venue => {
        onOutcome('connection')
        return (hanging.has(venue) ? stuck : steady)(realOf.get(venue) ?? venue)
      },
      random: Math.random,
    },
  )
  const database = openDatabase(join(directory, 'guard.sqlite'), GUARD_MIGRATIONS)
  const me = party('member 0')
  const guard = new Guard(
    { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: me.secret },
    createGuardStore(database),
    crypto,
  )
  const traces = new TraceKeeper(
    { path: join(directory, 'traces.sqlite'), plan, roundMs: ROUND_MS },
    { logger: silentLogger, count: fate => fate !== 'KEPT' && onOutcome(`trace ${fate}`) },
  )
  const membership = registryView(castOf(4), {
    groupKey: { px: 5n, transcriptHash: FEED_ID, participants: [0, 1, 2, 3] },
  })
  let lateMs = 0
  let cpu = process.cpuUsage()
  const quoter = new Quoter(
    { feedId: FEED_ID, slot: 0, identity: me.identity, roundMs: ROUND_MS, skewMs: 200 },
    {
      clock: systemClock,
      logger: silentLogger,
      guard,
      sources: {
        observe: nowMs => {
          lateMs = nowMs - roundStartMs(roundAt(nowMs, ROUND_MS))
          return sources.observe(nowMs)
        },
      },
      membershipAt: () => membership,
      clockOffsetMs: () => 0,
      publish: () => {},
      count: onOutcome,
      keepTrace: (signed, trace) => traces.keep(signed, trace),
      signedAfterMs: signedMs => {
        const { user, system } = process.cpuUsage(cpu)
        cpu = process.cpuUsage()
        onRound({ signedMs, lateMs, cpuMs: (user + system) / 1_000 })
      },
    },
  )
  const services = [traces, sources, quoter]
  return {
    sources,
    hanging,
    start: async () => {
      for (const service of services) await service.start(new AbortController().signal)
    },
    stop: async () => {
      for (const service of services.toReversed()) await service.stop()
      database.close()
    },
  }
}
