import { expect } from 'chai'
import type { Adapter, AdapterTicker } from '../../../oracle-node/sources/adapters/adapter.ts'
import { tellOnlyWhatIsTold, toRawTicker } from '../../../oracle-node/sources/adapters/exact-ticker.ts'
import { parseTicker, TickerError } from '../../../oracle-node/sources/parse-ticker.ts'
import { NOW_MS } from '../../support/sources/build.ts'

/** As it reaches the door, through the `safeTicker` that adapters call. */
function through(ticker: AdapterTicker) {
  const adapter = {} as Adapter
  tellOnlyWhatIsTold(adapter, () => undefined)
  return toRawTicker(adapter.safeTicker(ticker), NOW_MS)
}

describe('what an adapter answers', () => {
  it('is of the pair that it says', () => {
    const ticker = through({ symbol: 'IO/USDT', last: '2.5' })
    expect(ticker).to.deep.equal({
      symbol: 'IO/USDT',
      last: '2.5',
      exchangeTimeMs: null,
      receivedAtMs: NOW_MS,
    })
    expect(parseTicker('okx', 'IO/USDT', ticker).last).to.equal(2_500_000_000_000_000_000n)
  })

  const strange: [string, AdapterTicker | undefined][] = [
    ['of another pair', { symbol: 'BTC/USDT', last: '60000' }],
    ['of no pair', { last: '2.5' }],
    ['of what is no name', { symbol: 7 as unknown as string, last: '2.5' }],
    ['nothing', undefined],
    ['null', null as unknown as undefined],
    ['a number', 7 as unknown as AdapterTicker],
  ]
  for (const [what, ticker] of strange) {
    it(`is refused at the door when it is ${what}`, () => {
      const raw = toRawTicker(ticker, NOW_MS)
      expect(() => parseTicker('okx', 'IO/USDT', raw))
        .to.throw(TickerError)
        .with.property('field', 'symbol')
    })
  }
})
