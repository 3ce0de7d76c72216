import { expect } from 'chai'
import fc from 'fast-check'
import { networkFee, sharesOf } from '../../../protocol/epoch/pass-through.ts'
import { sumOf } from '../../../protocol/epoch/shares.ts'
import { BPS, ONE, type Price } from '../../../protocol/units.ts'
import { ChargedChannels, inferenceChannel, WASH_MODEL, WASHER } from '../../support/economics/channels.ts'
import { divideUp, marketOf, washed } from '../../support/economics/market.ts'
import { price, SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { PARAMETERS } from '../../support/epoch/world.ts'

const runs = { seed: SEED, numRuns: 300 }
const steps = fc.array(fc.oneof(wei(3n), wei(1_000n), wei(100n * ONE)), { minLength: 1, maxLength: 40 })

describe('wash inference: a coalition that pays its own worker through its own gateway for its own model', () => {
  it('gets back what it pays and no wei more, and loses the fee to the wei', () => {
    fc.assert(
      fc.property(wei(10n ** 24n, 2n), price, (paid, usd) => {
        const channels = new ChargedChannels()
        channels.charge(inferenceChannel(), paid)
        const { payments, debitIo, debitIosd } = channels.settle(usd)
        expect(sumOf(payments)).to.equal(debitIo)
        expect([...payments.keys()].every(account => Object.values(WASHER).includes(account))).to.equal(true)
        // What IO it put in it has again; the fee is gone, in USD·1e18.
        expect(debitIosd).to.equal(networkFee(debitIo, PARAMETERS.feeBps, usd))
      }),
      runs,
    )
  })

  it('loses 2 cents of each dollar: 100 IO at $5 cost 10 IOSD', () => {
    const channels = new ChargedChannels()
    channels.charge(inferenceChannel(), 100n * ONE)
    const { payments, debitIosd, hires } = channels.settle((5n * ONE) as Price)
    expect([
      payments.get(WASHER.owner),
      payments.get(WASHER.gateway),
      payments.get(WASHER.worker),
    ]).to.deep.equal([15n * ONE, 10n * ONE, 75n * ONE])
    expect([debitIosd, hires.size]).to.deep.equal([10n * ONE, 0])
  })

  it('in many tiny payments loses more by it, never less', () => {
    fc.assert(
      fc.property(steps, price, (payments, usd) => {
        const channels = new ChargedChannels()
        let [taken, returned, fees] = [0n, 0n, 0n]
        for (const payment of payments) {
          channels.charge(inferenceChannel(), payment)
          const settled = channels.settle(usd)
          taken += settled.debitIo
          returned += sumOf(settled.payments)
          fees += settled.debitIosd
        }
        expect(returned).to.equal(taken)
        expect(fees >= networkFee(taken, PARAMETERS.feeBps, usd)).to.equal(true)
        // At most two wei wait for the next payment.
        expect(channels.waiting <= 2n).to.equal(true)
      }),
      runs,
    )
  })

  it('spread over many channels of a wei loses a wei of IOSD for each', () => {
    const channels = new ChargedChannels()
    for (let i = 0; i < 200; i++) channels.charge(inferenceChannel({ worker: addressOf(`worker ${i}`) }), 1n)
    const settled = channels.settle(ONE as Price)
    expect([settled.debitIo, sumOf(settled.payments), settled.debitIosd]).to.deep.equal([200n, 200n, 200n])
  })

  it('cannot milk an honest owner or gateway: each gets the floor of its part of all that was paid', () => {
    const owner = addressOf('honest owner')
    const gateway = addressOf('honest gateway')
    const model = fc.integer({ min: 0, max: 5_000 }).map(royaltyBps => ({ ...WASH_MODEL, owner, royaltyBps }))
    fc.assert(
      fc.property(steps, model, price, (payments, each, usd) => {
        const channels = new ChargedChannels()
        let [taken, royalty, toGateway] = [0n, 0n, 0n]
        for (const payment of payments) {
          channels.charge(inferenceChannel({ gateway }), payment)
          const settled = channels.settle(usd, each)
          taken += settled.debitIo
          royalty += settled.payments.get(owner) ?? 0n
          toGateway += settled.payments.get(gateway) ?? 0n
        }
        const due = sharesOf(taken, { royaltyBps: each.royaltyBps, gatewayBps: PARAMETERS.gatewayBps })
        expect([royalty, toGateway]).to.deep.equal([due.owner, due.gateway])
      }),
      runs,
    )
  })

  it('has at least (1 − a) of the fee less even when the fee’s burn is minted again', () => {
    // The fee is paid in IOSD; the IO burned for it comes back to the pool, of which the coalition has the share a.
    fc.assert(
      fc.property(wei(300n * ONE, 1n), wei(100n), wei(100n), (paid, ownWeight, honestWeight) => {
        const usd = ONE as Price
        const fee = networkFee(paid, PARAMETERS.feeBps, usd)
        const market = marketOf({ ownWeight, honestWeight, parameters: { ...PARAMETERS, targetWeight: 1n } })
        const [with_, without] = [washed({ ...market, burned: fee }, 0n), washed(market, 0n)]
        const weight = ownWeight + honestWeight
        const reserve =
          weight === 0n ? 0n : divideUp((with_.reserveAfter - without.reserveAfter) * ownWeight, weight)
        const gain = with_.income - without.income + reserve - fee
        const bound = weight === 0n ? -fee : divideUp(-fee * honestWeight, weight)
        expect(gain <= bound + 3n).to.equal(true)
      }),
      { ...runs, numRuns: 1_000 },
    )
  })

  it('does not earn anything in the pool: payments in IO are nobody’s hire', () => {
    fc.assert(
      fc.property(wei(10n ** 24n, 2n), price, (paid, usd) => {
        const channels = new ChargedChannels()
        channels.charge(inferenceChannel(), paid)
        expect(channels.settle(usd).hires.size).to.equal(0)
      }),
      runs,
    )
  })

  it('that cannot pay the fee yet owes it for all it was paid', () => {
    const channels = new ChargedChannels()
    channels.charge(inferenceChannel(), ONE)
    channels.charge(inferenceChannel(), 2n * ONE)
    expect(channels.settle(undefined).debitIosd).to.equal(0n)
    const usd = (3n * ONE) as Price
    expect(channels.settle(usd).debitIosd).to.equal((3n * ONE * 3n * BigInt(PARAMETERS.feeBps)) / BPS)
  })
})
