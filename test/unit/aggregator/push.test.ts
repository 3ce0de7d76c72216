import { expect } from 'chai'
import type { TransactionReceipt } from 'viem'
import {
  isFreshEnough,
  mayPush,
  type PushRules,
  pushReason,
  requiredDeviationBps,
} from '../../../aggregator/push/policy.ts'
import { type PushCall, Pusher, type PusherDeps } from '../../../aggregator/push/pusher.ts'
import type { AskedFor } from '../../../chain/transactor.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { packReport, type Report } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { FEED_ID } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

/** Aggregator 0 of two and of three has the turn that begins then. */
const TURN_0_SEC = 1_699_999_920
/** Ten seconds into that turn. */
const ROUND = asRound((TURN_0_SEC + 10) * 10)
const RECEIPT = { transactionHash: '0xabc' } as unknown as TransactionReceipt
const GWEI = 1_000_000_000n
const RULES: PushRules = {
  deviationBps: 50,
  heartbeatSec: 60,
  heartbeatSlackSec: 20,
  comfortableBaseFee: 20n * GWEI,
  maxDeviationFactor: 4,
  handoverSec: 3,
  turnSec: 30,
  maxAgeSec: 30,
}

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
  const reason = (report: Report, onChain: Report | undefined, baseFee = 0n) =>
    pushReason(report, onChain, baseFee, RULES)

  it('is that there is none yet, whatever gas costs', () => {
    expect(reason(aReport(), undefined)).to.equal('FIRST')
    expect(reason(aReport(), undefined, 10_000n * GWEI)).to.equal('FIRST')
  })

  it('is that it moved by the deviation, in either direction', () => {
    expect(reason(aReport('0.25125', 1), aReport('0.25'))).to.equal('DEVIATION')
    expect(reason(aReport('0.24875', 1), aReport('0.25'))).to.equal('DEVIATION')
    expect(reason(aReport('0.2512', 1), aReport('0.25'))).to.equal(undefined)
  })

  it('is that the one on chain is as old as the heartbeat', () => {
    expect(reason(aReport('0.25', 59), aReport())).to.equal(undefined)
    expect(reason(aReport('0.25', 60), aReport())).to.equal('HEARTBEAT')
  })

  it('is never there for a report that the contract would not take', () => {
    expect(reason(aReport('9', 0), aReport('0.25', 0))).to.equal(undefined)
    expect(reason(aReport('9', 0), aReport('0.25', 1))).to.equal(undefined)
    expect(reason(aReport('9', 1, { observedAt: ROUND / 10 - 1 }), aReport())).to.equal(undefined)
  })

  it('takes a larger deviation the dearer gas is, up to a cap', () => {
    const required = [0n, 20n, 21n, 30n, 80n, 1_000n].map(fee => requiredDeviationBps(fee * GWEI, RULES))
    expect(required).to.deep.equal([50n, 50n, 53n, 75n, 200n, 200n])
    expect(reason(aReport('0.2515', 1), aReport(), 20n * GWEI)).to.equal('DEVIATION')
    expect(reason(aReport('0.2515', 1), aReport(), 30n * GWEI)).to.equal(undefined)
    expect(reason(aReport('0.251875', 1), aReport(), 30n * GWEI)).to.equal('DEVIATION')
    expect(reason(aReport('0.255', 1), aReport(), 1_000n * GWEI)).to.equal('DEVIATION')
  })

  it('takes the whole cap where no gas price is comfortable', () => {
    expect(requiredDeviationBps(1n, { ...RULES, comfortableBaseFee: 0n })).to.equal(200n)
    expect(requiredDeviationBps(0n, { ...RULES, comfortableBaseFee: 0n })).to.equal(50n)
  })

  it('lets a heartbeat wait for cheaper gas as long as its slack allows, and no longer', () => {
    expect(reason(aReport('0.25', 60), aReport(), 21n * GWEI)).to.equal(undefined)
    expect(reason(aReport('0.25', 70), aReport(), 20n * GWEI)).to.equal('HEARTBEAT')
    expect(reason(aReport('0.25', 79), aReport(), 1_000n * GWEI)).to.equal(undefined)
    expect(reason(aReport('0.25', 80), aReport(), 1_000n * GWEI)).to.equal('HEARTBEAT')
  })
})

describe('the age at which a report is not sent any more', () => {
  it('leaves a block of time before the contract refuses it', () => {
    const fresh = (ageSec: number, maxAgeSec = 30) =>
      isFreshEnough(aReport(), ROUND / 10 + ageSec, { maxAgeSec })
    expect([0, 18, 18.1, 30].map(age => fresh(age))).to.deep.equal([true, true, false, false])
    expect([5, 5.1].map(age => fresh(age, 10))).to.deep.equal([true, false])
  })
})

describe('the turn at putting prices on chain', () => {
  /** The first due report is of that second of a turn 0. */
  const since = (sec: number): Report => aReport('0.25', 0, { round: asRound((TURN_0_SEC + sec) * 10) })
  const may = (
    index: number,
    dueSec: number,
    nowSec = dueSec,
    aggregators = 3,
    perhapsOlder = false,
  ): boolean =>
    mayPush(index, aggregators, { since: since(dueSec), perhapsOlder }, (TURN_0_SEC + nowSec) * 1_000, RULES)

  it('goes round, one aggregator after the other', () => {
    const first = (index: number): number[] => [10, 40, 70, 100].filter(sec => may(index, sec))
    expect([first(0), first(1), first(2)]).to.deep.equal([[10, 100], [40], [70]])
  })

  it('passes on to the next one when an update has been due for so long', () => {
    expect([may(1, 10, 12.9), may(1, 10, 13)]).to.deep.equal([false, true])
    expect([may(2, 10, 15.9), may(2, 10, 16)]).to.deep.equal([false, true])
  })

  it('stays with whose turn it was when the update became due', () => {
    expect([may(0, 29.5, 31), may(1, 29.5, 31), may(1, 29.5, 32.5)]).to.deep.equal([true, false, true])
  })

  it('begins late for what became due right after the change, which the one before may have begun', () => {
    expect([may(1, 30, 30), may(1, 30, 32.9), may(1, 30, 33)]).to.deep.equal([false, false, true])
    expect([may(2, 30, 33), may(2, 30, 36)]).to.deep.equal([false, true])
    expect(may(1, 33, 33)).to.equal(true)
  })

  it('begins late for what may have been due before it was seen, after all others', () => {
    expect([may(0, 10, 18.9, 3, true), may(0, 10, 19, 3, true)]).to.deep.equal([false, true])
  })

  it('is always that of an aggregator alone', () => {
    expect([0, 29, 30, 1_000].every(sec => may(0, sec, sec, 1))).to.equal(true)
  })

  it('gives every update to exactly one aggregator first', () => {
    for (let sec = 0; sec < 90; sec += 0.5) {
      const earliest = [0, 1, 2].map(index => [0, 3, 6, 9].findIndex(waited => may(index, sec, sec + waited)))
      const [quickest, next] = earliest.toSorted((a, b) => a - b)
      expect(quickest, `due at ${sec}: ${earliest}`).to.be.lessThan(next ?? 0)
    }
  })
})

describe('the pusher', () => {
  let clock: FakeClock
  let onChain: Report | undefined
  let pending: Report | undefined
  let baseFee: bigint
  let outcomes: string[]
  let sent: CertifiedReport[]
  let asked: AskedFor
  let deliver: (call: PushCall) => Promise<void>
  let readOnChain: PusherDeps['readOnChain']

  const create = (index = 0, aggregators = 2): Pusher =>
    new Pusher(
      { index, aggregators: () => aggregators, rules: RULES },
      {
        clock,
        logger: recordLogger(),
        readOnChain: block => readOnChain(block),
        readBaseFee: async () => baseFee,
        callOf: report => ({ address: '0x01', abi: [], functionName: 'update', args: [report] }),
        send: async wanted => {
          const call = await wanted(asked)
          if (call === undefined) return { kind: 'unsent' }
          await deliver(call)
          return { kind: 'mined', call, receipt: RECEIPT }
        },
        count: outcome => outcomes.push(outcome),
      },
    )
  const offer = async (pusher: Pusher, report: Report): Promise<void> => {
    pusher.offer(certified(report))
    await pusher.idle()
  }

  beforeEach(() => {
    clock = new FakeClock(ROUND * 100)
    onChain = undefined
    pending = undefined
    baseFee = 0n
    outcomes = []
    sent = []
    asked = { waiting: false }
    readOnChain = async block => (block === 'pending' ? (pending ?? onChain) : onChain)
    deliver = async call => {
      sent.push(call.args[0] as CertifiedReport)
    }
  })

  /** One that has followed the reports for so long that it knows when an update became due. */
  const watching = async (index = 0): Promise<Pusher> => {
    const pusher = create(index)
    for (const sec of [-4, -2]) {
      pusher.offer(certified(aReport('0.25', sec)))
      await pusher.idle()
    }
    return pusher
  }

  it('leaves what is due to the others when it has just come back, and sends it when nobody did', async () => {
    onChain = aReport('0.25', -5)
    const pusher = create()
    await offer(pusher, aReport('0.26'))
    await clock.advance(3_000)
    await offer(pusher, aReport('0.26', 3))
    expect(sent).to.deep.equal([])
    await clock.advance(3_000)
    await offer(pusher, aReport('0.26', 6))
    expect(outcomes).to.deep.equal(['DEVIATION'])
  })

  it('begins to wait anew when another update has become due', async () => {
    onChain = aReport('0.25', -5)
    const pusher = await watching(1)
    await offer(pusher, aReport('0.26'))
    onChain = aReport('0.26')
    await clock.advance(3_000)
    await offer(pusher, aReport('0.27', 3))
    expect(sent).to.deep.equal([])
    await clock.advance(3_000)
    await offer(pusher, aReport('0.27', 6))
    expect(outcomes).to.deep.equal(['DEVIATION'])
  })

  it('does not go back to a report of an earlier round that comes late', async () => {
    onChain = aReport('0.25', -5)
    const pusher = await watching()
    await offer(pusher, aReport('0.25', 1))
    await offer(pusher, aReport('0.3', 0))
    expect(sent).to.deep.equal([])
    await offer(pusher, aReport('0.3', 2))
    expect(sent).to.deep.equal([certified(aReport('0.3', 2))])
  })

  it('sends a due report and counts why', async () => {
    await offer(create(), aReport())
    expect({ sent, outcomes }).to.deep.equal({ sent: [certified(aReport())], outcomes: ['FIRST'] })
  })

  it('sends nothing when what is on chain is good enough', async () => {
    onChain = aReport()
    await offer(create(), aReport('0.25', 1))
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: [] })
  })

  it('lets a deviation wait while gas is dear', async () => {
    onChain = aReport()
    baseFee = 40n * GWEI
    const pusher = await watching()
    await offer(pusher, aReport('0.252', 1))
    expect(sent).to.deep.equal([])
    baseFee = 20n * GWEI
    await offer(pusher, aReport('0.252', 2))
    expect(outcomes).to.deep.equal(['DEVIATION'])
  })

  it('sends nothing when another price is on chain by the time it would sign', async () => {
    const pusher = create()
    readOnChain = async block => (block === 'pending' ? aReport('0.25', 5) : undefined)
    await offer(pusher, aReport())
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: ['UNSENT'] })
  })

  it('looks past its own transaction that waits for a block', async () => {
    asked = { waiting: true }
    pending = aReport('0.25', 0)
    await offer(create(), aReport('0.25', 1))
    expect(outcomes).to.deep.equal(['FIRST'])
  })

  it('reads the newest block where the endpoint knows no pending one', async () => {
    readOnChain = async block => {
      if (block === 'pending') throw new Error('unsupported')
      return undefined
    }
    await offer(create(), aReport())
    expect(outcomes).to.deep.equal(['FIRST'])
  })

  it('signs the newest report there is, not the one it began with', async () => {
    const signing = Promise.withResolvers<void>()
    readOnChain = async () => {
      await signing.promise
      return undefined
    }
    const pusher = create()
    pusher.offer(certified(aReport()))
    pusher.offer(certified(aReport('0.3', 1)))
    signing.resolve()
    await pusher.idle()
    expect(sent).to.deep.equal([certified(aReport('0.3', 1))])
  })

  it('signs none that would be too old in a block', async () => {
    const pusher = create()
    clock.busy(19_000)
    await offer(pusher, aReport())
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: ['UNSENT'] })
  })

  it('passes over newer reports while one is being sent', async () => {
    const mined = Promise.withResolvers<void>()
    deliver = async call => {
      sent.push(call.args[0] as CertifiedReport)
      await mined.promise
    }
    const pusher = create()
    pusher.offer(certified(aReport()))
    await clock.advance(0)
    pusher.offer(certified(aReport('0.4', 2)))
    mined.resolve()
    await pusher.idle()
    expect(sent).to.deep.equal([certified(aReport())])
  })

  it('leaves a due report to whose turn it is, and sends it when nobody did', async () => {
    const pusher = create(1)
    await offer(pusher, aReport('0.25', 0))
    expect(sent).to.deep.equal([])
    await clock.advance(2_000)
    await offer(pusher, aReport('0.25', 2))
    expect(sent).to.deep.equal([])
    await clock.advance(1_000)
    await offer(pusher, aReport('0.25', 3))
    expect(sent).to.deep.equal([certified(aReport('0.25', 3))])
  })

  it('waits anew once another has sent it', async () => {
    const pusher = create(1)
    await offer(pusher, aReport())
    onChain = aReport()
    await offer(pusher, aReport('0.25', 1))
    await clock.advance(7_000)
    await offer(pusher, aReport('0.3', 7))
    expect(sent).to.deep.equal([])
  })

  it('counts a failure and tries the next report', async () => {
    const good = deliver
    deliver = async () => {
      throw new Error('nobody takes it')
    }
    const pusher = create()
    await offer(pusher, aReport())
    deliver = good
    await offer(pusher, aReport('0.25', 1))
    expect(outcomes).to.deep.equal(['FAILED', 'FIRST'])
  })

  it('survives a chain that cannot be read', async () => {
    readOnChain = async () => {
      throw new Error('no endpoint')
    }
    await offer(create(), aReport())
    expect({ sent, outcomes }).to.deep.equal({ sent: [], outcomes: ['FAILED'] })
  })
})
