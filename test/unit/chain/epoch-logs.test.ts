import { expect } from 'chai'
import { NOTHING_PENDING, readEpochs, standInFor } from '../../../chain/settlement/epoch-logs.ts'
import type { FollowedLog } from '../../../chain/settlement/events.ts'
import { NOTHING_SETTLED, totalsOf } from '../../../chain/settlement/types.ts'
import type { EpochReport } from '../../../protocol/epoch/report.ts'

const first: EpochReport = {
  ...standInFor(0, NOTHING_SETTLED),
  rewardRoot: `0x${'11'.repeat(32)}`,
  debitRoot: `0x${'22'.repeat(32)}`,
  hiredPaid: 3n,
  cumulativeRewards: 3n,
  cumulativeDebitIo: 4n,
}

function log(eventName: string, args: object): FollowedLog {
  return { eventName, args, transactionHash: '0x01', blockNumber: 7n } as unknown as FollowedLog
}

function staged(report: EpochReport): FollowedLog {
  const { epoch, attempt, snapshotBlock } = report
  const args = { ...report, epoch: BigInt(epoch), snapshotBlock: BigInt(snapshotBlock) }
  return log('EpochStaged', { epoch: BigInt(epoch), attempt, activatesAt: 9n, report: args })
}

/** The three events of an activation. */
function activated(reserve: bigint): FollowedLog[] {
  return [
    log('EpochMinted', { scheduled: 10n }),
    log('NetEmissionMinted', { net: 2n }),
    log('RewardsPosted', { reserve, released: 1n, added: 0n }),
  ]
}

const vetoed = (attempt: number): FollowedLog => log('EpochVetoed', { epoch: 0n, attempt })
const emptied = (epoch: bigint): FollowedLog => log('EpochEmptied', { epoch })

describe('the events of epochs', () => {
  it('show a staged report, and the attempt that would have to follow it', () => {
    const { pending } = readEpochs(NOTHING_PENDING, [staged({ ...first, attempt: 2 })])
    expect(pending).to.deep.equal({
      totals: NOTHING_SETTLED,
      owedFrom: 0,
      nextAttempt: 3,
      report: { ...first, attempt: 2 },
    })
  })

  it('show that a vetoed report is staged no more, and that its attempt is spent', () => {
    const { settled, pending } = readEpochs(NOTHING_PENDING, [staged(first), vetoed(0)])
    expect(settled).to.deep.equal([])
    expect(pending).to.deep.equal({ totals: NOTHING_SETTLED, owedFrom: 0, nextAttempt: 1 })
  })

  it('tell of the report that became active, not of one that was vetoed before it', () => {
    const again = { ...first, attempt: 1, hiredPaid: 5n }
    const logs = [staged(first), vetoed(0), staged(again), ...activated(7n)]
    const { settled, pending } = readEpochs(NOTHING_PENDING, logs)
    expect(settled.map(({ report, emptied: isEmpty }) => [report, isEmpty])).to.deep.equal([[again, false]])
    expect(pending).to.deep.equal({ totals: totalsOf(again), owedFrom: 1, nextAttempt: 0 })
  })

  it('tell of an emptied epoch with the roots and totals of before, and all of its pool in the reserve', () => {
    const logs = [
      staged(first),
      ...activated(9n),
      emptied(1n),
      ...activated(21n),
      emptied(2n),
      ...activated(33n),
    ]
    const { settled, pending } = readEpochs(NOTHING_PENDING, logs)
    expect(settled.map(({ report }) => report)).to.deep.equal([
      first,
      standInFor(1, totalsOf(first)),
      standInFor(2, totalsOf(first)),
    ])
    expect(settled[1]).to.include({ emptied: true, reserveBefore: 9n, reserveAfter: 21n })
    expect(pending).to.deep.equal({ totals: totalsOf(first), owedFrom: 1, nextAttempt: 0 })
  })

  it('are read on from where the last ones ended', () => {
    const logs = [
      staged(first),
      ...activated(9n),
      staged({ ...first, epoch: 1 }),
      vetoed(0),
      emptied(1n),
      ...activated(21n),
    ]
    const whole = readEpochs(NOTHING_PENDING, logs)
    for (let at = 0; at <= logs.length; at++) {
      const before = readEpochs(NOTHING_PENDING, logs.slice(0, at))
      const after = readEpochs(before.pending, logs.slice(at))
      expect([...before.settled, ...after.settled]).to.deep.equal(whole.settled)
      expect(after.pending).to.deep.equal(whole.pending)
    }
  })
})
