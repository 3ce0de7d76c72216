import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { MarketView, Message, VenueFormat } from '../../../devnet/venues/format.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { jsonNumber } from '../../../devnet/venues/json-number.ts'
import { JUNK_QUOTE, listingsShown } from '../../../devnet/venues/listings.ts'
import { patchQuote } from '../../../devnet/venues/literal-quote.ts'

const NOW_MS = Date.UTC(2026, 0, 2)
const QUOTE = { ...JUNK_QUOTE, bid: '7.000000000000000001', ask: '8e-7', last: '-9', volume: '0' }

/** The stream that the adapters ask for, and what it tells. */
const CHANNELS: Record<string, readonly [channel: string, ...tells: ('bid' | 'ask' | 'last' | 'volume')[]]> =
  {
    binance: ['ticker', 'bid', 'ask', 'last', 'volume'],
    okx: ['tickers', 'bid', 'ask', 'last', 'volume'],
    gate: ['spot.tickers', 'bid', 'ask', 'last', 'volume'],
    bybit: ['orderbook.1', 'bid', 'ask'],
    kucoin: ['/market/snapshot', 'bid', 'ask', 'last', 'volume'],
    bitget: ['ticker', 'bid', 'ask', 'last', 'volume'],
    htx: ['ticker', 'bid', 'ask', 'last', 'volume'],
    bingx: ['ticker', 'bid', 'ask', 'last', 'volume'],
    coinex: ['state', 'last', 'volume'],
    lbank: ['tick', 'last', 'volume'],
    xt: ['ticker', 'last', 'volume'],
    upbit: ['ticker', 'last', 'volume'],
    bithumb: ['ticker', 'last', 'volume'],
    coinone: ['TICKER', 'bid', 'ask', 'last', 'volume'],
    kraken: ['ticker', 'bid', 'ask', 'last', 'volume'],
    coinbase: ['ticker', 'bid', 'ask', 'last', 'volume'],
    bitstamp: ['order_book', 'bid', 'ask'],
    cryptocom: ['ticker', 'bid', 'ask', 'last', 'volume'],
    gemini: ['top_of_book', 'bid', 'ask'],
    bitfinex: ['ticker', 'bid', 'ask', 'last', 'volume'],
  }

function textOf(message: Message): string {
  if (typeof message === 'string') return message
  return (message[0] === 0x1f ? gunzipSync(message) : Buffer.from(message)).toString()
}

function viewOf(format: VenueFormat): MarketView {
  return { nowMs: NOW_MS, listings: format.listings, quote: () => QUOTE }
}

describe('literal numbers', () => {
  it('stand in messages character by character, as a string or a number of the venue’s kind', () => {
    for (const format of Object.values(FORMATS).filter(({ wsPath }) => wsPath !== undefined)) {
      const [channel = '', ...tells] = CHANNELS[format.id] ?? []
      for (const listing of format.listings) {
        const text = textOf(format.push({ key: 'key', channel, listing }, viewOf(format), NOW_MS))
        for (const name of tells) {
          // Binance writes eight decimals, which is what it does to a 0.
          const literal = QUOTE[name] === '0' ? '0(?:\\.0{8})?' : QUOTE[name].replace('.', '\\.')
          expect(text, `${format.id} ${name}`).to.match(new RegExp(`[:[,]"?${literal}"?[,\\]}]`))
        }
      }
    }
  })

  it('are JSON numbers of exactly their characters where JSON has such numbers, and strings elsewhere', () => {
    const write = (text: string): string => JSON.stringify([jsonNumber(text)])
    for (const text of [
      '0',
      '-1',
      '1e-7',
      '2.5E+3',
      '1.000000000000000001',
      '123456789012345678901234567890',
    ]) {
      expect(write(text)).to.equal(`[${text}]`)
    }
    for (const text of ['', 'NaN', '+1', '.5', '01', '1.', '0x1', '1,5']) {
      expect(write(text)).to.equal(JSON.stringify([text]))
    }
  })

  it('replace what is named, for a pair or for all others', () => {
    const patches = { 'IO/USDT': { bid: '1' }, '*': { volume: '0' } }
    expect(patchQuote(JUNK_QUOTE, 'IO/USDT', patches)).to.deep.equal({ ...JUNK_QUOTE, bid: '1' })
    expect(patchQuote(JUNK_QUOTE, 'IO/USDC', patches)).to.deep.equal({ ...JUNK_QUOTE, volume: '0' })
    expect(patchQuote(JUNK_QUOTE, 'IO/USDC', {})).to.equal(JUNK_QUOTE)
  })
})

describe('the list of markets', () => {
  it('loses what is delisted and gains markets of the venue’s kind, each with a name of its own', () => {
    for (const { id, listings } of Object.values(FORMATS)) {
      const [first] = listings
      if (first === undefined) throw new Error(`${id} lists nothing`)
      const shown = listingsShown(listings, [first.symbol], 3_000)
      expect(shown).to.have.lengthOf(listings.length - 1 + 3_000)
      expect(shown).not.to.include(first)
      expect(new Set(shown.map(listing => listing.id)).size, id).to.equal(shown.length)
      expect(new Set(shown.map(listing => listing.symbol)).size, id).to.equal(shown.length)
    }
  })
})
