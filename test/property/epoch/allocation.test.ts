import { expect } from 'chai'
import fc from 'fast-check'
import { type Address, bigintToBytes, hexOf } from '../../../protocol/bytes.ts'
import { type AllocationInput, allocate, hirePayOf } from '../../../protocol/epoch/allocation.ts'
import { MAINNET_EMISSION, netIn, scheduledBy, YEAR_SEC } from '../../../protocol/epoch/emission.ts'
import { networkFee, sharesOf, stepShares } from '../../../protocol/epoch/pass-through.ts'
import { type Amounts, shareByLargestRemainder, sumOf } from '../../../protocol/epoch/shares.ts'
import { BPS, ONE, type Price } from '../../../protocol/units.ts'
import { PARAMETERS } from '../../support/epoch/world.ts'

const wei = (max: bigint) => fc.bigInt({ min: 0n, max })
const address = fc
  .bigInt({ min: 1n, max: 1n << 160n })
  .map((value): Address => hexOf(bigintToBytes(value - 1n, 20)))
const amounts = (max: bigint): fc.Arbitrary<Amounts> =>
  fc.array(fc.tuple(address, wei(max)), { maxLength: 12 }).map(entries => new Map(entries))
const price = fc.bigInt({ min: ONE / 1_000n, max: 1_000n * ONE }).map(value => value as Price)
const epoch = fc.nat(100_000)

/** Hires from none to many times the pool, weights from none to far above the target. */
const input: fc.Arbitrary<AllocationInput> = fc.record({
  terms: fc.constant(MAINNET_EMISSION),
  parameters: fc.record({
    version: fc.constant(1),
    hireTaxBps: fc.integer({ min: 482, max: 5_000 }),
    hiredBps: fc.nat(10_000),
    feeBps: fc.constant(200),
    gatewayBps: fc.constant(1_000),
    maxDebitBps: fc.constant(10_000),
    targetWeight: fc.bigInt({ min: 1n, max: 100_000n }),
    longestHoldEpochs: fc.constant(24),
  }),
  epoch,
  burned: wei(20n * ONE),
  reserve: wei(1_000_000n * ONE),
  price,
  hires: amounts(5_000n * ONE),
  weights: amounts(10_000n),
})

describe('sharing by largest remainder', () => {
  it('gives out exactly what there is, each within a wei of its part', () => {
    fc.assert(
      fc.property(wei(10n ** 24n), amounts(10n ** 24n), (total, weights) => {
        const shares = shareByLargestRemainder(total, weights)
        const sum = sumOf(weights)
        expect(sumOf(shares)).to.equal(sum === 0n ? 0n : total)
        for (const [account, weight] of weights) {
          const share = shares.get(account) ?? 0n
          const floor = sum === 0n ? 0n : (total * weight) / sum
          expect(share === floor || share === floor + 1n).to.equal(true)
        }
      }),
    )
  })

  it('does not depend on the order in which accounts are told', () => {
    fc.assert(
      fc.property(wei(1_000n), amounts(50n), (total, weights) => {
        const turned = new Map([...weights].reverse())
        const sorted = (shares: Amounts) => [...shares].sort()
        expect(sorted(shareByLargestRemainder(total, turned))).to.deep.equal(
          sorted(shareByLargestRemainder(total, weights)),
        )
      }),
    )
  })

  it('gives the odd wei to the lower address among equals', () => {
    const weights = new Map<Address, bigint>([
      [`0x${'0b'.repeat(20)}`, 1n],
      [`0x${'0a'.repeat(20)}`, 1n],
    ])
    expect(shareByLargestRemainder(3n, weights).get(`0x${'0a'.repeat(20)}`)).to.equal(2n)
  })
})

describe('the pool’s split', () => {
  it('adds up to the wei, and never pays more than there is', () => {
    fc.assert(
      fc.property(input, each => {
        const { pool, hiredPaid, availabilityPaid, reserveAfter, hires, availability } = allocate(each)
        expect([sumOf(hires), sumOf(availability)]).to.deep.equal([hiredPaid, availabilityPaid])
        expect(pool.total).to.equal(
          hiredPaid + availabilityPaid + (reserveAfter - each.reserve + pool.released),
        )
        expect(hiredPaid + availabilityPaid <= pool.total && reserveAfter >= 0n).to.equal(true)
      }),
    )
  })

  it('pays no hire above what was spent on it less the tax, and all hires no more than their part', () => {
    fc.assert(
      fc.property(input, each => {
        const { hires, hiredPaid, hiredMaximum, hiredClaimed } = allocate(each)
        for (const [worker, paid] of hires) {
          const spent = each.hires.get(worker) ?? 0n
          expect(paid <= hirePayOf(spent, each.parameters.hireTaxBps, each.price as Price)).to.equal(true)
        }
        expect(hiredPaid).to.equal(hiredClaimed < hiredMaximum ? hiredClaimed : hiredMaximum)
      }),
    )
  })

  it('leaves hires their part of schedule and reserve, and all of the net emission', () => {
    fc.assert(
      fc.property(input, each => {
        const { pool, hiredMaximum } = allocate(each)
        const part = ((pool.scheduled + pool.released) * BigInt(each.parameters.hiredBps)) / BPS
        expect(hiredMaximum).to.equal(part + pool.net)
      }),
    )
  })

  it('gains nothing but rounding for a worker that splits its device into many', () => {
    const parts = fc.array(wei(1_000n), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(input, parts, (each, pieces) => {
        const others = new Map([...each.weights].filter(([account]) => BigInt(account) > 8n))
        const own = pieces.map((weight, index) => [hexOf(bigintToBytes(BigInt(index), 20)), weight] as const)
        const whole = pieces.reduce((sum, weight) => sum + weight, 0n)
        const first = hexOf(bigintToBytes(0n, 20))
        const together = allocate({ ...each, weights: new Map([...others, [first, whole] as const]) })
        const apart = allocate({ ...each, weights: new Map([...others, ...own]) })
        const gained = own.reduce((sum, [account]) => sum + (apart.availability.get(account) ?? 0n), 0n)
        const before = together.availability.get(first) ?? 0n
        expect(gained - before <= BigInt(pieces.length)).to.equal(true)
      }),
    )
  })

  it('does not look at usage when it weighs availability', () => {
    fc.assert(
      fc.property(input, amounts(5_000n * ONE), (each, hires) => {
        const [one, two] = [allocate(each), allocate({ ...each, hires })]
        for (const [worker, weight] of each.weights) {
          for (const { availability, availabilityPaid } of [one, two]) {
            const total = sumOf(each.weights)
            const part = total === 0n ? 0n : (availabilityPaid * weight) / total
            expect((availability.get(worker) ?? 0n) - part <= 1n).to.equal(true)
          }
        }
      }),
    )
  })
})

describe('a coalition that burns to hire itself', () => {
  const self: Address = `0x${'11'.repeat(20)}`
  const other: Address = `0x${'22'.repeat(20)}`
  const usd = ONE as Price

  /** Wei that the coalition has more after spending `wash` on itself, IOSD being bought for it in the epoch. */
  function gain(
    wash: bigint,
    weights: Amounts,
    hires: Amounts,
    burned: bigint,
    terms = MAINNET_EMISSION,
  ): bigint {
    const base = { terms, parameters: PARAMETERS, epoch: 0, reserve: 0n, price: usd, weights }
    const before = allocate({ ...base, burned, hires })
    const washed = new Map(hires).set(self, (hires.get(self) ?? 0n) + wash)
    const after = allocate({ ...base, burned: burned + wash, hires: washed })
    const of = (each: typeof before) => (each.hires.get(self) ?? 0n) + (each.availability.get(self) ?? 0n)
    return of(after) - of(before) - wash
  }

  it('loses, and at least (1 − β)(1 − a) of what it spent, while hires are not cut', () => {
    const weight = fc.bigInt({ min: 0n, max: 10_000n })
    const spend = wei(100n * ONE)
    fc.assert(
      fc.property(weight, weight, spend, spend, wei(10n * ONE), (mine, theirs, wash, hired, burned) => {
        const weights = new Map([
          [self, mine],
          [other, theirs],
        ])
        const total = mine + theirs
        const hires = new Map([[other, hired]])
        const bound =
          total === 0n
            ? (wash * BigInt(PARAMETERS.hireTaxBps)) / BPS
            : (wash * BigInt(PARAMETERS.hireTaxBps) * theirs) / (BPS * total)
        // Three divisions may each give a wei.
        expect(gain(wash, weights, hires, burned) <= 3n - bound).to.equal(true)
      }),
    )
  })

  it('takes nothing from other hired workers once hires are cut either: all that it burned goes to hires', () => {
    // All availability is the coalition's, all hires the others', 1% above their part, and the cap is far away.
    const terms = { ...MAINNET_EMISSION, netPerYear: 100n * MAINNET_EMISSION.netPerYear }
    const { hiredMaximum } = allocate({
      terms,
      parameters: PARAMETERS,
      epoch: 0,
      reserve: 0n,
      price: usd,
      weights: new Map(),
      burned: 0n,
      hires: new Map(),
    })
    const spent = (hiredMaximum * BPS * 101n) / (9_500n * 100n)
    const weights = new Map([[self, 1_000_000n]])
    const wash = ONE
    expect(gain(wash, weights, new Map([[other, spent]]), 0n, terms) <= 3n).to.equal(true)
    expect(gain(wash, weights, new Map(), 0n, terms) <= 0n).to.equal(true)
  })
})

describe('the emission schedule', () => {
  it('adds up whatever the pieces are', () => {
    const moments = fc.array(fc.bigInt({ min: 0n, max: 50n * YEAR_SEC }), { maxLength: 40 })
    fc.assert(
      fc.property(moments, times => {
        const all = [0n, ...times.sort((a, b) => (a < b ? -1 : 1)), 50n * YEAR_SEC]
        const pieces = all.slice(1).map((to, index) => {
          const part = scheduledBy(MAINNET_EMISSION, to) - scheduledBy(MAINNET_EMISSION, all[index] ?? 0n)
          expect(part >= 0n).to.equal(true)
          return part
        })
        expect(pieces.reduce((sum, part) => sum + part, 0n)).to.equal(22_300_000n * ONE)
      }),
    )
  })

  it('never mints more than was burned on top', () => {
    fc.assert(
      fc.property(epoch, wei(100n * ONE), (at, burned) => {
        expect(netIn(MAINNET_EMISSION, at, burned) <= burned).to.equal(true)
      }),
    )
  })
})

describe('a payment in IO', () => {
  const rates = fc.record({ royaltyBps: fc.nat(5_000), gatewayBps: fc.nat(5_000) })
  const cumulative = fc.oneof(wei(1_000n), wei(10n ** 30n))

  it('of a wei that would come out of the worker’s pocket waits', () => {
    // From 9 to 10 wei, owner and gateway complete a wei each.
    expect(stepShares(9n, 10n, { royaltyBps: 5_000, gatewayBps: 1_000 })).to.equal(undefined)
    expect(stepShares(9n, 11n, { royaltyBps: 5_000, gatewayBps: 1_000 })).to.deep.equal({
      owner: 1n,
      gateway: 1n,
      worker: 0n,
    })
  })

  it('is shared out whole, and nobody’s share ever falls', () => {
    fc.assert(
      fc.property(cumulative, fc.oneof(wei(3n), cumulative), rates, (before, paid, each) => {
        const shares = stepShares(before, before + paid, each)
        if (shares === undefined) {
          // Only steps this small wait: both roundings fell into them.
          const workerBps = BPS - BigInt(each.royaltyBps + each.gatewayBps)
          expect(paid * workerBps < 2n * BPS).to.equal(true)
          return
        }
        const { owner, gateway, worker } = shares
        expect(owner + gateway + worker).to.equal(paid)
        expect(owner >= 0n && gateway >= 0n && worker >= 0n).to.equal(true)
      }),
    )
  })

  it('comes to the same in many steps as in one', () => {
    const steps = fc.array(wei(50n), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(steps, rates, (paid, each) => {
        let [settled, claimed, owner, gateway] = [0n, 0n, 0n, 0n]
        for (const step of paid) {
          claimed += step
          const shares = stepShares(settled, claimed, each)
          if (shares === undefined) continue
          owner += shares.owner
          gateway += shares.gateway
          settled = claimed
        }
        const { owner: wholeOwner, gateway: wholeGateway } = sharesOf(settled, each)
        expect([owner, gateway]).to.deep.equal([wholeOwner, wholeGateway])
      }),
    )
  })

  it('bears a fee that is rounded up, once', () => {
    fc.assert(
      fc.property(wei(10n ** 24n), fc.nat(10_000), price, (paid, feeBps, usd) => {
        const fee = networkFee(paid, feeBps, usd)
        const exact = paid * BigInt(feeBps) * usd
        const unit = BPS * ONE
        expect(fee * unit >= exact && (fee === 0n || (fee - 1n) * unit < exact)).to.equal(true)
      }),
    )
  })
})
