import { expect } from 'chai'
import fc from 'fast-check'
import { MAINNET_EMISSION, netCapOf } from '../../../protocol/epoch/emission.ts'
import { formatDecimal, ONE, type Price } from '../../../protocol/units.ts'
import { divideUp, type Market, marketOf, usdOf, washed } from '../../support/economics/market.ts'
import { price, SEED, wei } from '../../support/economics/market-arbitraries.ts'

const MONTH = 720
/** A wei or two an epoch, for each division on the way. */
const ROUNDING_WEI_AN_EPOCH = 4n

interface Loop {
  /** Wei of IO more than without the loop, with the coalition's share of all that it left in the reserve. */
  readonly profit: bigint
  readonly wasCut: boolean
}

/**
 * Epoch after epoch the coalition claims as IOSD as much as it put in last time, hires itself with it, and claims
 * again; `spendIn` says what it burns. Beside it the same network without that.
 */
function loop(market: Market, epochs: number, spendIn: (epoch: number, cap: bigint) => bigint): Loop {
  let [profit, wasCut] = [0n, false]
  let reserves = { with: market.reserve, without: market.reserve }
  for (let at = 0; at < epochs; at++) {
    const epoch = market.epoch + at
    const spent = spendIn(epoch, netCapOf(market.terms, epoch))
    const looped = washed({ ...market, epoch, reserve: reserves.with }, spent)
    const quiet = washed({ ...market, epoch, reserve: reserves.without }, 0n)
    profit += looped.income - quiet.income - spent
    wasCut ||= looped.isCut
    reserves = { with: looped.reserveAfter, without: quiet.reserveAfter }
  }
  const weight = market.ownWeight + market.honestWeight
  const left = reserves.with - reserves.without
  return { profit: profit + (weight === 0n ? 0n : divideUp(left * market.ownWeight, weight)), wasCut }
}

/** A coalition with so many hundredths of all hires and of all availability, at twice the target. */
function holding(percent: bigint, changes: Partial<Market> = {}): Market {
  return marketOf({
    price: (5n * ONE) as Price,
    ownHires: 10n * percent * ONE,
    honestHires: 10n * (100n - percent) * ONE,
    ownWeight: 20n * percent,
    honestWeight: 20n * (100n - percent),
    ...changes,
  })
}

describe('net-emission loop: burning what is claimed to be hired by oneself, again and again', () => {
  it('loses (1 − s)·τ of the cap an epoch: a month at the cap costs $1,233 without suppliers, $616 with half of them', () => {
    const months = [0n, 25n, 50n, 75n, 100n].map(percent => {
      const market = holding(percent)
      const { profit, wasCut } = loop(market, MONTH, (_, cap) => cap)
      expect(wasCut).to.equal(false)
      return usdOf(profit, market.price)
    })
    // 720 caps of 6.849 IO at $5, of which 5% · (1 − s).
    const whole = 5n * 720n * ((60_000n * ONE) / 8_760n)
    for (const [index, lost] of months.entries()) {
      const due = (-whole * (4n - BigInt(index))) / 80n
      expect(lost - due <= 20_000n && due - lost <= 20_000n, formatDecimal(lost)).to.equal(true)
    }
    const toDollar = (value: bigint) => value / ONE
    expect(months.map(toDollar)).to.deep.equal([-1_232n, -924n, -616n, -308n, 0n])
  })

  it('above the cap loses the rest of what it burns as well: nothing of that is minted again', () => {
    const half = holding(50n)
    const atCap = loop(half, 24, (_, cap) => cap).profit
    const above = loop(half, 24, (_, cap) => 5n * cap)
    // Of each wei above the cap the pool gives β, and takes a·β of it from the coalition's own availability.
    const { profit, wasCut } = above
    expect(wasCut).to.equal(false)
    const cap = (60_000n * ONE) / 8_760n
    const due = atCap - (24n * 4n * cap * 525n) / 1_000n
    expect(profit - due <= 1_000n && due - profit <= 1_000n).to.equal(true)
  })

  it('never pays for any share of hires and of availability, below the target and above it', () => {
    const share = wei(100n)
    const market = fc.record({
      price,
      hired: wei(100n * ONE),
      ofHires: share,
      ofWeight: share,
      weight: wei(30n),
      reserve: wei(500_000n * ONE),
      epoch: fc.nat(60_000),
    })
    let cut = 0
    fc.assert(
      fc.property(market, wei(60n * ONE), fc.boolean(), (each, spent, atCap) => {
        const iosd = (each.hired * each.price) / ONE
        const start = marketOf({
          ...each,
          ownHires: (iosd * each.ofHires) / 100n,
          honestHires: iosd - (iosd * each.ofHires) / 100n,
          ownWeight: each.ofWeight * each.weight,
          honestWeight: (100n - each.ofWeight) * each.weight,
        })
        const { profit, wasCut } = loop(start, 24, (_, cap) => (atCap ? cap : spent))
        if (wasCut) cut++
        expect(profit <= 24n * ROUNDING_WEI_AN_EPOCH).to.equal(true)
      }),
      { seed: SEED, numRuns: 400 },
    )
    expect(cut).to.be.greaterThan(0)
  })

  it('wears a stake down: after a day of claiming everything as IOSD again, 29% of it is left', () => {
    let stake = 5n * ONE
    let reserve = 0n
    for (let epoch = 0; epoch < 24; epoch++) {
      const market = marketOf({ epoch, reserve, honestWeight: 2_000n })
      const { income, reserveAfter } = washed(market, stake)
      stake = income
      reserve = reserveAfter
    }
    // β^24, as the coalition has no availability of its own.
    expect(formatDecimal(stake)).to.match(/^1\.459/)
  })

  it('mints again no more than the cap of a year, whoever burns: 60,000 IO', () => {
    const year = Array.from({ length: 8_760 }, (_, epoch) => netCapOf(MAINNET_EMISSION, epoch))
    expect(year.reduce((sum, cap) => sum + cap, 0n)).to.equal(60_000n * ONE)
  })
})
