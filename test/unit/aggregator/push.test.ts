import { expect } from 'chai'
import { mayPush, pushReason } from '../../../aggregator/push/policy.ts'
import { Pusher, type PusherDeps } from '../../../aggregator/push/pusher.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { packReport, type Report } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { FEED_ID, ROUND } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const RULES = { deviationBps: 50, heartbeatSec: 60, handoverSec: 3, turnSec: 30 }

function aReport(price = '0.25', rounds = 0, fields: Partial<Report> = {}): Report {
  return {
    price: parseDecimal(price) as Price,
    confidence: 10,
    observedAt: ROUND / 10 + rounds,
    round: asRound(ROUND + 10 * rounds),
    ...fields,
  }
}

function certified(report: Report): CertifiedReport {
  const certificate = { kind: 'group', signature: { r: '0x01', s: 1n } } as const
  return { keyEpoch: 1, feedId: FEED_ID, word: packReport(report), certificate }
}

describe('the reason to put a price on chain', () => {
  it('is that there is none yet', () => {
    expect(pushReason(aReport(), undefined, RULES)).to.equal('FIRST')
  })

  it('is that it moved by the deviation, in either direction', () => {
    expect(pushReason(aReport('0.25125', 1), aReport('0.25'), RULES)).to.equal('DEVIATION')
    expect(pushReason(aReport('0.24875', 1), aReport('0.25'), RULES)).to.equal('DEVIATION')
    expect(pushReason(aReport('0.2512', 1), aReport('0.25'), RULES)).to.equal(undefined)
  })

  it('is that the one on chain is as old as the heartbeat', () => {
    expect(pushReason(aReport('0.25', 59), aReport(), RULES)).to.equal(undefined)
    expect(pushReason(aReport('0.25', 60), aReport(), RULES)).to.equal('HEARTBEAT')
  })

  it('is never there for a round that is not above the one on chain', () => {
    expect(pushReason(aReport('9', 0), aReport('0.25', 0), RULES)).to.equal(undefined)
    expect(pushReason(aReport('9', 0), aReport('0.25', 1), RULES)).to.equal(undefined)
  })
})

describe('the turn at putting prices on chain', () => {
  it('goes round, one aggregator after the other', () => {
    const first = (index: number): number[] => [0, 30, 60, 90].filter(sec => mayPush(index, 3, sec, 0, RULES))
    expect([first(0), first(1), first(2)]).to.deep.equal([[0, 90], [30], [60]])
  })

  it('passes on to the next one when an update has been due for so long', () => {
    expect(mayPush(1, 3, 0, 2.9, RULES)).to.equal(false)
    expect(mayPush(1, 3, 0, 3, RULES)).to.equal(true)
    expect(mayPush(2, 3, 0, 5.9, RULES)).to.equal(false)
    expect(mayPush(2, 3, 0, 6, RULES)).to.equal(true)
  })

  it('is always that of an aggregator alone', () => {
    expect([0, 29, 30, 1_000].every(sec => mayPush(0, 1, sec, 0, RULES))).to.equal(true)
  })
})

describe('the pusher', () => {
  let clock: FakeClock
  let onChain: Report | undefined
  let sent: CertifiedReport[]
  let outcomes: string[]
  let send: PusherDeps['send']
  let readOnChain: PusherDeps['readOnChain']

  const create = (index = 0, aggregators = 2): Pusher =>
    new Pusher(
      { index, aggregators: () => aggregators, rules: RULES },
      {
        clock,
        logger: recordLogger(),
        readOnChain: () => readOnChain(),
        send: (report, signal) => send(report, signal),
        count: outcome => outcomes.push(outcome),
      },
    )

  beforeEach(() => {
    clock = new FakeClock(60_000_000)
    onChain = undefined
    sent = []
    outcomes = []
    readOnChain = async () => onChain
    send = async report => {
      sent.push(report)
      return '0xabc'
    }
  })

  it('sends a due report and counts why', async () => {
    const pusher = create()
    const report = certified(aReport())
    pusher.offer(report)
    await pusher.idle()
    expect({ sent, outcomes }).to.deep.equal({ sent: [report], outcomes: ['FIRST'] })
  })

  it('sends nothing when what is on chain is good enough', async () => {
    onChain = aReport()
    const pusher = create()
    pusher.offer(certified(aReport('0.25', 1)))
    await pusher.idle()
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: [] })
  })

  it('passes over newer reports while one is being sent', async () => {
    const mined = Promise.withResolvers<string>()
    send = report => {
      sent.push(report)
      return mined.promise
    }
    const pusher = create()
    pusher.offer(certified(aReport()))
    pusher.offer(certified(aReport('0.3', 1)))
    await clock.advance(0)
    pusher.offer(certified(aReport('0.4', 2)))
    mined.resolve('0xabc')
    await pusher.idle()
    expect(sent).to.deep.equal([certified(aReport())])
  })

  it('leaves a due report to whose turn it is, and sends it when nobody did', async () => {
    const pusher = create(1)
    pusher.offer(certified(aReport('0.25', 0)))
    await pusher.idle()
    expect(sent).to.deep.equal([])
    await clock.advance(3_000)
    pusher.offer(certified(aReport('0.25', 3)))
    await pusher.idle()
    expect(sent).to.deep.equal([certified(aReport('0.25', 3))])
  })

  it('waits anew once another has sent it', async () => {
    const pusher = create(1)
    pusher.offer(certified(aReport()))
    await pusher.idle()
    onChain = aReport()
    pusher.offer(certified(aReport('0.25', 1)))
    await pusher.idle()
    await clock.advance(4_000)
    pusher.offer(certified(aReport('0.3', 4)))
    await pusher.idle()
    expect(sent).to.deep.equal([])
  })

  it('counts a failure and tries the next report', async () => {
    const good = send
    send = async () => {
      throw new Error('nobody takes it')
    }
    const pusher = create()
    pusher.offer(certified(aReport()))
    await pusher.idle()
    send = good
    pusher.offer(certified(aReport('0.25', 1)))
    await pusher.idle()
    expect(outcomes).to.deep.equal(['FAILED', 'FIRST'])
  })

  it('survives a chain that cannot be read', async () => {
    readOnChain = async () => {
      throw new Error('no endpoint')
    }
    const pusher = create()
    pusher.offer(certified(aReport()))
    await pusher.idle()
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: ['FAILED'] })
  })
})
