import { expect } from 'chai'
import type { VenueId } from '../../../config/venue-ids.ts'
import type { Adapter, StreamClient, StreamMessage } from '../../../oracle-node/sources/adapters/adapter.ts'
import { VENUE_ENTRIES } from '../../../oracle-node/sources/adapters/entries.ts'

const T = 1_760_000_000_000
const MARKETS = {
  bitfinex: { 'BTC/USD': 'tBTCUSD', 'USDT/USD': 'tUSTUSD' },
  gemini: { 'BTC/USD': 'btcusd', 'USDT/USD': 'usdtusd' },
}

/** The adapter of a venue around a connection of ours: what was asked for, and what came of what was said. */
function aStream(venue: keyof typeof MARKETS & VenueId) {
  const asked: unknown[] = []
  const told: [hash: string, ticker: unknown][] = []
  let heartbeats = 0
  const markets = Object.fromEntries(
    Object.entries(MARKETS[venue]).map(([symbol, id]) => [symbol, { id, symbol, spot: true }]),
  )
  const adapter = {
    urls: { api: { ws: venue === 'gemini' ? 'wss://gemini' : { public: 'wss://bitfinex' } } },
    markets,
    exceptions: { exact: {} },
    safeTicker: (ticker: object) => ticker,
    fetchTicker: async () => ({ last: '1', timestamp: T }),
    handleMessage: () => {
      heartbeats += 1
    },
    watch: (url: string, hash: string, message: unknown) => {
      asked.push(message ?? url)
      return hash === 'conf' ? Promise.reject(new Error('the connection is lost')) : Promise.resolve({ hash })
    },
  } as unknown as Adapter
  const client = {
    resolve: (ticker: unknown, hash: string) => void told.push([hash, ticker]),
  } as unknown as StreamClient
  const watch = VENUE_ENTRIES[venue].prepare(adapter, address => address)
  if (watch === undefined) throw new Error(`${venue} has no stream`)
  const hear = (...messages: unknown[]): typeof told => {
    told.length = 0
    for (const message of messages) adapter.handleMessage(client, message as StreamMessage)
    return [...told]
  }
  return { adapter, watch, hear, asked, heartbeats: () => heartbeats }
}

describe("Bitfinex' tickers", () => {
  const subscribed = (chanId: unknown, symbol: unknown, channel = 'ticker') => ({
    event: 'subscribed',
    channel,
    chanId,
    symbol,
  })
  const TICKER = [64_000.5, 1, 64_001, 2, -10, -0.001, 64_000, 1e-7, 65_000, 63_000]
  const BTC = { symbol: 'BTC/USD', bid: 64_000.5, ask: 64_001, last: 64_000, baseVolume: 1e-7 }

  it('are asked for with the time of each message, once, whether or not that is answered', async () => {
    const { watch, asked } = aStream('bitfinex')
    expect(await watch('BTC/USD')).to.deep.equal({ hash: 'ticker:BTC/USD' })
    await watch('BTC/USD')
    const request = { event: 'subscribe', channel: 'ticker', symbol: 'tBTCUSD' }
    expect(asked).to.deep.equal([{ event: 'conf', flags: 32_768 }, request, request])
  })

  it('are those of the channel that the venue named last, with a time where there is one', () => {
    const { hear } = aStream('bitfinex')
    expect(hear(subscribed(7, 'tBTCUSD'), [7, TICKER])).to.deep.equal([
      ['ticker:BTC/USD', { ...BTC, timestamp: undefined }],
    ])
    expect(hear([7, TICKER, T])).to.deep.equal([['ticker:BTC/USD', { ...BTC, timestamp: T }]])
    expect(hear(subscribed(9, 'tBTCUSD'), [7, TICKER, T])).to.deep.equal([])
    expect(hear([9, TICKER, T])).to.have.length(1)
  })

  it('are of nothing but a list in a channel of ours', () => {
    const { hear } = aStream('bitfinex')
    hear(subscribed(7, 'tBTCUSD'))
    const others = [
      subscribed(8, 'tETHUSD'),
      subscribed(8, '__proto__'),
      subscribed(8, undefined),
      subscribed(8, 'tUSTUSD', 'trades'),
      { event: 'info', version: 2 },
    ]
    expect(hear(...others, [8, TICKER], [7, 'hb', T], [7], [], [7, { 0: 1 }])).to.deep.equal([])
  })

  it('keep what is odd in a field to that field', () => {
    const { hear, adapter } = aStream('bitfinex')
    hear(subscribed(7, 'tBTCUSD'))
    const odd = [{}, 1, '64001', 2, '1e-400000000', '1e-400000000', null, [1]]
    const ticker = { symbol: 'BTC/USD', bid: undefined, ask: '64001', last: undefined, baseVolume: undefined }
    expect(hear([7, odd, 'now'])).to.deep.equal([['ticker:BTC/USD', { ...ticker, timestamp: undefined }]])
    const { parseTicker } = adapter as unknown as { parseTicker(values: unknown, market: object): unknown }
    expect(parseTicker(odd, { symbol: 'BTC/USD' })).to.deep.equal(ticker)
  })
})

describe("Gemini's top of the book", () => {
  const change = (side: string, price: unknown, remaining: unknown, others: object = {}) => ({
    type: 'change',
    reason: 'top-of-book',
    symbol: 'BTCUSD',
    side,
    price,
    remaining,
    ...others,
  })
  const update = (...events: unknown[]) => ({ type: 'update', timestampms: T, events })
  const BTC = { symbol: 'BTC/USD', bid: '64000', ask: '64001', timestamp: T }
  const BOTH = update(change('bid', '64000', '1'), change('ask', '64001', '0.5'))

  it('is asked for by one address for all pairs that are kept', async () => {
    const { watch, asked } = aStream('gemini')
    expect(await watch('BTC/USD')).to.deep.equal({ hash: 'top:BTC/USD' })
    const [address] = asked
    expect(await watch('USDT/USD')).to.deep.equal({ hash: 'top:USDT/USD' })
    expect(asked).to.deep.equal([address, address])
    const { origin, pathname, searchParams } = new URL(String(address))
    expect(`${origin}${pathname}`).to.equal('wss://gemini/v1/multimarketdata')
    expect(searchParams.get('symbols')).to.equal('BTCUSD,USDTUSD')
    expect(searchParams.get('top_of_book')).to.equal('true')
  })

  it('keeps the side that a message says nothing of', () => {
    const { hear } = aStream('gemini')
    expect(hear(BOTH)).to.deep.equal([['top:BTC/USD', BTC]])
    expect(hear(update(change('ask', '64002', '1')))).to.deep.equal([
      ['top:BTC/USD', { ...BTC, ask: '64002' }],
    ])
  })

  it('is gone with its last order, and stays when a level is emptied that it was before', () => {
    const { hear } = aStream('gemini')
    hear(BOTH)
    const [told] = hear(update(change('bid', '64000', '0.0')))
    expect(told).to.deep.equal(['top:BTC/USD', { ...BTC, bid: undefined }])
    hear(update(change('bid', '63999', '1')))
    expect(hear(update(change('bid', '64000', '0')))).to.deep.equal([
      ['top:BTC/USD', { ...BTC, bid: '63999' }],
    ])
    const moved = update(change('bid', '63999', '0'), change('bid', '63998', '2'))
    expect(hear(moved)).to.deep.equal([['top:BTC/USD', { ...BTC, bid: '63998' }]])
  })

  it('is told once a message and pair, each of its own', () => {
    const { hear } = aStream('gemini')
    const usdt = { symbol: 'USDTUSD' }
    const both = update(
      change('bid', '64000', '1'),
      change('bid', '0.999', '5', usdt),
      change('ask', '64001', '1'),
    )
    expect(hear(both)).to.deep.equal([
      ['top:BTC/USD', BTC],
      ['top:USDT/USD', { symbol: 'USDT/USD', bid: '0.999', ask: undefined, timestamp: T }],
    ])
  })

  it('says no time where the venue says none: not ours, as ccxt does', () => {
    const { hear } = aStream('gemini')
    const events = [change('bid', '64000', '1', { reason: 'initial' }), change('ask', '64001', '1')]
    expect(hear({ type: 'update', events })).to.deep.equal([
      ['top:BTC/USD', { ...BTC, timestamp: undefined }],
    ])
  })

  it('is not moved by anything else that a message may hold', () => {
    const { hear } = aStream('gemini')
    hear(BOTH)
    const others = [
      change('bid', '1', '1', { reason: 'place' }),
      change('bid', '1', '1', { symbol: 'ETHUSD' }),
      change('bid', '1', '1', { symbol: '__proto__' }),
      change('bid', { price: 1 }, '1', { symbol: undefined }),
      change('middle', '1', '1'),
      { type: 'trade', symbol: 'BTCUSD', price: '1', makerSide: 'bid' },
      null,
      'text',
    ]
    const messages = [update(...others), update(), { type: 'update', events: 5 }, { type: 'l2_updates' }, {}]
    expect(hear(...messages)).to.deep.equal([])
    expect(hear(update(change('ask', '64002', '1')))).to.deep.equal([
      ['top:BTC/USD', { ...BTC, ask: '64002' }],
    ])
  })

  it('is not held up by a size of half a million zeros', () => {
    const { hear } = aStream('gemini')
    const startedMs = performance.now()
    const [told] = hear(update(change('bid', '64000', `${'0'.repeat(500_000)}x`)))
    expect(told).to.deep.equal(['top:BTC/USD', { ...BTC, ask: undefined }])
    // It takes a millisecond; read again from every zero, minutes.
    expect(performance.now() - startedMs).to.be.below(5_000)
  })

  it('shows by every message that the other side is there, for it may answer no ping', () => {
    const { hear, heartbeats } = aStream('gemini')
    hear(BOTH, update(), { type: 'heartbeat' })
    expect(heartbeats()).to.equal(3)
  })

  it('comes over REST without the time of the volume', async () => {
    const { adapter } = aStream('gemini')
    expect(await adapter.fetchTicker('BTC/USD')).to.deep.equal({ last: '1', timestamp: undefined })
  })
})
