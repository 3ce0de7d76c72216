import type {
  Exchange,
  RawTicker,
  VenueErrorCode,
  VenueProbe,
} from '../../../oracle-node/sources/exchange.ts'
import type { Clock } from '../../../runtime/clock.ts'

/** What a venue does to somebody who examines it. */
export interface ExaminedVenue {
  /** `late`: the first exchange gets no list in time, those after it do. */
  readonly open: 'ok' | 'hang' | 'late' | 'nonsense' | VenueErrorCode
  readonly probe: Omit<VenueProbe, 'listed'> | 'hang' | VenueErrorCode
  /** How long the probe takes. */
  readonly probeMs: number
  readonly listed: readonly string[]
  /** How long until something is pushed; `silent`: never. */
  readonly pushMs: number | 'silent' | VenueErrorCode
  /** How long until REST answers. */
  readonly fetchMs: number
  readonly prices: Readonly<Record<string, string>>
  /** How far the times in its tickers are ahead of ours; `untold`: they have none. */
  readonly tickerSkewMs: number | 'untold'
  readonly close: 'ok' | 'hang'
}

export function anExaminedVenue(change: Partial<ExaminedVenue> = {}): ExaminedVenue {
  return {
    open: 'ok',
    probe: { restMs: 12, skewMs: 3 },
    probeMs: 0,
    listed: ['IO/USDT', 'USDT/USD'],
    pushMs: 100,
    fetchMs: 0,
    prices: { 'IO/USDT': '2.5', 'USDT/USD': '0.999' },
    tickerSkewMs: -10,
    close: 'ok',
    ...change,
  }
}

/** Exchanges that do so, and how many of them are still open. */
export class ExaminedVenues {
  readonly #venues: Readonly<Record<string, ExaminedVenue>>
  readonly #clock: Clock
  readonly #made = new Set<string>()
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
    const isFirst = !this.#made.has(venue)
    this.#made.add(venue)
    const tickerOf = (symbol: string): RawTicker => {
      const price = script.prices[symbol] ?? '1'
      const nowMs = clock.now()
      const { tickerSkewMs } = script
      const exchangeTimeMs = tickerSkewMs === 'untold' ? null : nowMs + tickerSkewMs
      return { symbol, bid: price, ask: price, last: price, exchangeTimeMs, receivedAtMs: nowMs }
    }
    const exchange = {
      id: 'binance' as const,
      streams: true,
      loadMarkets: async () => {
        const { open } = script
        if (open === 'nonsense') throw new TypeError('the adapter does not know what to make of it')
        if (open === 'late') {
          if (isFirst) await refuse('TIMEOUT')
        } else if (open !== 'ok') await refuse(open)
        return new Set(script.listed)
      },
      probe: async (): Promise<VenueProbe> => {
        const { probe, probeMs } = script
        if (probeMs > 0) await clock.sleep(probeMs)
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
      fetch: async (symbol: string) => {
        if (script.fetchMs > 0) await clock.sleep(script.fetchMs)
        return tickerOf(symbol)
      },
      frames: () => 0,
      close: async () => {
        if (script.close === 'hang') await refuse('hang')
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
