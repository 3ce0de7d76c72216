/** The whole way from venues to a signed quote, as a node runs it: real adapters, guard, SQLite and trace store. */
import type { VenueId } from '../../../config/venue-ids.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { silentSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources, type Sources } from '../../../oracle-node/sources/service.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import { roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg } from './build.ts'
import { createSigning } from './signing.ts'

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
  let lateMs = 0
  let cpu = process.cpuUsage()
  const { services, close } = createSigning(
    { directory, plan, roundMs: ROUND_MS },
    {
      clock: systemClock,
      sources: {
        observe: nowMs => {
          lateMs = nowMs - roundStartMs(roundAt(nowMs, ROUND_MS))
          return sources.observe(nowMs)
        },
      },
      count: outcome => outcome !== 'trace KEPT' && onOutcome(outcome),
      signedAfterMs: signedMs => {
        const { user, system } = process.cpuUsage(cpu)
        cpu = process.cpuUsage()
        onRound({ signedMs, lateMs, cpuMs: (user + system) / 1_000 })
      },
    },
  )
  return {
    sources,
    hanging,
    start: async () => {
      for (const service of [sources, ...services]) await service.start(new AbortController().signal)
    },
    stop: async () => {
      for (const service of [...services.toReversed(), sources]) await service.stop()
      close()
    },
  }
}
