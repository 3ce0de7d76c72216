import {
  type Exchange,
  type RawTicker,
  VenueError,
  type VenueErrorCode,
} from '../../../oracle-node/sources/exchange.ts'
import type { Clock } from '../../../runtime/clock.ts'

/** What a venue does at the moment; a test changes it while things run. */
export interface VenueScript {
  /** A price that is pushed every `pushMs`; `hang` says nothing; a code fails at once. */
  watch: { price: string; pushMs: number } | 'hang' | VenueErrorCode
  fetch: { price: string } | 'hang' | VenueErrorCode
  /** How long its REST takes, market lists included. */
  answersInMs: number
  markets: string[] | 'hang' | VenueErrorCode
  /** Pairs of which the stream says nothing, for as long as they are named here. */
  silent: string[]
  /** Pairs that the streams of exchanges refuse which are made while they are named here. */
  refused: string[]
  /** Replaces fields of every ticker. */
  ticker: Partial<RawTicker>
  /** How many of its exchanges stream: those made later say nothing. */
  streamingUpTo: number
  /** How long it asks to be left alone, with every failure. */
  retryAfterMs: number
  /** How many frames the first of its exchanges, up to the n-th, have received. */
  frames: number
  framesUpTo: number
  /** Whether there is a stream at all. */
  streams: boolean
}

export function aVenueScript(change: Partial<VenueScript> = {}): VenueScript {
  return {
    watch: { price: '2.5', pushMs: 200 },
    fetch: { price: '2.4' },
    answersInMs: 0,
    markets: ['IO/USDT'],
    silent: [],
    refused: [],
    ticker: {},
    streamingUpTo: Number.POSITIVE_INFINITY,
    retryAfterMs: 0,
    frames: 0,
    framesUpTo: 1,
    streams: true,
    ...change,
  }
}

/** Exchanges of one venue that follow a script, and what was asked of them. */
export class FakeVenue {
  readonly script: VenueScript
  readonly #clock: Pick<Clock, 'now' | 'sleep'>
  created = 0
  closed = 0
  fetched = 0
  /** Answers of the stream that are waited for. */
  hanging = 0
  /** When the markets were asked for. */
  readonly openedAtMs: number[] = []

  constructor(script: VenueScript, clock: Pick<Clock, 'now' | 'sleep'>) {
    this.script = script
    this.#clock = clock
  }

  readonly create = (): Exchange => {
    this.created += 1
    const nth = this.created
    const { refused } = this.script
    const closing = new AbortController()
    const answer = async (): Promise<void> => {
      const { answersInMs } = this.script
      if (answersInMs > 0) await this.#clock.sleep(answersInMs, closing.signal)
    }
    return {
      id: 'binance',
      streams: this.script.streams,
      loadMarkets: async () => {
        this.openedAtMs.push(this.#clock.now())
        const { markets } = this.script
        await answer()
        if (typeof markets === 'string') return fail(markets, this.script)
        return new Set(markets)
      },
      watch: async symbol => {
        if (refused.includes(symbol)) return fail('STREAM_LOST', this.script)
        const watch = nth > this.script.streamingUpTo ? 'hang' : this.script.watch
        if (typeof watch === 'string') return fail(watch, this.script)
        this.hanging += 1
        do await this.#clock.sleep(watch.pushMs, closing.signal)
        while (this.script.silent.includes(symbol))
        this.hanging -= 1
        return this.#ticker(symbol, watch.price)
      },
      fetch: async symbol => {
        if (closing.signal.aborted) return fail('CLOSED', this.script)
        this.fetched += 1
        const { fetch } = this.script
        await answer()
        if (typeof fetch === 'string') return fail(fetch, this.script)
        return this.#ticker(symbol, fetch.price)
      },
      frames: () => (nth <= this.script.framesUpTo ? this.script.frames : 0),
      probe: async () => ({ restMs: 1, skewMs: 0, listed: new Set(this.script.markets) }),
      close: async () => {
        this.closed += 1
        closing.abort()
      },
    }
  }

  #ticker(symbol: string, price: string): RawTicker {
    const receivedAtMs = this.#clock.now()
    return { symbol, last: price, exchangeTimeMs: null, receivedAtMs, ...this.script.ticker }
  }
}

function fail(code: 'hang' | VenueErrorCode, { retryAfterMs }: VenueScript): Promise<never> {
  if (code === 'hang') return new Promise(() => {})
  return Promise.reject(new VenueError('binance', code, undefined, retryAfterMs))
}
