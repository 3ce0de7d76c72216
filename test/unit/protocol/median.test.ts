import { expect } from 'chai'
import type { Quote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { medianReport, medianWord } from '../../../protocol/round/median.ts'
import { nextRound } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { ProtocolNetwork, ROUND, TIMING } from '../../support/protocol/network.ts'

const network = new ProtocolNetwork(7)

function quotesWith(prices: readonly bigint[], confidences: readonly number[] = []): Quote[] {
  return prices.map((price, slot) =>
    network.quote(slot, { price: price as Price, confidence: confidences[slot] ?? 0 }),
  )
}

describe('the median of a round', () => {
  it('is the middle price of an odd count', () => {
    expect(medianReport(quotesWith([30n, 10n, 20n])).price).to.equal(20n)
  })

  it('is the floor of the mean of the middle two of an even count', () => {
    expect(medianReport(quotesWith([10n, 13n, 2n, 90n])).price).to.equal(11n)
    expect(medianReport(quotesWith([10n, 12n, 2n, 90n])).price).to.equal(11n)
  })

  it('is the price itself of a single quote', () => {
    expect(medianReport(quotesWith([5n])).price).to.equal(5n)
  })

  it('takes the lower median of the times, so that the time is one somebody observed', () => {
    const times = [103, 100, 101, 109]
    const quotes = times.map((observedAt, slot) => network.quote(slot, { observedAt }))
    expect(medianReport(quotes).observedAt).to.equal(101)
    expect(medianReport(quotes.slice(0, 3)).observedAt).to.equal(101)
  })

  it('states the middle of the confidences when prices agree', () => {
    expect(medianReport(quotesWith([1_000n, 1_000n, 1_000n], [9, 1, 4])).confidence).to.equal(4)
    expect(medianReport(quotesWith([1_000n, 1_000n, 1_000n, 1_000n], [9, 1, 4, 7])).confidence).to.equal(5)
  })

  it('states half the interquartile range, rounded up, when prices lie further apart than they claim', () => {
    // Sorted 9900 9950 10000 10050 10101: quartiles 9950 and 10050, half their distance is 50 bps.
    const quotes = quotesWith([10_101n, 9_900n, 10_000n, 10_050n, 9_950n], [1, 1, 1, 1, 1])
    expect(medianReport(quotes).confidence).to.equal(50)
    const wider = quotesWith([10_101n, 9_900n, 10_000n, 10_051n, 9_950n], [1, 1, 1, 1, 1])
    expect(medianReport(wider).confidence).to.equal(51)
  })

  it('interpolates quartiles between ranks, as the sources of a quote do', () => {
    // Four values: quartiles 9,750 and 10,250. Five: the second and fourth value.
    expect(medianReport(quotesWith([9_000n, 10_000n, 10_000n, 11_000n])).confidence).to.equal(250)
    expect(medianReport(quotesWith([9_000n, 10_000n, 10_000n, 10_000n, 11_000n])).confidence).to.equal(0)
  })

  it('saturates at the largest confidence a word can hold', () => {
    expect(medianReport(quotesWith([1n, 1n, 10n ** 20n, 10n ** 20n])).confidence).to.be.at.most(65_535)
    expect(medianReport(quotesWith([1n, 2n, 1_000_000n])).confidence).to.equal(65_535)
  })

  it('is packed into a word whose middle is empty', () => {
    const quotes = network.signedQuotes().map(({ quote }) => quote)
    const word = medianWord(quotes)
    expect(unpackReport(word)).to.deep.equal(medianReport(quotes))
    expect((word >> 96n) & ((1n << 80n) - 1n)).to.equal(0n)
  })

  it('does not change the quotes it is given', () => {
    const quotes = quotesWith([30n, 10n, 20n])
    medianReport(quotes)
    expect(quotes.map(({ price }) => price)).to.deep.equal([30n, 10n, 20n])
  })

  it('does not exist for no quotes, or for quotes of different rounds or feeds', () => {
    expect(() => medianReport([])).to.throw(RangeError)
    const later = network.quote(1, { round: nextRound(ROUND, TIMING.roundMs) })
    expect(() => medianReport([network.quote(0), later])).to.throw(RangeError)
    const other = network.quote(1, { feedId: `0x${'11'.repeat(32)}` })
    expect(() => medianReport([network.quote(0), other])).to.throw(RangeError)
  })
})
