import { expect } from 'chai'
import { SourceBoard } from '../../../oracle-node/sources/board.ts'
import { DeadlineError, withDeadline } from '../../../oracle-node/sources/deadline.ts'
import { parseTicker, TickerError } from '../../../oracle-node/sources/parse-ticker.ts'
import { createPipeline } from '../../../oracle-node/sources/pipeline.ts'
import { DEFAULT_TIMING, retryDelayMs } from '../../../oracle-node/sources/timing.ts'
import { parseDecimal } from '../../../protocol/units.ts'
import { aPlan, aValue, NOW_MS } from '../../support/sources/build.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const RAW = { symbol: 'IO/USDT', exchangeTimeMs: null, receivedAtMs: NOW_MS }

/** Without what is undefined: that is how a venue says nothing. */
function given({ baseVolume, ...ticker }: typeof RAW & { last: string; baseVolume: string | undefined }) {
  return baseVolume === undefined ? ticker : { ...ticker, baseVolume }
}

describe('the door', () => {
  it('takes every digit and leaves what is absent absent', () => {
    const ticker = { ...RAW, bid: '2.123456789012345678', last: '1e-5' }
    expect(parseTicker('okx', 'IO/USDT', ticker)).to.deep.equal({
      venue: 'okx',
      pair: 'IO/USDT',
      bid: 2_123_456_789_012_345_678n,
      ask: null,
      last: parseDecimal('0.00001'),
      volume: null,
      exchangeTimeMs: null,
      receivedAtMs: NOW_MS,
    })
  })

  const bad: [string, object][] = [
    ['symbol', { symbol: 'IO/USDC' }],
    ['bid', { bid: 'NaN' }],
    ['ask', { ask: '9'.repeat(121) }],
    ['last', { last: '1e40' }],
    ['last', { last: '-1e40' }],
    ['volume', { baseVolume: '' }],
    ['volume', { baseVolume: '1e40' }],
    ['volume', { baseVolume: '-1e40' }],
    ['volume', { baseVolume: '9'.repeat(120) }],
    ['time', { exchangeTimeMs: 1.5 }],
    ['time', { exchangeTimeMs: -1 }],
  ]
  it('takes a volume up to the bound of prices, which weighs as little as any', () => {
    const volumes = ['1', '340282366920938463463.374607431768211455', undefined]
    const outcomes = volumes.map(baseVolume => {
      const pipeline = createPipeline(aPlan())
      for (const { pair, venues } of aPlan().legs) {
        for (const [index, { id: venue }] of venues.entries()) {
          // The first venue is off, and the one whose volume changes.
          const last = index === 0 ? '1.1' : '1'
          const ticker = { ...RAW, symbol: pair, last, baseVolume: index === 0 ? baseVolume : '1' }
          pipeline.accept({ venue, pair, transport: 'websocket', requestedAtMs: null, ticker: given(ticker) })
        }
      }
      const { outcome, root } = pipeline.observe(NOW_MS)
      if (outcome.kind !== 'price') throw new Error(outcome.reason)
      const { price, confidenceBps, effectiveSources } = outcome
      return { price, confidenceBps, effectiveSources, root }
    })
    expect(outcomes[0]).to.include({ price: parseDecimal('1'), effectiveSources: 4 })
    expect(outcomes.slice(1)).to.deep.equal([outcomes[0], outcomes[0]])
    const over = { ...RAW, baseVolume: '340282366920938463463.374607431768211456' }
    expect(() => parseTicker('okx', 'IO/USDT', over))
      .to.throw(TickerError)
      .that.includes({ field: 'volume' })
  })

  for (const [field, change] of bad) {
    it(`refuses ${JSON.stringify(change).slice(0, 40)} and names the ${field}`, () => {
      expect(() => parseTicker('okx', 'IO/USDT', { ...RAW, ...change }))
        .to.throw(TickerError)
        .that.includes({ code: 'BAD_TICKER', venue: 'okx', field })
    })
  }
})

describe('the board', () => {
  it('holds only what the plan asks for', () => {
    const board = new SourceBoard(aPlan())
    expect(board.push(aValue({ venue: 'nowhere' }))).to.equal(false)
    expect(board.push(aValue({ pair: 'USDT/USD' }))).to.equal(false)
    expect(board.push(aValue())).to.equal(true)
    expect(board.snapshot()).to.deep.equal([aValue()])
  })

  it('lets an answer replace what was pushed before the clock was set back', () => {
    const board = new SourceBoard(aPlan())
    const hourMs = 3_600_000
    board.push(aValue({ receivedAtMs: NOW_MS + hourMs }))
    expect(board.answer(aValue({ receivedAtMs: NOW_MS + 50 }), NOW_MS)).to.equal(true)
    expect(board.latest('binance', 'IO/USDT')).to.deep.include({ transport: 'rest' })
  })

  it('does not let an answer replace what was pushed while it was on its way', () => {
    const board = new SourceBoard(aPlan())
    const pushed = aValue({ receivedAtMs: NOW_MS, changedAtMs: NOW_MS })
    const answered = aValue({ receivedAtMs: NOW_MS + 50 })
    board.push(pushed)
    expect(board.answer(answered, NOW_MS - 1)).to.equal(false)
    expect(board.snapshot()).to.deep.equal([pushed])
    expect(board.answer(answered, NOW_MS)).to.equal(true)
    expect(board.latest('binance', 'IO/USDT')).to.deep.equal({
      // It says what was said before.
      value: { ...answered, changedAtMs: NOW_MS },
      transport: 'rest',
    })
  })
})

describe('the time of a venue', () => {
  const T = NOW_MS - 1_000
  /** Two tickers a second apart, of which the second is older by the venue's own time. */
  const isKept = (
    venue: string,
    ways: readonly ('push' | 'answer')[],
    { older = 1, afterMs = 1_000 } = {},
  ): boolean => {
    const board = new SourceBoard(aPlan())
    const put = (way: 'push' | 'answer', ticker: ReturnType<typeof aValue>) =>
      way === 'push' ? board.push(ticker) : board.answer(ticker, ticker.receivedAtMs - 50)
    const [first = 'push', second = 'push'] = ways
    const isFirstKept = put(first, aValue({ venue, exchangeTimeMs: T, receivedAtMs: T }))
    expect(isFirstKept).to.equal(true)
    const late = aValue({ venue, exchangeTimeMs: T - older, receivedAtMs: T + afterMs, bid: 1n })
    const isSecondKept = put(second, late)
    const [held] = board.snapshot()
    expect(held?.bid === 1n).to.equal(isSecondKept)
    return isSecondKept
  }

  it('keeps an old answer, as a cache gives it, from replacing a newer push or answer', () => {
    expect(isKept('okx', ['push', 'answer'])).to.equal(false)
    expect(isKept('okx', ['answer', 'answer'])).to.equal(false)
    expect(isKept('okx', ['push', 'push'])).to.equal(false)
    expect(isKept('okx', ['push', 'answer'], { older: 0 })).to.equal(true)
  })

  it('is not compared between ways where it means different things', () => {
    // Gate answers without a time, others with another one: none of their ways may silence the other.
    expect(isKept('gate', ['push', 'answer'])).to.equal(true)
    expect(isKept('gate', ['answer', 'push'])).to.equal(true)
    expect(isKept('gate', ['push', 'push'])).to.equal(false)
  })

  it('that was set back silences the venue for no longer than a value is good for', () => {
    const [{ staleMs } = { staleMs: 0 }] = aPlan().legs
    expect(isKept('okx', ['push', 'push'], { older: 3_600_000, afterMs: staleMs })).to.equal(false)
    expect(isKept('okx', ['push', 'push'], { older: 3_600_000, afterMs: staleMs + 1 })).to.equal(true)
  })

  it('that is not told keeps nothing out', () => {
    const board = new SourceBoard(aPlan())
    board.push(aValue({ exchangeTimeMs: T }))
    expect(board.push(aValue({ exchangeTimeMs: null, receivedAtMs: NOW_MS }))).to.equal(true)
    expect(board.push(aValue({ exchangeTimeMs: 1, receivedAtMs: NOW_MS + 1 }))).to.equal(true)
  })
})

describe('the time of the last change', () => {
  /** Bybit and Bitstamp stream bid and ask alone; over REST they say everything. */
  const rest = (atMs: number, change = {}) => aValue({ receivedAtMs: atMs, exchangeTimeMs: null, ...change })
  const stream = (atMs: number, change = {}) => rest(atMs, { last: null, volume: null, ...change })
  const changedAt = (values: readonly ReturnType<typeof aValue>[]): number => {
    const board = new SourceBoard(aPlan())
    for (const value of values) board.push(value)
    return board.latest('binance', 'IO/USDT')?.value.changedAtMs ?? 0
  }

  it('is not that of a change of the way, which tells more or less of the same', () => {
    expect(changedAt([rest(1), stream(2), rest(3), stream(4)])).to.equal(1)
    expect(changedAt([stream(1), rest(2), stream(3)])).to.equal(1)
  })

  it('is not that of another volume: yesterday’s trades leave it while nobody trades', () => {
    expect(changedAt([rest(1), rest(2, { volume: 1n })])).to.equal(1)
  })

  it('is that of another bid, ask or last, also where something was left out in between', () => {
    for (const change of [{ bid: 1n }, { ask: 1n }, { last: 1n }]) {
      expect(changedAt([rest(1), rest(2, change), rest(3, change)])).to.equal(2)
    }
    expect(changedAt([rest(1), stream(2), rest(3, { last: 1n })])).to.equal(3)
  })
})

describe('the wait after a failure', () => {
  const delay = (code: string, failures: number, random = 0) =>
    retryDelayMs(code, failures, random, DEFAULT_TIMING)

  it('doubles up to a limit and is half random', () => {
    expect([1, 2, 3, 7, 1_000].map(failures => delay('NETWORK', failures))).to.deep.equal([
      250, 500, 1_000, 15_000, 15_000,
    ])
    expect(delay('NETWORK', 1, 0.5)).to.equal(375)
  })

  it('of a venue that refuses us grows to minutes: a firewall says what a country says', () => {
    expect([1, 2, 3, 5, 6, 1_000].map(failures => delay('GEO_BLOCKED', failures))).to.deep.equal([
      5_000, 10_000, 20_000, 80_000, 150_000, 150_000,
    ])
  })

  it('is long at once when the venue asked for it or a retry cannot help', () => {
    expect(delay('RATE_LIMITED', 1)).to.equal(5_000)
    expect(delay('NOT_LISTED', 1)).to.equal(150_000)
  })
})

describe('a deadline', () => {
  const never = () => new Promise<never>(() => {})

  it('passes on what comes in time', async () => {
    const clock = new ManualClock(0)
    expect(await withDeadline(Promise.resolve(7), 10, clock, new AbortController().signal)).to.equal(7)
    expect(clock.sleeping).to.equal(0)
  })

  it('ends work that is late', async () => {
    const clock = new ManualClock(0)
    const result = withDeadline(never(), 10, clock, new AbortController().signal).catch(
      (error: unknown) => error,
    )
    await clock.advance(10)
    expect(await result).to.be.instanceOf(DeadlineError)
  })

  it('ends with the reason of an abort, also of one that came before', async () => {
    const abort = new AbortController()
    const clock = new ManualClock(0)
    const result = withDeadline(never(), 10, clock, abort.signal).catch((error: unknown) => error)
    abort.abort('enough')
    expect(await result).to.equal('enough')
    expect(await withDeadline(never(), 10, clock, abort.signal).catch((error: unknown) => error)).to.equal(
      'enough',
    )
    expect(clock.sleeping).to.equal(0)
  })
})
