import { expect } from 'chai'
import { type SettledEpoch, totalsOf } from '../../../../chain/settlement/types.ts'
import type { Hash } from '../../../../protocol/bytes.ts'
import { openEpoch } from '../../../../protocol/epoch/machine.ts'
import type { EpochReport } from '../../../../protocol/epoch/report.ts'
import {
  createEpochStore,
  EPOCH_MIGRATIONS,
  type EpochStore,
} from '../../../../relayer/epochs/epoch-store.ts'
import { type Done, type EpochDuties, EpochRunner } from '../../../../relayer/epochs/runner.ts'
import { createMetrics } from '../../../../runtime/metrics.ts'
import { openDatabase, type SqliteDatabase } from '../../../../runtime/sqlite.ts'
import { hash, network } from '../../../support/epoch/cast.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { recordLogger } from '../../../support/network/record-logger.ts'
import { FakeClock } from '../../../support/runtime/fake-clock.ts'

const START = 1_800_000_000
const LENGTH = 40
const GRACE = 6
const VALID = 120
const { report: REPORT } = caseOf()
const endOf = (epoch: number) => START + (epoch + 1) * LENGTH

/** A chain that shows what a test lets it show. */
class PaperChain {
  readonly clock = { startSec: START, lengthSec: LENGTH }
  readonly active: SettledEpoch[] = []
  nextAttempt = 0
  staged: EpochReport | undefined
  nowSec = START
  finalLag = 0

  refresh = async (): Promise<void> => {}
  head = () => {
    const block = {
      number: this.nowSec,
      hash: hash(`block ${this.nowSec}`),
      timestampSec: this.nowSec,
      finalised: false,
    }
    const sec = this.nowSec - this.finalLag
    return { latest: block, final: { ...block, number: sec, timestampSec: sec, finalised: true } }
  }
  settlement = () => ({
    nextEpoch: this.active.length,
    nextAttempt: this.nextAttempt,
    owedFrom: this.active.findLastIndex(({ emptied }) => !emptied) + 1,
    reserve: 0n,
    previous: totalsOf(REPORT),
    staged: this.staged,
  })
  findSettled = async (epoch: number) => this.active[epoch]

  settle(report: EpochReport): void {
    this.nextAttempt = 0
    this.active.push({ ...this.#close(), report, emptied: false })
  }

  empty(): void {
    this.nextAttempt = 0
    const report = { ...REPORT, epoch: this.active.length, bundleHash: hash('nothing') }
    this.active.push({ ...this.#close(), report, emptied: true })
  }

  #close() {
    return {
      ...{ reserveBefore: 0n, reserveAfter: 0n, scheduled: 0n, net: 0n, released: 0n, added: 0n },
      txHash: hash(`transaction of ${this.active.length}`),
      blockNumber: this.nowSec,
      timestampSec: this.nowSec,
    }
  }
}

class Killed extends Error {}

describe('the runner of epochs', () => {
  let database: SqliteDatabase
  let store: EpochStore
  let chain: PaperChain
  let clock: FakeClock
  let done: string[]
  let logger: ReturnType<typeof recordLogger>
  let duties: EpochDuties
  let runner: EpochRunner

  const reportOf = (epoch: number, attempt: number): EpochReport => ({
    ...REPORT,
    epoch,
    attempt,
    validUntil: chain.nowSec + VALID,
    bundleHash: hash(`bundle ${epoch} ${attempt}`),
  })
  const honest = (): EpochDuties => ({
    compute: async ({ state: { epoch, attempt } }) => {
      done.push(`compute ${epoch} ${attempt}`)
      if (chain.settlement().nextEpoch !== epoch) return undefined
      const report = reportOf(epoch, attempt)
      return { event: { type: 'computed', bundleHash: report.bundleHash }, details: { report } }
    },
    publish: async ({ state }) => {
      done.push(`publish ${state.epoch}`)
      return { event: { type: 'copied', copies: 3 } }
    },
    collect: async ({ state, report }) => {
      done.push(`collect ${state.epoch}`)
      return { event: { type: 'certified', validUntilSec: report?.validUntil ?? 0 } }
    },
    stage: async ({ state, report }) => {
      done.push(`stage ${state.epoch}`)
      if (report !== undefined && chain.settlement().nextEpoch === state.epoch) chain.settle(report)
      return { event: { type: 'activated' } }
    },
    activate: async () => undefined,
    announce: async ({ report }) => {
      done.push(`announce ${report.epoch}`)
      return {}
    },
    prune: epoch => {
      done.push(`prune ${epoch}`)
    },
  })
  const started = (): EpochRunner =>
    new EpochRunner(
      { sealGraceSec: GRACE },
      {
        clock,
        logger,
        metrics: createMetrics({ processMetrics: false }),
        store,
        chain,
        membership: () => network.membership,
        duties,
      },
    )
  const turn = (): Promise<void> => runner.turn(new AbortController().signal)
  const phaseOf = (epoch: number) => {
    const state = store.state(epoch)
    return state === undefined ? undefined : `${state.phase} ${state.attempt}`
  }

  beforeEach(() => {
    database = openDatabase(':memory:', EPOCH_MIGRATIONS)
    store = createEpochStore(database)
    chain = new PaperChain()
    clock = new FakeClock()
    done = []
    logger = recordLogger()
    duties = honest()
    runner = started()
  })
  afterEach(() => database.close())

  it('does nothing to an epoch before its grace is over, by the time of final blocks', async () => {
    chain.nowSec = endOf(0) + GRACE + 3
    chain.finalLag = 4
    await turn()
    expect(phaseOf(0)).to.equal('open 0')
    expect(done).to.deep.equal([])
  })

  it('brings an epoch from open to final in one turn, and notes when it did what', async () => {
    await turn()
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(done).to.deep.equal(['compute 0 0', 'publish 0', 'collect 0', 'stage 0', 'announce 0', 'prune 0'])
    const record = store.record(0)
    expect(record?.steps[0]).to.deep.equal({ phase: 'open', atSec: START })
    expect(record?.steps.map(({ phase }) => phase)).to.deep.equal([
      'open',
      'sealed',
      'computed',
      'published',
      'certified',
      'active',
      'final',
    ])
    expect(record?.txHash).to.equal(hash('transaction of 0'))
    expect(record?.settledAtSec).to.equal(chain.nowSec)
    await turn()
    expect(done.length).to.equal(6)
  })

  it('settles what an outage has left strictly in order, each epoch for itself', async () => {
    chain.nowSec = endOf(3) + GRACE
    await turn()
    expect(done.filter(what => what.startsWith('stage'))).to.deep.equal([
      'stage 0',
      'stage 1',
      'stage 2',
      'stage 3',
    ])
    expect([0, 1, 2, 3, 4].map(phaseOf)).to.deep.equal(['final 0', 'final 0', 'final 0', 'final 0', 'open 0'])
    // An epoch is computed from what the one before has left.
    expect(done.indexOf('announce 2')).to.be.below(done.lastIndexOf('compute 3 0'))
  })

  it('seals later epochs in time while an earlier one cannot be settled', async () => {
    duties.collect = async () => undefined
    chain.nowSec = endOf(1) + GRACE
    await turn()
    expect([0, 1, 2].map(phaseOf)).to.deep.equal(['published 0', 'sealed 0', 'open 0'])
    expect(done).to.include('compute 1 0')
  })

  for (const effect of ['compute', 'publish', 'collect', 'stage', 'announce'] as const) {
    it(`goes on after a crash in the middle of ${effect}`, async () => {
      chain.nowSec = endOf(0) + GRACE
      const whole = duties[effect] as (...args: unknown[]) => Promise<Done | undefined>
      const controller = new AbortController()
      duties = {
        ...duties,
        [effect]: async (...args: unknown[]) => {
          // What the effect does is done; the state that would follow is never stored.
          await whole(...args)
          controller.abort(new Killed())
          throw new Killed()
        },
      }
      runner = started()
      const killed = await runner.turn(controller.signal).then(
        () => undefined,
        error => error,
      )
      expect(killed).to.be.instanceOf(Killed)

      duties = honest()
      runner = started()
      await turn()
      expect(phaseOf(0)).to.equal('final 0')
      expect(chain.active.map(({ report }) => report.epoch)).to.deep.equal([0])
    })
  }

  it('has stored a state before it does what follows from it', async () => {
    const seen: (string | undefined)[] = []
    const noting =
      (effect: 'compute' | 'publish' | 'collect' | 'stage'): EpochDuties['compute'] =>
      async (record, signal) => {
        seen.push(phaseOf(0))
        return honest()[effect](record, signal)
      }
    duties = {
      ...duties,
      compute: noting('compute'),
      publish: noting('publish'),
      collect: noting('collect'),
      stage: noting('stage'),
    }
    runner = started()
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(seen).to.deep.equal(['sealed 0', 'computed 0', 'published 0', 'certified 0'])
  })

  it('tells after a start what the last active epoch has left, once', async () => {
    chain.nowSec = endOf(0) + GRACE
    await turn()
    done = []
    runner = started()
    await turn()
    await turn()
    expect(done).to.deep.equal(['announce 0'])
  })

  it('makes another attempt when a quorum refuses, and pauses when it is refused again and again', async () => {
    duties.collect = async () => ({ event: { type: 'refused' } })
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('sealed 3')
    await turn()
    expect(phaseOf(0)).to.equal('sealed 3')
    await clock.advance(30_000)
    await turn()
    expect(phaseOf(0)).to.equal('sealed 4')
    duties.collect = honest().collect
    await clock.advance(30_000)
    await turn()
    expect(phaseOf(0)).to.equal('final 4')
    expect(chain.active.map(({ report }) => report.attempt)).to.deep.equal([4])
  })

  it('makes another attempt when a certificate has expired', async () => {
    duties.stage = async () => undefined
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('certified 0')
    chain.nowSec += VALID
    duties.stage = honest().stage
    await turn()
    expect(phaseOf(0)).to.equal('final 1')
  })

  it('takes over what somebody else has settled', async () => {
    duties.collect = async () => undefined
    chain.nowSec = endOf(0) + GRACE
    await turn()
    const foreign = { ...reportOf(0, 0), bundleHash: hash('bundle of another') as Hash }
    chain.settle(foreign)
    await turn()
    const record = store.record(0)
    expect(record?.state.phase).to.equal('final')
    expect(record?.state.bundleHash).to.equal(foreign.bundleHash)
    expect(record?.report).to.deep.equal(foreign)
    expect(done).to.include('announce 0')
    expect(logger.lines.filter(({ level }) => level === 'warn').length).to.equal(1)
  })

  it('starts in the middle of a life with the last active epoch alone', async () => {
    chain.nowSec = endOf(2) + 1
    for (const epoch of [0, 1, 2]) chain.settle(reportOf(epoch, 0))
    await turn()
    expect([1, 2, 3].map(phaseOf)).to.deep.equal([undefined, 'final 0', 'open 0'])
    expect(done).to.deep.equal(['announce 2', 'prune 2'])
  })

  it('stages again what a reorganisation has undone, with the same certificate', async () => {
    chain.finalLag = 20
    chain.nowSec = endOf(0) + GRACE + 20
    await turn()
    expect(phaseOf(0)).to.equal('active 0')
    chain.active.pop()
    chain.nowSec += 1
    done = []
    await turn()
    expect(done).to.deep.equal(['stage 0'])
    expect(phaseOf(0)).to.equal('active 0')
    chain.finalLag = 0
    await turn()
    expect(phaseOf(0)).to.equal('final 0')
  })

  it('goes on above a veto, whether or not it has seen what was vetoed', async () => {
    duties.stage = async () => undefined
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('certified 0')
    chain.nextAttempt = 4
    await turn()
    expect(phaseOf(0)).to.equal('certified 4')
    expect(store.record(0)?.report?.attempt).to.equal(4)
    duties.stage = honest().stage
    await turn()
    expect(phaseOf(0)).to.equal('final 4')
    expect(logger.lines.filter(({ level }) => level === 'warn').length).to.equal(1)
  })

  it('begins above a veto after it has lost its disk, and before the epoch is over here', async () => {
    chain.nextAttempt = 2
    chain.nowSec = endOf(0) + 1
    await turn()
    expect(phaseOf(0)).to.equal('open 2')
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('final 2')
    expect(phaseOf(1)).to.equal('open 0')
  })

  it('leaves what is staged alone: only the contract counts the next attempt from there', async () => {
    duties.stage = async ({ report }) => {
      chain.staged = report
      chain.nextAttempt = 1
      return { event: { type: 'staged' } }
    }
    chain.nowSec = endOf(0) + GRACE
    await turn()
    await turn()
    expect(phaseOf(0)).to.equal('staged 0')
    chain.staged = undefined
    duties.stage = async () => undefined
    await turn()
    expect(phaseOf(0)).to.equal('certified 1')
  })

  it('pauses by what was tried since the veto', async () => {
    chain.nextAttempt = 500
    duties.collect = async () => ({ event: { type: 'refused' } })
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('sealed 503')
  })

  it('tries seldom once it has tried a hundred times: the contract takes no more than a thousand', async () => {
    store.save({ ...openEpoch(0), phase: 'sealed', attempt: 101 }, START)
    duties.collect = async () => ({ event: { type: 'refused' } })
    chain.nowSec = endOf(0) + GRACE
    await turn()
    expect(phaseOf(0)).to.equal('sealed 102')
    await clock.advance(599_000)
    await turn()
    expect(phaseOf(0)).to.equal('sealed 102')
    await clock.advance(1_000)
    await turn()
    expect(phaseOf(0)).to.equal('sealed 103')
  })

  it('closes an epoch that a quorum has emptied, keeps what it took in, and goes on from the last bundle', async () => {
    chain.nowSec = endOf(0) + GRACE
    await turn()
    done = []
    duties.collect = async () => undefined
    chain.nowSec = endOf(1) + GRACE
    await turn()
    expect(phaseOf(1)).to.equal('published 0')
    chain.empty()
    await turn()
    expect(phaseOf(1)).to.equal('emptied 0')
    const record = store.record(1)
    expect(record?.state.bundleHash).to.equal(undefined)
    expect(record?.report).to.equal(undefined)
    expect(record).to.include({ txHash: hash('transaction of 1'), settledAtSec: chain.nowSec })
    // Records of an epoch are pruned once it is final: never those of an emptied one.
    expect(done).to.deep.equal(['compute 1 0', 'publish 1'])
    done = []
    duties.collect = honest().collect
    chain.nowSec = endOf(2) + GRACE
    await turn()
    expect([1, 2].map(phaseOf)).to.deep.equal(['emptied 0', 'final 0'])
    expect(done).to.deep.equal(['compute 2 0', 'publish 2', 'collect 2', 'stage 2', 'announce 2', 'prune 2'])
    await turn()
    expect(phaseOf(1)).to.equal('emptied 0')
  })

  it('starts after emptied epochs with the last one that has a bundle', async () => {
    chain.settle(reportOf(0, 0))
    chain.empty()
    chain.empty()
    chain.nowSec = endOf(2) + 1
    await turn()
    expect([0, 1, 2, 3].map(phaseOf)).to.deep.equal([undefined, undefined, 'emptied 0', 'open 0'])
    expect(done).to.deep.equal(['announce 0'])
  })

  it('settles an epoch after all when a reorganisation has undone its emptying', async () => {
    chain.finalLag = 20
    duties.collect = async () => undefined
    chain.nowSec = endOf(0) + GRACE + 20
    await turn()
    chain.empty()
    await turn()
    expect(phaseOf(0)).to.equal('emptied 0')
    chain.active.pop()
    chain.nowSec += 1
    duties.collect = honest().collect
    await turn()
    expect(phaseOf(0)).to.equal('active 1')
  })

  it('follows a chain that has settled what it had emptied before, and the other way round', async () => {
    chain.finalLag = 20
    duties.collect = async () => undefined
    chain.nowSec = endOf(0) + GRACE + 20
    await turn()
    chain.empty()
    await turn()
    chain.active.pop()
    chain.settle(reportOf(0, 0))
    await turn()
    expect(phaseOf(0)).to.equal('active 0')
    chain.active.pop()
    chain.empty()
    await turn()
    expect(phaseOf(0)).to.equal('emptied 0')
  })

  it('follows a chain that has gone back and settled an epoch by another bundle between two looks', async () => {
    chain.finalLag = 20
    chain.nowSec = endOf(0) + GRACE + 20
    await turn()
    expect(phaseOf(0)).to.equal('active 0')
    chain.active.pop()
    const foreign = { ...reportOf(0, 0), bundleHash: hash('bundle of another') as Hash }
    chain.nowSec += 1
    chain.settle(foreign)
    done = []
    await turn()
    expect(done).to.deep.equal(['announce 0'])
    expect(store.record(0)?.state.bundleHash).to.equal(foreign.bundleHash)
    expect(store.record(0)).to.deep.include({ report: foreign, settledAtSec: chain.nowSec })
    chain.finalLag = 0
    await turn()
    expect(store.record(0)?.state).to.include({ phase: 'final', bundleHash: foreign.bundleHash })
  })

  it('does not settle the next epoch, nor forget the last one, before its bundle is there', async () => {
    duties.announce = async () => {
      throw new Error('nobody serves it')
    }
    chain.nowSec = endOf(0) + GRACE
    await turn()
    await turn()
    expect(phaseOf(0)).to.equal('active 0')
    expect(logger.lines.filter(({ level }) => level === 'warn').length).to.equal(1)
    duties.announce = honest().announce
    await turn()
    expect(phaseOf(0)).to.equal('final 0')
  })

  it('forgets nothing of the last epoch with a bundle before it is told, also when others were emptied since', async () => {
    duties.announce = async () => {
      throw new Error('nobody serves it')
    }
    chain.nowSec = endOf(0) + GRACE
    await turn()
    chain.empty()
    await turn()
    expect([0, 1].map(phaseOf)).to.deep.equal(['active 0', 'emptied 0'])
    duties.announce = honest().announce
    await turn()
    expect(phaseOf(0)).to.equal('final 0')
  })

  it('says every phase once', async () => {
    chain.nowSec = endOf(0) + GRACE
    await turn()
    const told = logger.lines.filter(({ level }) => level === 'info').map(({ fields }) => fields['phase'])
    expect(told).to.deep.equal(['sealed', 'computed', 'published', 'certified', 'active', 'final'])
  })
})
