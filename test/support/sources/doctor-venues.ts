import type {
  Exchange,
  RawTicker,
  VenueErrorCode,
  VenueProbe,
} from '../../../oracle-node/sources/exchange.ts'
import type { Clock } from '../../../runtime/clock.ts'

/** What a venue does to somebody who examines it. */
export interface ExaminedVenue {
  readonly open: 'ok' | 'hang' | VenueErrorCode
  readonly probe: Omit<VenueProbe, 'listed'> | 'hang' | VenueErrorCode
  readonly listed: readonly string[]
  /** How long until something is pushed; `silent`: never. */
  readonly pushMs: number | 'silent' | VenueErrorCode
  readonly prices: Readonly<Record<string, string>>
}

export function anExaminedVenue(change: Partial<ExaminedVenue> = {}): ExaminedVenue {
  return {
    open: 'ok',
    probe: { restMs: 12, skewMs: 3 },
    listed: ['IO/USDT', 'USDT/USD'],
    pushMs: 100,
    prices: { 'IO/USDT': '2.5', 'USDT/USD': '0.999' },
    ...change,
  }
}

/** Exchanges that do so, and how many of them are still open. */
export class ExaminedVenues {
  readonly #venues: Readonly<Record<string, ExaminedVenue>>
  readonly #clock: Clock
  open = 0

  constructor(venues: Readonly<Record<string, ExaminedVenue>>, clock: Clock) {
    this.#venues = venues
    this.#clock = clock
  }

  readonly create = (venue: string): Exchange => {
    const script = this.#venues[venue] ?? anExaminedVenue()
    const closing = new AbortController()
    const clock = this.#clock
    this.open += 1
    const tickerOf = (symbol: string): RawTicker => {
      const price = script.prices[symbol] ?? '1'
      const nowMs = clock.now()
      return { symbol, bid: price, ask: price, last: price, exchangeTimeMs: nowMs - 10, receivedAtMs: nowMs }
    }
    const exchange = {
      id: 'binance' as const,
      streams: true,
      loadMarkets: async () => {
        if (script.open !== 'ok') await refuse(script.open)
        return new Set(script.listed)
      },
      probe: async (): Promise<VenueProbe> => {
        const { probe } = script
        if (typeof probe === 'string') return refuse(probe)
        return { ...probe, listed: new Set(script.listed) }
      },
      watch: async (symbol: string) => {
        const { pushMs } = script
        if (pushMs === 'silent') return refuse('hang')
        if (typeof pushMs === 'string') return refuse(pushMs)
        await clock.sleep(pushMs, closing.signal)
        return tickerOf(symbol)
      },
      fetch: async (symbol: string) => tickerOf(symbol),
      frames: () => 0,
      close: async () => {
        if (!closing.signal.aborted) this.open -= 1
        closing.abort()
      },
    }
    return exchange
  }
}

function refuse(code: 'hang' | VenueErrorCode): Promise<never> {
  if (code === 'hang') return new Promise(() => {})
  return Promise.reject(Object.assign(new Error(`the venue answers ${code}`), { code }))
}
