import { expect } from 'chai'
import type { Adapter } from '../../../oracle-node/sources/adapters/adapter.ts'
import { VENUE_ENTRIES } from '../../../oracle-node/sources/adapters/entries.ts'

const market = (base: string) => ({
  id: `${base}USDT`,
  symbol: `${base}/USDT`,
  base,
  quote: 'USDT',
  spot: true,
})

/** An adapter with two markets, that answers every subscription at once, and what it was asked to send. */
function anAdapter() {
  const sent: unknown[] = []
  const ticker = { last: '2.5' }
  const adapter = {
    urls: { api: { ws: { spot: 'wss://spot', publicGen2: 'wss://generation2' } } },
    markets: { 'IO/USDT': market('IO'), 'BTC/USDT': market('BTC') },
    watchMultiple: async (url: string, [hash]: string[], message: unknown, subscribed: string[]) => {
      sent.push({ url, message, subscribed })
      return { [hash?.split('::')[1] ?? '']: ticker }
    },
    watch: async (url: string, _hash: string, message: unknown, subscribed: string) => {
      sent.push({ url, message, subscribed: [subscribed] })
      return ticker
    },
  }
  return { adapter: adapter as unknown as Adapter, sent, ticker }
}

describe('a stream that takes one subscription for all pairs', () => {
  it('of CoinEx is told the markets that are kept, and no others', async () => {
    const { adapter, sent, ticker } = anAdapter()
    const watch = VENUE_ENTRIES.coinex.prepare(adapter, address => address)
    expect(await watch?.('BTC/USDT')).to.equal(ticker)
    const message = { method: 'state.subscribe', params: { market_list: ['IOUSDT', 'BTCUSDT'] }, id: 1 }
    expect(sent).to.deep.equal([{ url: 'wss://spot', message, subscribed: ['all@ticker'] }])
  })

  it('of Bithumb is told the markets that are kept, and no others', async () => {
    const { adapter, sent, ticker } = anAdapter()
    const watch = VENUE_ENTRIES.bithumb.prepare(adapter, address => address)
    expect(await watch?.('IO/USDT')).to.equal(ticker)
    const message = [{ ticket: 'prices' }, { type: 'ticker', codes: ['USDT-IO', 'USDT-BTC'] }]
    expect(sent).to.deep.equal([{ url: 'wss://generation2', message, subscribed: ['tickers'] }])
  })
})
