import { expect } from 'chai'
import { BrokenClaimError } from '../../../cli/simulate/checks.ts'
import { type Simulation, simulate } from '../../../cli/simulate/run.ts'
import { allocate } from '../../../protocol/epoch/allocation.ts'
import { MAINNET_EMISSION, scheduledBy } from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'
import { readScenario } from '../../support/simulate/a-scenario.ts'

const A_YEAR = { years: 1, epochLengthSec: 3_600, seed: 7 }
const NOBODY_COMES = {
  suppliers: { path: [{ day: 0, gpus: 0 }] },
  demand: {
    hires: [{ day: 0, usdPerDay: '0' }],
    payments: [{ day: 0, usdPerDay: '0' }],
    burns: [{ day: 0, usdPerDay: '0' }],
  },
}

/** Of the line that ends with a day. */
function dayOf({ periods }: Simulation, day: number) {
  const period = periods[day - 1]
  if (period === undefined) throw new Error(`there is no day ${day}`)
  return period
}

describe('a simulated network', function () {
  this.timeout(120_000)

  it('mints the year table to the wei, and no more after it', () => {
    const { years, epochs } = simulate(readScenario(NOBODY_COMES), { ...A_YEAR, years: 9 })
    expect(epochs).to.equal(9 * 8_760)
    expect(years.map(({ flows }) => flows.scheduled)).to.deep.equal(
      [6_000_000n, 6_000_000n, 3_000_000n, 3_000_000n, 1_500_000n, 1_500_000n, 750_000n, 550_000n, 0n].map(
        io => io * ONE,
      ),
    )
    expect(years.at(-1)?.scheduledSoFar).to.equal(22_300_000n * ONE)
  })

  it('mints the same with another length of epochs', () => {
    const [year] = simulate(readScenario(NOBODY_COMES), { ...A_YEAR, epochLengthSec: 900 }).years
    expect(year?.flows.scheduled).to.equal(6_000_000n * ONE)
  })

  it('has no more lines than days, also with epochs that do not divide a day', () => {
    const { periods } = simulate(readScenario(NOBODY_COMES), { ...A_YEAR, epochLengthSec: 3_504 })
    const lengths = periods.map(({ endSec }, index) => endSec - (periods[index - 1]?.endSec ?? 0))
    expect(new Set(lengths.slice(0, -1))).to.deep.equal(new Set([25 * 3_504]))
    expect(periods.length).to.be.at.most(365)
    expect(periods.at(-1)?.endSec).to.equal(31_536_000)
  })

  it('leaves to the schedule what genesis has not taken', () => {
    const scenario = readScenario({ ...NOBODY_COMES, genesis: '18000000' })
    const [year] = simulate(scenario, A_YEAR).years
    expect(year?.flows.scheduled).to.equal(4_300_000n * ONE)
    expect(year?.standing.supply).to.equal(22_300_000n * ONE)
  })

  it('comes to the same state with the same seed, and to another with another', () => {
    const short = readScenario()
    const digest = simulate(short, A_YEAR).digest
    expect(simulate(short, A_YEAR).digest).to.equal(digest)
    expect(simulate(short, { ...A_YEAR, seed: 8 }).digest).to.not.equal(digest)
  })

  it('burns, hires, pays and takes fees when there is demand', () => {
    const { totals, years } = simulate(readScenario(), A_YEAR)
    for (const flow of ['burned', 'net', 'hiresPaid', 'availabilityPaid', 'workersPaid'] as const) {
      expect(totals[flow] > 0n, flow).to.equal(true)
    }
    expect(totals.net <= 60_000n * ONE).to.equal(true)
    expect(years[0]?.flows).to.deep.equal(totals)
  })

  it('puts everything aside that nobody earns', () => {
    const [year] = simulate(readScenario(NOBODY_COMES), A_YEAR).years
    expect(year?.standing.reserve).to.equal(year?.standing.supply)
    expect(year?.standing.supply).to.equal(scheduledBy(MAINNET_EMISSION, 31_536_000n))
  })

  it('lets IOSD hires and fees wait while no price is certified, and settles them afterwards', () => {
    const halted = readScenario({ oracleHalts: [{ fromDay: 100, days: 7 }] })
    const result = simulate(halted, A_YEAR)
    expect(result.epochsWithoutPrice).to.equal(7 * 24)
    const before = dayOf(result, 100)
    expect(before.flows.hiresPaid > 0n && before.standing.hiresWaiting === 0n).to.equal(true)
    const last = dayOf(result, 107)
    expect(last.flows).to.include({ hiresPaid: 0n, burned: 0n, iosdSpent: 0n })
    expect(last.flows.scheduled).to.equal(before.flows.scheduled)
    expect(last.standing.hiresWaiting > 0n && last.standing.paidWithoutFee > 0n).to.equal(true)
    expect(dayOf(result, 108).standing).to.include({ hiresWaiting: 0n, paidWithoutFee: 0n })
  })

  it('pays from the pool of one epoch what waited a week: hires above its share are cut', () => {
    const busy = readScenario({
      oracleHalts: [{ fromDay: 100, days: 7 }],
      demand: {
        hires: [{ day: 0, usdPerDay: '4000' }],
        payments: [{ day: 0, usdPerDay: '0' }],
        burns: [{ day: 0, usdPerDay: '0' }],
        bufferDays: 7,
      },
    })
    const { worstPaid } = simulate(busy, A_YEAR)
    expect(worstPaid).to.include({ epoch: 107 * 24 })
    expect((worstPaid?.paid ?? 0n) < (worstPaid?.claimed ?? 0n)).to.equal(true)
  })

  it('comes to the same after missed epochs as if each had been settled at once', () => {
    const outages = readScenario({
      settlementOutages: [
        { fromDay: 20, days: 2 },
        { fromDay: 100, days: 30 },
      ],
    })
    const result = simulate(outages, A_YEAR)
    expect(result.epochsSettledLate).to.equal(32 * 24)
    expect(dayOf(result, 129).standing.epochsWaiting).to.be.greaterThan(28 * 24)
    expect(dayOf(result, 131).standing.epochsWaiting).to.equal(0)
    expect(result.totals.scheduled).to.equal(6_000_000n * ONE)
  })

  it('settles what still waits when the last epoch is over', () => {
    const outage = readScenario({ settlementOutages: [{ fromDay: 360, days: 30 }] })
    const result = simulate(outage, A_YEAR)
    expect(result.periods).to.have.length(365)
    expect(result.years).to.have.length(1)
    expect(result.epochsSettledLate).to.equal(5 * 24)
  })

  it('stops with the epoch when a rule gives away a wei too much', () => {
    const run = () =>
      simulate(readScenario(), A_YEAR, {
        allocate: input => {
          const allocation = allocate(input)
          return input.epoch === 100
            ? { ...allocation, reserveAfter: allocation.reserveAfter + 1n }
            : allocation
        },
      })
    expect(run).to.throw(BrokenClaimError, /^epoch 100: invariant 5/)
  })

  it('stops when a late settlement depends on the time of settling', () => {
    const seen = new Map<number, bigint>()
    const outage = readScenario({ settlementOutages: [{ fromDay: 20, days: 2 }] })
    const run = () =>
      simulate(outage, A_YEAR, {
        allocate: input => {
          const allocation = allocate(input)
          const again = seen.has(input.epoch)
          seen.set(input.epoch, input.reserve)
          if (!again || input.epoch !== 490) return allocation
          // The second time: a wei of the reserve goes to whoever is available.
          const [[account = '0x', amount = 0n] = []] = allocation.availability
          return {
            ...allocation,
            availability: new Map([...allocation.availability, [account, amount + 1n]]),
            availabilityPaid: allocation.availabilityPaid + 1n,
            reserveAfter: allocation.reserveAfter - 1n,
          }
        },
      })
    expect(run).to.throw(BrokenClaimError, /^epoch 490: invariant 7/)
  })
})
