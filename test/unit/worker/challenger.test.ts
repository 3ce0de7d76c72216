import { expect } from 'chai'
import { matrixSize } from '../../../compute/matrix/size.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import type { BlockView } from '../../../protocol/epoch/audit-types.ts'
import { windowRootOf } from '../../../protocol/epoch/availability.ts'
import { drawSec } from '../../../protocol/epoch/windows.ts'
import { EMPTY_ROOT } from '../../../protocol/merkle.ts'
import type { Service } from '../../../runtime/service.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import type { WindowAnswer } from '../../../sdk/relayer-client.ts'
import { createChallenger, type WindowOutcome } from '../../../worker/challenge/challenger.ts'
import { availabilityOf } from '../../../worker/challenge/settled-window.ts'
import { ComputeError, type Computer } from '../../../worker/compute/compute-thread.ts'
import type { Job, Results } from '../../../worker/compute/messages.ts'
import { openWorkerStore, type WorkerStore } from '../../../worker/store/worker-store.ts'
import { crypto, DOMAIN } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'
import { Customer } from '../../support/worker/customer.ts'

const WORKER = new Customer('worker', DOMAIN).address
const DEVICE: Hash = `0x${'22'.repeat(32)}`
const ROOTS: Hash[] = [`0x${'44'.repeat(32)}`, `0x${'45'.repeat(32)}`]
/** Slots of 5 s, all but the last of an epoch windows; draws 2 s after, seals 6 s after the epoch. */
const TERMS = { clock: { startSec: 1_000, lengthSec: 40 }, slotSec: 5, every: 1, graceSec: 2 }
const SLOT = 3
const START = 1_015

describe('the challenger', () => {
  let store: WorkerStore
  let clock: FakeClock
  let challenger: Service
  let nowSec: number
  let outcomes: [WindowOutcome, number][]
  let commitments: number
  let openings: number
  let jobs: Job[]
  let closed: boolean
  let root: Hash | undefined
  let onCommit: () => void
  let onBeacon: () => void
  let beacon: Hash | undefined
  let drawn: boolean
  let onWindow: () => void
  let onOpenings: () => void
  let onJob: (job: Job) => void
  const log = recordLogger()
  let products: readonly Hash[]

  const block = (sec: number): BlockView => ({
    number: sec,
    hash: `0x${sec.toString(16).padStart(64, '0')}`,
    timestampSec: sec,
    finalised: true,
  })
  const computer: Computer = {
    run: async <J extends Job>(job: J) => {
      jobs.push(job)
      onJob(job)
      const results: Pick<Results, 'products' | 'open'> = { products, open: Uint8Array.of(1) }
      return results[job.kind as 'products' | 'open'] as Results[J['kind']]
    },
  }
  const answer = (): WindowAnswer => {
    const signed = store.windows.open()[0]?.signed
    if (signed === undefined) throw new Error('nothing was committed')
    const { worker } = signed.commitment
    const line = {
      worker,
      ...availabilityOf(DOMAIN, SLOT, signed),
      opening: 0 as const,
      transcriptHash: EMPTY_ROOT,
    }
    return { window: SLOT, root: root ?? windowRootOf([line]), count: 1, index: 0, proof: [] }
  }
  const start = async (): Promise<void> => {
    challenger = createChallenger(
      {
        ...{ domain: DOMAIN, worker: WORKER, device: DEVICE, terms: TERMS },
        size: matrixSize(64),
        maxProducts: 9,
        sealGraceSec: 6,
      },
      {
        ...{ clock, logger: log, computer, store },
        blocks: { head: () => ({ latest: block(nowSec) }) },
        beacons: {
          window: async () => {
            onBeacon()
            return { beacon }
          },
          draw: async slot => (drawn && nowSec >= drawSec(TERMS, slot) ? block(nowSec).hash : undefined),
        },
        sign: digest => crypto.sign(digest, seeded('worker')),
        relayer: {
          postCommitment: async () => {
            onCommit()
            commitments++
          },
          windowOf: async () => {
            onWindow()
            return closed ? answer() : undefined
          },
          postOpenings: async () => {
            onOpenings()
            openings++
          },
        },
        ready: () => true,
        flush: () => {},
        count: (outcome, made) => outcomes.push([outcome, made]),
      },
    )
    await challenger.start(new AbortController().signal)
  }
  /** Block time and this machine's go together. */
  const goTo = async (sec: number): Promise<void> => {
    while (nowSec < sec) {
      nowSec++
      await clock.advance(1_000)
    }
  }
  const refusing = (code: string, times: number) => () => {
    if (times-- > 0) throw new ProblemError(code, { code, status: 409 })
  }
  const jobsOf = (wanted: Job['kind']): number => jobs.filter(({ kind }) => kind === wanted).length
  const said = (words: string): boolean => log.lines.some(({ sentence }) => sentence.includes(words))

  beforeEach(() => {
    store = openWorkerStore(':memory:')
    clock = new FakeClock()
    nowSec = START - 1
    outcomes = []
    commitments = openings = 0
    jobs = []
    closed = false
    root = undefined
    onCommit = onBeacon = onWindow = onOpenings = onJob = () => {}
    beacon = `0x${'77'.repeat(32)}`
    drawn = true
    log.lines.length = 0
    products = ROOTS
  })
  afterEach(async () => {
    await challenger.stop()
    store.close()
  })
  /** The slot before is over before it is looked at. */
  const skipSlotBefore = async (): Promise<void> => {
    products = []
    await start()
    await clock.advance(0)
    products = ROOTS
    outcomes = []
    jobs = []
  }

  it('commits within the window, states it, and opens what is drawn', async () => {
    await skipSlotBefore()
    await goTo(START + 1)
    expect(jobs).to.have.length(1)
    expect(jobs[0]).to.include({ kind: 'products', maxProducts: 9 })
    expect(commitments).to.equal(1)
    expect(store.outbox.unbatched(9)?.records).to.have.length(1)
    closed = true
    products = []
    await goTo(START + 6)
    expect(openings).to.equal(0)
    await goTo(START + 8)
    expect(openings).to.equal(1)
    expect(outcomes).to.deep.include(['opened', 2])
    expect(store.windows.open()).to.deep.equal([])
  })

  it('leaves time for signing and sending: it budgets 1.2 s less than the window has left', async () => {
    await skipSlotBefore()
    await goTo(START)
    expect(jobs[0]).to.include({ budgetMs: 3_800 })
  })

  it('asks again while the relayer sees the chain a moment later', async () => {
    onCommit = refusing('NOT_OPEN', 3)
    await skipSlotBefore()
    await goTo(START + 2)
    expect(commitments).to.equal(1)
    expect(outcomes).to.deep.equal([])
  })

  it('gives a commitment up that the relayer does not have, and says nothing worse of it', async () => {
    onCommit = refusing('NOT_OPEN', 1_000)
    onWindow = refusing('NO_COMMITMENT', 1_000)
    await skipSlotBefore()
    await goTo(START + 4)
    products = []
    await goTo(START + 6)
    expect(outcomes).not.to.deep.include(['not-committed', 2])
    await goTo(START + 8)
    expect(outcomes).to.deep.include(['not-committed', 2])
    expect(store.windows.open()).to.deep.equal([])
    expect(said('gets nothing')).to.equal(false)
  })

  it('opens a commitment that the relayer has taken though its answers got lost', async () => {
    onCommit = () => {
      throw new ProblemError('lost', { code: 'TIMEOUT', status: 0 })
    }
    await skipSlotBefore()
    await goTo(START + 4)
    products = []
    closed = true
    await goTo(START + 8)
    expect(openings).to.equal(1)
    expect(outcomes).to.deep.include(['opened', 2])
  })

  for (const code of ['WRONG_SHAPE', 'BAD_PATH'])
    it(`opens again when the relayer answers ${code}: this machine may have made a mistake`, async () => {
      onOpenings = refusing(code, 2)
      await skipSlotBefore()
      await goTo(START + 1)
      closed = true
      products = []
      await goTo(START + 12)
      expect(jobsOf('open')).to.equal(3)
      expect(openings).to.equal(1)
      expect(outcomes).to.deep.include(['opened', 2])
    })

  it('computes openings again when a thread has died, and gives up when the epoch is sealed', async () => {
    let broken = 2
    onJob = ({ kind }) => {
      if (kind === 'open' && broken-- > 0) throw new ComputeError('the thread has ended')
    }
    await skipSlotBefore()
    await goTo(START + 1)
    closed = true
    products = []
    await goTo(START + 12)
    expect(openings).to.equal(1)
    expect(outcomes).to.deep.include(['opened', 2])
  })

  it('opens nothing again that has failed for good', async () => {
    onOpenings = refusing('WRONG_ENTRY', 9)
    await skipSlotBefore()
    await goTo(START + 1)
    closed = true
    products = []
    await goTo(START + 12)
    expect(jobsOf('open')).to.equal(1)
    expect(outcomes).to.deep.include(['failed', 0])
  })

  it('opens after a restart what it had committed to, and makes no second commitment', async () => {
    await skipSlotBefore()
    await goTo(START + 1)
    await challenger.stop()
    await start()
    await clock.advance(500)
    expect(jobs.filter(({ kind }) => kind === 'products')).to.have.length(1)
    closed = true
    products = []
    await goTo(START + 8)
    expect(openings).to.equal(1)
    expect(outcomes).to.deep.include(['opened', 2])
  })

  it('opens nothing for a root that does not hold its commitment', async () => {
    await skipSlotBefore()
    await goTo(START + 1)
    closed = true
    root = `0x${'99'.repeat(32)}`
    products = []
    await goTo(START + 8)
    expect(openings).to.equal(0)
    expect(outcomes).to.deep.include(['not-opened', 2])
  })

  it('rests in slots that are no windows', async () => {
    beacon = undefined
    await skipSlotBefore()
    await goTo(START + 4)
    expect(jobs).to.deep.equal([])
    expect(outcomes).to.deep.equal([])
  })

  it('asks again while nobody tells whether there is a window, and goes on with the next', async () => {
    onBeacon = refusing('UNREACHABLE', 8)
    await skipSlotBefore()
    await goTo(START + 3)
    expect(commitments).to.equal(1)
    expect(said('went wrong')).to.equal(false)
  })

  it('takes a window of which nothing was drawn for no failure', async () => {
    drawn = false
    await skipSlotBefore()
    await goTo(START + 1)
    closed = true
    products = []
    await goTo(1_047)
    expect(openings).to.equal(0)
    expect(outcomes).to.deep.include(['not-drawn', 2])
  })

  it('gives up when the epoch has been sealed, and takes a window that the relayer missed for no failure', async () => {
    await skipSlotBefore()
    await goTo(START + 1)
    products = []
    await goTo(1_047)
    expect(outcomes).to.deep.include(['unanswered', 2])
    outcomes = []
    products = ROOTS
    onWindow = refusing('WINDOW_MISSED', 1_000)
    await goTo(1_051)
    await goTo(1_056)
    expect(outcomes.filter(([outcome]) => outcome === 'missed')).to.have.length.above(0)
    expect(outcomes.filter(([outcome]) => outcome === 'not-opened')).to.deep.equal([])
  })
})
