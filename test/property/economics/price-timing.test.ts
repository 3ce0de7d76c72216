import { expect } from 'chai'
import fc from 'fast-check'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import { areBounded } from '../../../protocol/epoch/parameters.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { SEED } from '../../support/economics/market-arbitraries.ts'
import { MINUTES_PER_DAY, pricePath } from '../../support/economics/price-path.ts'
import {
  bestTradeInIo,
  bestTradeInUsd,
  costOfHighest,
  type TradeTerms,
} from '../../support/economics/trade.ts'
import { caseOf, PARAMETERS, proposalOf } from '../../support/epoch/world.ts'

const DAYS = 400

/** The oracle at its bound of 250 basis points, right now. */
const terms: TradeTerms = {
  rule: 'highest',
  hireTaxBps: PARAMETERS.hireTaxBps,
  errorBps: 250n,
  reportMinutes: 0,
  minutesPerEpoch: 60,
}

describe('price timing: buying IOSD at one price to be paid for it at another', () => {
  let path: readonly bigint[]
  before(() => {
    path = pricePath(DAYS, SEED)
  })

  it('is looked for on 400 days of jumps that would be worth it', () => {
    expect(path).to.have.length(DAYS * MINUTES_PER_DAY)
    const moves = path.slice(1).map((price, index) => {
      const before = path[index] ?? 1n
      const move = price > before ? price - before : before - price
      return (move * 10_000n) / before
    })
    expect(moves.filter(bps => bps > 500n).length).to.be.greaterThan(10)
    expect(moves.some(bps => bps > 1_000n)).to.equal(true)
  })

  it('at the highest price of the epoch never pays in USD: −0.1906% at best, with every report wrong by 2.5%', () => {
    // 0.95 · 1.025² = 0.99809375: the trade that comes closest burns at a report 2.5% too high and closes at a high.
    expect(bestTradeInUsd(path, terms)).to.equal(-1_906n)
  })

  it('at the highest price of the epoch costs the whole hire tax when reports are right', () => {
    expect(bestTradeInUsd(path, { ...terms, errorBps: 0n })).to.equal(-50_000n)
  })

  it('at the highest price never takes more IO from an epoch than was burned in it', () => {
    expect(bestTradeInIo(path, terms)).to.equal(-50_000n)
  })

  it('at an average price would gain 5.98% in USD, and 0.87% even with an oracle that is never wrong', () => {
    expect(bestTradeInUsd(path, { ...terms, rule: 'average' })).to.equal(59_816n)
    expect(bestTradeInUsd(path, { ...terms, rule: 'average', errorBps: 0n })).to.equal(8_748n)
  })

  it('at an average or closing price would take 7.07% or 21.14% more IO from an epoch than was burned in it', () => {
    expect(bestTradeInIo(path, { ...terms, rule: 'average' })).to.equal(70_715n)
    expect(bestTradeInIo(path, { ...terms, rule: 'closing' })).to.equal(211_482n)
  })

  it('is prevented for 0.78% of what suppliers would get for IOSD hires at the average price', () => {
    expect(costOfHighest(path, 60)).to.equal(7_806n)
  })

  it('never pays at the highest price for any tax that a vote can set and any run of prices', () => {
    const prices = fc.array(fc.bigInt({ min: ONE / 100n, max: 100n * ONE }), { minLength: 8, maxLength: 40 })
    fc.assert(
      fc.property(prices, fc.integer({ min: 482, max: 2_000 }), (jumps, hireTaxBps) => {
        const each = { ...terms, hireTaxBps, minutesPerEpoch: 4 }
        expect(bestTradeInUsd(jumps, each) <= 0n).to.equal(true)
      }),
      { seed: SEED, numRuns: 1_000 },
    )
  })

  it('is bounded by (BPS − τ)(BPS + err)² ≤ BPS³: a tax of 4.82% is the least, an error of 2.59% the last that is safe', () => {
    const flat = Array.from({ length: 120 }, () => ONE)
    const best = (changes: Partial<TradeTerms>) => bestTradeInUsd(flat, { ...terms, ...changes })
    expect(areBounded({ ...PARAMETERS, hireTaxBps: 482 })).to.equal(true)
    expect(areBounded({ ...PARAMETERS, hireTaxBps: 481 })).to.equal(false)
    expect([best({ hireTaxBps: 482 }) <= 0n, best({ hireTaxBps: 481 }) > 0n]).to.deep.equal([true, true])
    expect([best({ errorBps: 259n }) <= 0n, best({ errorBps: 260n }) > 0n]).to.deep.equal([true, true])
  })

  it('is covered by the error bound alone: where one may burn at a report that a jump has overtaken, it pays', () => {
    // Burned just after a fall at the report from just before it, paid for in the next epoch. This is why a report
    // may be burned at for 30 s only, and why its error must count how far the market moves in that time.
    expect(bestTradeInUsd(path, { ...terms, errorBps: 0n, reportMinutes: 1 }) > 50_000n).to.equal(true)
    const inTime = (fallBps: bigint) => {
      const after = (ONE * (10_000n - fallBps)) / 10_000n
      return [...Array.from({ length: 60 }, () => ONE), ...Array.from({ length: 120 }, () => after)]
    }
    const best = (fallBps: bigint) =>
      bestTradeInUsd(inTime(fallBps), { ...terms, errorBps: 0n, reportMinutes: 1 })
    expect([best(500n) <= 0n, best(501n) > 0n]).to.deep.equal([true, true])
  })

  it('does not make an IOSD that was kept through a fall more than a dollar', () => {
    // Burned at $1, spent an epoch later at $0.80: 1.1875 IO for one, and $0.95 for a dollar.
    const fall = [
      ...Array.from({ length: 60 }, () => ONE),
      ...Array.from({ length: 60 }, () => (ONE * 8n) / 10n),
    ]
    expect(bestTradeInUsd(fall, { ...terms, errorBps: 0n })).to.equal(-50_000n)
  })

  it('at less than the highest price that an auditor has seen is refused', () => {
    const honest = caseOf()
    const proposal = proposalOf(honest.bundle, honest.report)
    const answerTo = (highestPrice: bigint) =>
      auditEpoch(
        proposal,
        honest.chain,
        { ...honest.own, highestPrice: highestPrice as Price },
        nobleIdentityCrypto,
      )
    expect(answerTo(5n * ONE)).to.have.property('ok')
    expect(answerTo(5n * ONE + 1n)).to.have.property('refused', 'HIGHER_PRICE_KNOWN')
  })
})
