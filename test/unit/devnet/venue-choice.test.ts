import { expect } from 'chai'
import { chooseVenues } from '../../../devnet/venue-choice.ts'

const signal = new AbortController().signal

/** Venues whose address contains one of `names` answer. */
const only =
  (...names: string[]) =>
  async (url: string) =>
    names.some(name => url.includes(name))

describe('choice of venues', () => {
  it('takes live venues when three of each leg answer', async () => {
    const { mode } = await chooseVenues(
      signal,
      only('binance', 'okx', 'gate', 'kraken', 'coinbase', 'bitstamp'),
    )
    expect(mode).to.equal('live')
  })

  it('takes simulated ones when one leg has too few, however many the other has', async () => {
    const answers = only('binance', 'okx', 'gate', 'bybit', 'kraken', 'coinbase')
    const { mode, reachable } = await chooseVenues(signal, answers)
    expect(mode).to.equal('simulated')
    expect(reachable).to.have.members(['binance', 'okx', 'gate', 'bybit', 'kraken', 'coinbase'])
  })
})
