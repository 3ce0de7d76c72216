import { expect } from 'chai'
import { feedStatus } from '../../../oracle-node/sources/feed-status.ts'
import { createSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { pegLog } from '../../../oracle-node/sources/pegs.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import type { SourceOutcome } from '../../../protocol/sources/types.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import {
  aLeg,
  allVenues,
  aPlan,
  aValueAt,
  IO_VENUES,
  NOW_MS,
  USDT_VENUES,
} from '../../support/sources/build.ts'

const DIRECT = ['mexc', 'htx', 'xt']
/** Over USDT, which has a peg, and in dollars. */
const PLAN = aPlan({
  legs: [
    aLeg(IO_VENUES),
    aLeg(USDT_VENUES, { pair: 'USDT/USD', peg: { bandBps: 200 } }),
    aLeg(DIRECT, { pair: 'IO/USD' }),
  ],
  routes: [['IO/USDT', 'USDT/USD'], ['IO/USD']],
})

/** IO is worth 2.5 dollars directly; one USDT is worth as much as `usdt` says, or nobody says it. */
function outcomeAt(usdt: string | undefined, direct = DIRECT): SourceOutcome {
  const values = [
    ...allVenues('2.5', usdt).filter(({ pair }) => usdt !== undefined || pair !== 'USDT/USD'),
    ...direct.map(venue => aValueAt(venue, '2.5', { pair: 'IO/USD' })),
  ]
  return aggregateSources(values, PLAN, NOW_MS)
}

describe('a peg that is lost', () => {
  it('is said once when it is lost, and once when it is back, with pair, price and band', () => {
    const logger = recordLogger()
    const say = pegLog(PLAN, logger)
    const steps = ['0.999', '0.981', '0.88', '0.87', '0.97', '0.98', '1.02', '1.021', '1']
    for (const usdt of steps) say(outcomeAt(usdt))
    const left = 'a pegged pair has left its band; routes over it are dropped'
    const back = 'a pegged pair is back in its band; routes over it count again'
    const fields = (price: string) => ({ pair: 'USDT/USD', price, bandBps: 200 })
    expect(logger.lines).to.deep.equal([
      { level: 'warn', sentence: left, fields: fields('0.88') },
      { level: 'info', sentence: back, fields: fields('0.98') },
      { level: 'warn', sentence: left, fields: fields('1.021') },
      { level: 'info', sentence: back, fields: fields('1') },
    ])
  })

  it('is not back while nobody can tell', () => {
    const logger = recordLogger()
    const say = pegLog(PLAN, logger)
    for (const usdt of [undefined, '0.88', undefined, '0.87', undefined]) say(outcomeAt(usdt))
    expect(logger.lines.map(({ level }) => level)).to.deep.equal(['warn'])
  })

  it('is a gauge that is there from the start, for pegged legs alone, and stays while nobody can tell', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const sources = createSourceMetrics(metrics, PLAN)
    const gauge = async () =>
      (await metrics.render()).split('\n').filter(line => line.startsWith('ionet_source_depegged'))
    expect(await gauge()).to.deep.equal(['ionet_source_depegged{pair="USDT/USD"} 0'])
    const seen: (string | undefined)[] = []
    for (const usdt of ['1', '0.88', undefined, '0.999', undefined]) {
      sources.observed(outcomeAt(usdt))
      const lines = await gauge()
      expect(lines).to.have.length(1)
      seen.push(lines[0]?.at(-1))
    }
    expect(seen).to.deep.equal(['0', '1', '1', '0', '0'])
  })

  it('shows in the status of the feed, with the routes that it costs', () => {
    const ways = (usdt: string | undefined) => feedStatus(PLAN, outcomeAt(usdt))
    expect(ways('0.999')).to.deep.equal({
      price: '2.4975',
      abstains: null,
      routes: [
        { path: 'IO/USDT × USDT/USD', price: '2.4975' },
        { path: 'IO/USD', price: '2.5' },
      ],
      pegs: [{ pair: 'USDT/USD', bandBps: 200, price: '0.999', isLost: false }],
    })
    expect(ways('0.88')).to.deep.equal({
      price: '2.5',
      abstains: null,
      routes: [
        { path: 'IO/USDT × USDT/USD', dropped: 'DEPEGGED', pair: 'USDT/USD' },
        { path: 'IO/USD', price: '2.5' },
      ],
      pegs: [{ pair: 'USDT/USD', bandBps: 200, price: '0.88', isLost: true }],
    })
    expect(ways(undefined)).to.deep.include({
      routes: [
        { path: 'IO/USDT × USDT/USD', dropped: 'LEG_ABSTAINED', pair: 'USDT/USD' },
        { path: 'IO/USD', price: '2.5' },
      ],
      pegs: [{ pair: 'USDT/USD', bandBps: 200, price: null, isLost: null }],
    })
    expect(feedStatus(PLAN, outcomeAt('0.88', []))).to.deep.include({
      price: null,
      abstains: { reason: 'DEPEGGED', pair: 'USDT/USD' },
    })
  })
})
