import { expect } from 'chai'
import fc from 'fast-check'
import { MAINNET_EMISSION, netCapOf, poolOf } from '../../../protocol/epoch/emission.ts'
import { BPS, formatDecimal, ONE, type Price } from '../../../protocol/units.ts'
import {
  divideUp,
  marketOf,
  patientWashGain,
  promisedLoss,
  usdOf,
  washed,
  washGain,
} from '../../support/economics/market.ts'
import { anyMarket, quietMarket, SEED, spend } from '../../support/economics/market-arbitraries.ts'
import { PARAMETERS } from '../../support/epoch/world.ts'

/** Each of burn, hire, availability and release rounds once: a wei each, a share of it for IOSD dearer than IO. */
const ROUNDING_WEI = 4n

const runs = { seed: SEED, numRuns: 2_000 }
const poolAtLaunch = poolOf(MAINNET_EMISSION, 0, 0n, 0n).total
const mostForHires = (poolAtLaunch * BigInt(PARAMETERS.hiredBps)) / BPS

describe('wash hire: a coalition that burns IO to hire itself', () => {
  it('in a quiet epoch has at least (1 − β)(1 − a)X less, whatever it spends, the future of the reserve included', () => {
    fc.assert(
      fc.property(quietMarket, spend, (market, spent) => {
        const bound = promisedLoss(market, spent) + ROUNDING_WEI
        expect(washGain(market, spent) <= bound).to.equal(true)
        expect(patientWashGain(market, spent) <= bound).to.equal(true)
      }),
      runs,
    )
  })

  it('in a quiet epoch gains nothing by asking for more than hires may take', () => {
    const overdone = fc.integer({ min: 1, max: 20 })
    fc.assert(
      fc.property(quietMarket, overdone, (market, times) => {
        // As if all that may be minted again were.
        const { total } = poolOf(
          market.terms,
          market.epoch,
          netCapOf(market.terms, market.epoch),
          market.reserve,
        )
        const spent = BigInt(times) * (total + ONE) * 2n
        expect(washed(market, spent).isCut).to.equal(true)
        expect(washGain(market, spent) <= promisedLoss(market, spent) + ROUNDING_WEI).to.equal(true)
      }),
      runs,
    )
  })

  it('beside honest hires has at least (1 − β)(1 − a)X less where hires are paid in full with it and without', () => {
    let paidInFull = 0
    fc.assert(
      fc.property(anyMarket, spend, (market, spent) => {
        if (washed(market, spent).isCut || washed(market, 0n).isCut) return
        paidInFull++
        const bound = promisedLoss(market, spent) + ROUNDING_WEI
        expect(washGain(market, spent) <= bound).to.equal(true)
        expect(patientWashGain(market, spent) <= bound).to.equal(true)
      }),
      runs,
    )
    expect(paidInFull).to.be.greaterThan(100)
  })

  it('gains nothing anywhere, also beside honest hires that ask for more than their part', () => {
    let cut = 0
    fc.assert(
      fc.property(anyMarket, spend, (market, spent) => {
        if (washed(market, spent).isCut) cut++
        expect(washGain(market, spent) <= ROUNDING_WEI).to.equal(true)
      }),
      { seed: SEED, numRuns: 5_000 },
    )
    expect(cut).to.be.greaterThan(500)
  })

  it('loses $5 of $100 with no availability, $3.75 with a quarter of it, and nothing with all of it', () => {
    const price = (5n * ONE) as Price
    const spent = 20n * ONE
    const losses = [0n, 25n, 50n, 100n].map(ownWeight => {
      // Twice the target, so that what hires leave goes to availability and not to the reserve; a cap that is far away.
      const terms = { ...MAINNET_EMISSION, netPerYear: 100n * MAINNET_EMISSION.netPerYear }
      const parameters = { ...PARAMETERS, targetWeight: 50n }
      const market = marketOf({ terms, parameters, price, ownWeight, honestWeight: 100n - ownWeight })
      return usdOf(washGain(market, spent), price)
    })
    expect(losses).to.deep.equal([-5n * ONE, (-15n * ONE) / 4n, (-5n * ONE) / 2n, 0n])
  })

  it('that takes all that hires may take in a quiet epoch loses 25.23 IO an hour by it', () => {
    const spent = divideUp(mostForHires * BPS, BPS - BigInt(PARAMETERS.hireTaxBps))
    const market = marketOf({ honestWeight: PARAMETERS.targetWeight })
    expect(washed(market, spent).income).to.equal(mostForHires)
    expect(formatDecimal(washGain(market, spent))).to.match(/^-25\.23/)
  })

  it('beside honest hires that ask for just more than their part gains nothing, with no availability, a sixth of it or all', () => {
    const cap = netCapOf(MAINNET_EMISSION, 0)
    const asked = divideUp(mostForHires * BPS, BPS - BigInt(PARAMETERS.hireTaxBps)) + ONE
    const parameters = { ...PARAMETERS, targetWeight: 50n }
    const gainWith = (ownWeight: bigint) =>
      washGain(marketOf({ parameters, honestHires: asked, ownWeight, honestWeight: 60n - ownWeight }), cap)
    // All that burning mints again goes to hires: no availability to be had by it, with a share of it or with all.
    for (const ownWeight of [0n, 10n, 60n]) expect(gainWith(ownWeight) <= ROUNDING_WEI).to.equal(true)
  })
})
