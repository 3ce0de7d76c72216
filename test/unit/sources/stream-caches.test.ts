import { expect } from 'chai'
import type { Adapter, StreamClient } from '../../../oracle-node/sources/adapters/adapter.ts'
import { adapterOf } from '../../../oracle-node/sources/adapters/ccxt.ts'
import { VENUE_ENTRIES } from '../../../oracle-node/sources/adapters/entries.ts'
import {
  boundCaches,
  SWEEP_BYTES,
  SWEEP_FRAMES,
} from '../../../oracle-node/sources/adapters/stream-caches.ts'
import { MAX_FRAME_BYTES } from '../../../oracle-node/sources/adapters/streams.ts'

/** An adapter that heard of one market of its own and one that it does not have, and of an account. */
function anAdapter() {
  const client = { rejections: {} as Record<string, Error> }
  const adapter = {
    clients: { 'wss://one': { rejections: {} }, 'wss://two': client },
    markets: { 'IO/USDT': {} },
    tickers: { 'IO/USDT': 'own', 'X/USDT': 'strange' },
    bidsasks: { 'X/USDT': 1 },
    orderbooks: { 'IO/USDT': 1 },
    trades: { 'X/USDT': [1] },
    ohlcvs: { 'X/USDT': { '1m': [1] } },
    fundingRates: {},
    balance: { spot: 1 },
    positions: [{ info: 1 }] as unknown,
    orders: [{ info: 1 }] as unknown,
    triggerOrders: [{ info: 1 }] as unknown,
    myTrades: [{ info: 1 }] as unknown,
    liquidations: [{ info: 1 }] as unknown,
    myLiquidations: [{ info: 1 }] as unknown,
  }
  const sweep = boundCaches(adapter as unknown as Adapter)
  return { adapter, client, heard: sweep }
}

describe('what an adapter remembers of a stream', () => {
  it('is, after many frames, the tickers of its own markets', () => {
    const { adapter, heard } = anAdapter()
    for (let i = 1; i < SWEEP_FRAMES; i += 1) heard(1)
    expect(adapter.tickers).to.have.all.keys('IO/USDT', 'X/USDT')
    heard(1)
    expect(adapter).to.deep.include({
      markets: { 'IO/USDT': {} },
      tickers: { 'IO/USDT': 'own' },
      bidsasks: {},
      orderbooks: {},
      trades: {},
      ohlcvs: {},
      fundingRates: {},
      balance: {},
      positions: undefined,
      orders: undefined,
      triggerOrders: undefined,
      myTrades: undefined,
      liquidations: undefined,
      myLiquidations: undefined,
    })
  })

  it('is that after few long frames too', () => {
    const { adapter, heard } = anAdapter()
    for (let i = 0; i < 4; i += 1) heard(MAX_FRAME_BYTES)
    expect(adapter.tickers).to.have.all.keys('IO/USDT')
  })

  it('is no channel that Kraken names', async () => {
    const create = await adapterOf('kraken')
    const adapter = new create({}) as Adapter
    VENUE_ENTRIES.kraken.prepare(adapter, address => address)
    const client = { subscriptions: {} }
    const named = { event: 'subscriptionStatus', channelID: 'c1', status: 'subscribed' }
    adapter.handleMessage(client as unknown as StreamClient, named)
    expect(client.subscriptions).to.deep.equal({})
  })

  it('holds failures that nobody waits for, but not without end', () => {
    const { client, heard } = anAdapter()
    client.rejections['ticker:IO/USDT'] = new Error('refused')
    heard(SWEEP_BYTES)
    expect(client.rejections).to.have.all.keys('ticker:IO/USDT')
    for (let i = 0; i < 200; i += 1) client.rejections[`ticker:${i}`] = new Error('refused')
    heard(SWEEP_BYTES)
    expect(client.rejections).to.deep.equal({})
  })
})
