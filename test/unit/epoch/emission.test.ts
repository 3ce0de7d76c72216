import { expect } from 'chai'
import {
  curveAt,
  MAINNET_EMISSION,
  netCapOf,
  netIn,
  poolOf,
  releaseOf,
  scheduledBy,
  scheduledIn,
  YEAR_SEC,
} from '../../../protocol/epoch/emission.ts'
import { areBounded } from '../../../protocol/epoch/parameters.ts'
import { epochEndSec, epochOf, epochStartSec } from '../../../protocol/epoch/time.ts'
import { ONE, parseDecimal } from '../../../protocol/units.ts'
import { PARAMETERS } from '../../support/epoch/world.ts'

const terms = MAINNET_EMISSION
const MAX = 22_300_000n * ONE

describe('the emission schedule', () => {
  it('emits 6, 6, 3, 3, 1.5, 1.5, 0.75, 0.55 million IO in its years, and nothing after', () => {
    const years = Array.from(
      { length: 12 },
      (_, year) =>
        scheduledBy(terms, BigInt(year + 1) * YEAR_SEC) - scheduledBy(terms, BigInt(year) * YEAR_SEC),
    )
    const millions = ['6', '6', '3', '3', '1.5', '1.5', '0.75', '0.55', '0', '0', '0', '0']
    expect(years).to.deep.equal(millions.map(each => parseDecimal(each) * 1_000_000n))
  })

  it('reaches the maximum in the eighth year, where the curve alone would go on to 24 million', () => {
    expect(curveAt(terms, 7n * YEAR_SEC) < MAX).to.equal(true)
    expect(curveAt(terms, 8n * YEAR_SEC) > MAX).to.equal(true)
    expect(scheduledBy(terms, 1_000n * YEAR_SEC)).to.equal(MAX)
    expect(curveAt(terms, 1_000n * YEAR_SEC) <= 24_000_000n * ONE).to.equal(true)
  })

  it('counts what existed from the start against the maximum', () => {
    const genesis = 1_000_000n * ONE
    expect(genesis + scheduledBy({ ...terms, genesis }, 50n * YEAR_SEC)).to.equal(MAX)
  })

  for (const [name, epochLengthSec] of [
    ['hour', 3_600n],
    ['odd length', 3_571n],
  ] as const) {
    it(`adds up to the wei over 50 years of epochs of an ${name}`, () => {
      const epochs = Number((50n * YEAR_SEC) / epochLengthSec)
      let total = 0n
      for (let epoch = 0; epoch < epochs; epoch++) total += scheduledIn({ ...terms, epochLengthSec }, epoch)
      expect(total).to.equal(MAX)
    }).timeout(20_000)
  }

  it('adds up to the wei over the minutes of two halvings and of the day on which it ends', () => {
    const minutes = { ...terms, epochLengthSec: 60n }
    const partial = (fromSec: bigint, count: number) => {
      const first = Number(fromSec / 60n)
      let total = 0n
      for (let epoch = first; epoch < first + count; epoch++) total += scheduledIn(minutes, epoch)
      return [
        total,
        scheduledBy(terms, BigInt(first + count) * 60n) - scheduledBy(terms, BigInt(first) * 60n),
      ]
    }
    // C(t) = MAX in the fourth period, after (22.3 − 21)/1.5 of it.
    const endSec = 3n * terms.periodSec + (terms.periodSec * 13n) / 15n
    for (const aroundSec of [terms.periodSec, 2n * terms.periodSec, endSec]) {
      const [sum, difference] = partial(((aroundSec - 43_200n) / 60n) * 60n, 1_440)
      expect(sum).to.equal(difference)
    }
    expect(scheduledBy(terms, endSec)).to.equal(MAX)
    expect(scheduledBy(terms, endSec - 60n) < MAX).to.equal(true)
  })
})

describe('net emission', () => {
  it('mints what was burned, up to the cap of the epoch', () => {
    const cap = netCapOf(terms, 5)
    expect(netIn(terms, 5, cap - 1n)).to.equal(cap - 1n)
    expect(netIn(terms, 5, cap)).to.equal(cap)
    expect(netIn(terms, 5, cap + 1n)).to.equal(cap)
  })

  it('has caps that add up to 60,000 IO a year, whatever the epoch’s length', () => {
    for (const epochLengthSec of [3_600n, 2_160n, 240n]) {
      const epochs = Number(YEAR_SEC / epochLengthSec)
      let total = 0n
      for (let epoch = 0; epoch < epochs; epoch++) total += netCapOf({ ...terms, epochLengthSec }, epoch)
      expect(total).to.equal(terms.netPerYear)
    }
  })
})

describe('the pool', () => {
  it('is schedule, net emission and a year’s part of the reserve', () => {
    const reserve = 8_760n * 3n + 5n
    expect(releaseOf(terms, reserve)).to.equal(3n)
    const pool = poolOf(terms, 0, 1n, reserve)
    expect(pool).to.deep.equal({
      scheduled: scheduledIn(terms, 0),
      net: 1n,
      released: 3n,
      total: scheduledIn(terms, 0) + 4n,
    })
  })
})

describe('epochs', () => {
  it('begin and end where one second belongs to one epoch', () => {
    const clock = { startSec: 1_000, lengthSec: 60 }
    expect([999, 1_000, 1_059, 1_060].map(sec => epochOf(clock, sec))).to.deep.equal([-1, 0, 0, 1])
    expect(epochOf(clock, epochStartSec(clock, 7))).to.equal(7)
    expect(epochOf(clock, epochEndSec(clock, 7))).to.equal(8)
  })
})

describe('parameters', () => {
  it('are refused where self-hire at two wrong prices would pay', () => {
    expect(areBounded(PARAMETERS)).to.equal(true)
    expect(areBounded({ ...PARAMETERS, hireTaxBps: 482 })).to.equal(true)
    expect(areBounded({ ...PARAMETERS, hireTaxBps: 481 })).to.equal(false)
  })

  it('are refused where a payment could be shared out twice, or a division has no divisor', () => {
    expect(areBounded({ ...PARAMETERS, gatewayBps: 5_001 })).to.equal(false)
    expect(areBounded({ ...PARAMETERS, hiredBps: 10_001 })).to.equal(false)
    expect(areBounded({ ...PARAMETERS, targetWeight: 0n })).to.equal(false)
  })
})
