import { expect } from 'chai'
import type { AuditRecord, EpochLock } from '../../../../oracle-node/auditing/audit-store.ts'
import { type DoubtReason, StageWatch } from '../../../../oracle-node/auditing/stage-watch.ts'
import type { EpochReport } from '../../../../protocol/epoch/report.ts'
import { hash } from '../../../support/epoch/cast.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { recordLogger } from '../../../support/network/record-logger.ts'
import { FakeClock } from '../../../support/runtime/fake-clock.ts'

const { report } = caseOf()
const digestOf = ({ epoch, attempt, bundleHash }: EpochReport) => hash(`${epoch} ${attempt} ${bundleHash}`)

describe('a node that watches what is staged', () => {
  let staged: EpochReport | undefined
  let nextEpoch: number
  let lock: EpochLock | undefined
  let audit: AuditRecord | undefined
  let judging: boolean
  let clock: FakeClock
  let logger: ReturnType<typeof recordLogger>
  let told: (DoubtReason | undefined)[]
  let watch: StageWatch

  const locked = (of: EpochReport): EpochLock => ({
    ...{ digest: digestOf(of), keyEpoch: 1, bundleHash: of.bundleHash },
  })
  const judged = (outcome: AuditRecord['outcome']): AuditRecord => ({
    ...{ epoch: report.epoch, attempt: 0, digest: digestOf(report), outcome, atMs: 1 },
    ...{
      code: outcome === 'refused' ? 'BURNED' : null,
      text: outcome === 'refused' ? 'a wei too much' : null,
    },
  })
  const levels = () => logger.lines.map(({ level }) => level)

  beforeEach(() => {
    staged = report
    nextEpoch = report.epoch
    lock = undefined
    audit = undefined
    judging = false
    clock = new FakeClock(1_000)
    logger = recordLogger()
    told = []
    watch = new StageWatch({
      ...{ clock, logger, digestOf },
      chain: {
        settlement: () =>
          ({ nextEpoch, staged }) as ReturnType<
            ConstructorParameters<typeof StageWatch>[0]['chain']['settlement']
          >,
      },
      store: { lockOf: () => lock, auditOf: () => audit },
      isJudging: () => judging,
      doubted: why => told.push(why),
    })
  })

  it('says nothing of what it has signed, nor when nothing is staged', () => {
    lock = locked(report)
    clock.busy(60_000)
    watch.look()
    staged = undefined
    watch.look()
    expect([watch.doubt(), told, logger.lines]).to.deep.equal([undefined, [], []])
  })

  it('says at once, and once, that it has refused it, why, and what can be done', () => {
    audit = judged('refused')
    watch.look()
    watch.look()
    expect(watch.doubt()).to.deep.equal({
      ...{ epoch: report.epoch, attempt: 0, digest: digestOf(report) },
      ...{ why: 'REFUSED', code: 'BURNED', text: 'a wei too much' },
    })
    expect(told).to.deep.equal(['REFUSED'])
    expect(levels()).to.deep.equal(['error'])
    expect(logger.lines[0]?.sentence).to.include('ionet emergency sign veto')
    expect(logger.lines[0]?.fields).to.include({ why: 'REFUSED', bundleHash: report.bundleHash })
  })

  it('says that it has signed another report of the attempt', () => {
    lock = locked({ ...report, bundleHash: hash('another') })
    watch.look()
    expect(watch.doubt()?.why).to.equal('OTHER_SIGNED')
  })

  it('gives its own audit the time that it takes before it says that nobody asked it', () => {
    watch.look()
    clock.busy(29_999)
    watch.look()
    expect(watch.doubt()).to.equal(undefined)
    clock.busy(1)
    judging = true
    watch.look()
    expect(watch.doubt(), 'it is being checked').to.equal(undefined)
    judging = false
    watch.look()
    expect(watch.doubt()?.why).to.equal('NOT_AUDITED')
    staged = { ...report, attempt: 1 }
    watch.look()
    expect(watch.doubt(), 'another one has its own time').to.equal(undefined)
  })

  it('takes its word back when it has found it right after all', () => {
    clock.busy(1)
    watch.look()
    clock.busy(30_000)
    watch.look()
    lock = locked(report)
    watch.look()
    expect(watch.doubt()).to.equal(undefined)
    expect(told).to.deep.equal(['NOT_AUDITED', undefined])
    expect(levels()).to.deep.equal(['error', 'info'])
  })

  it('says how it ended: vetoed, or active all the same', () => {
    audit = judged('refused')
    watch.look()
    staged = undefined
    watch.look()
    expect(levels()).to.deep.equal(['error', 'warn'])
    staged = report
    watch.look()
    staged = undefined
    nextEpoch += 1
    watch.look()
    expect(levels()).to.deep.equal(['error', 'warn', 'error', 'error'])
    expect(told).to.deep.equal(['REFUSED', undefined, 'REFUSED', undefined])
  })
})
