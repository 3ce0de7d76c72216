import { expect } from 'chai'
import { abstentionLog, SAY_AGAIN_MS } from '../../../oracle-node/sources/abstention-log.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { aLeg, aValue, aValueAt, NOW_MS } from '../../support/sources/build.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const VENUES = ['binance', 'okx', 'gate']
const PLAN: SourcePlan = { feed: 'IO/USDT', legs: [aLeg(VENUES)], routes: [['IO/USDT']] }
const good = VENUES.map(venue => aValueAt(venue, '2.5'))
const outcomes = {
  priced: aggregateSources(good, PLAN, NOW_MS),
  stale: aggregateSources([...good.slice(1), aValue({ receivedAtMs: NOW_MS - 60_000 })], PLAN, NOW_MS),
  apart: aggregateSources(
    [aValueAt('binance', '1'), aValueAt('okx', '2'), aValueAt('gate', '4')],
    PLAN,
    NOW_MS,
  ),
}

function logged() {
  const clock = new ManualClock(NOW_MS)
  const lines: [string, object | undefined][] = []
  const say = (text: string, fields?: object): void => void lines.push([text, fields])
  const log = abstentionLog({ clock, logger: { ...silentLogger, info: say, warn: say } })
  const see = (name: keyof typeof outcomes): void => log(outcomes[name])
  return { clock, lines, see }
}

describe('the lines on prices that stop', () => {
  it('come once each way, however many rounds there are, and name what was dropped', async () => {
    const { clock, lines, see } = logged()
    for (const name of ['priced', 'stale', 'priced'] as const) {
      for (let round = 0; round < 20; round += 1) {
        see(name)
        await clock.advance(SAY_AGAIN_MS / 10)
      }
    }
    expect(lines.map(([text]) => text)).to.deep.equal([
      'the venues give a price',
      'the venues give no price; this node abstains',
      'the venues give a price',
    ])
    expect(lines[1]?.[1]).to.deep.equal({
      reason: 'TOO_FEW_SOURCES',
      pair: 'IO/USDT',
      sources: ['IO/USDT 2'],
      dropped: ['binance IO/USDT STALE'],
      changes: 1,
    })
  })

  it('are few when reasons alternate every round, and tell how often they did', async () => {
    const { clock, lines, see } = logged()
    see('priced')
    for (let round = 0; round < 300; round += 1) {
      await clock.advance(100)
      see(round % 2 === 0 ? 'stale' : 'apart')
    }
    expect(lines.length).to.be.within(3, 4)
    const changes = lines.slice(2).map(([, fields]) => (fields as { changes: number }).changes)
    for (const count of changes) expect(count).to.be.within(99, 102)
  })

  it('end with how it is, when it was too soon to tell', async () => {
    const { clock, lines, see } = logged()
    for (const name of ['priced', 'stale', 'priced', 'stale'] as const) see(name)
    expect(lines).to.have.length(1)
    await clock.advance(SAY_AGAIN_MS)
    see('stale')
    expect(lines.at(-1)?.[0]).to.equal('the venues give no price; this node abstains')
    expect(lines.at(-1)?.[1]).to.deep.include({ changes: 3 })
  })

  it('say nothing of a node that begins without prices', () => {
    const { lines, see } = logged()
    see('stale')
    see('stale')
    expect(lines).to.deep.equal([])
  })
})
