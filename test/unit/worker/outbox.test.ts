import { expect } from 'chai'
import {
  batchIdentity,
  decodeSignedBatch,
  encodeSignedBatch,
  type SignedBatch,
} from '../../../protocol/usage/batch.ts'
import { inclusionDigest, type SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import { AVAILABILITY_KIND, type AvailabilityRecord } from '../../../protocol/usage/record.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { type BatchOutcome, createOutbox, type Outbox } from '../../../worker/outbox/outbox.ts'
import { openWorkerStore, type WorkerStore } from '../../../worker/store/worker-store.ts'
import { crypto, DOMAIN } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'
import { Customer, RELAYER, RELAYER_SECRET } from '../../support/worker/customer.ts'

const SECRET = seeded('worker')
const WORKER = new Customer('worker', DOMAIN).address
const ORACLE = 'http://127.0.0.1:1'

function record(window: number): AvailabilityRecord {
  const device = `0x${'22'.repeat(32)}` as const
  return { kind: AVAILABILITY_KIND, device, window, products: 1, commitment: `0x${'33'.repeat(32)}` }
}

describe('the outbox', () => {
  let store: WorkerStore
  let clock: FakeClock
  let outbox: Outbox
  let sent: SignedBatch[]
  let outcomes: BatchOutcome[]
  let nextSequence: number
  /** What the relayer answers to a batch; undefined: its promise. */
  let answer: (batch: SignedBatch) => Error | SignedInclusion | undefined
  const log = recordLogger()

  const promise = ({ batch }: SignedBatch, secret = RELAYER_SECRET): SignedInclusion => {
    const receipt = { epoch: 3, ...batchIdentity(batch) }
    return { receipt, signature: crypto.sign(inclusionDigest(DOMAIN, receipt), secret) }
  }
  const problem = (status: number, code: string) => new ProblemError(code, { code, status })
  const windows = () =>
    sent.map(({ batch }) => batch.records.map(each => ('window' in each ? each.window : -1)))
  const ranges = () => sent.map(({ batch }) => [batch.seqFrom, batch.records.length])
  const add = (...numbers: number[]): void => {
    for (const number of numbers) store.transaction(() => store.outbox.add(record(number)))
  }
  const start = async (): Promise<void> => {
    outbox = createOutbox(
      { domain: DOMAIN, worker: WORKER, everyMs: 10_000, oracleUrls: [ORACLE] },
      {
        ...{ clock, logger: log, store, crypto },
        sign: digest => crypto.sign(digest, SECRET),
        relayer: {
          postBatch: async bytes => {
            const batch = decodeSignedBatch(bytes)
            sent.push(batch)
            const answered = answer(batch) ?? promise(batch)
            if (answered instanceof Error) throw answered
            return answered
          },
          postReceipt: async () => {},
          worker: async () => ({ worker: WORKER, nextSequence, refused: [] }),
        },
        isRelayer: address => address === RELAYER,
        showReceipts: async () => {},
        count: outcome => outcomes.push(outcome),
      },
    )
    await outbox.start(new AbortController().signal)
    await clock.advance(0)
  }

  beforeEach(() => {
    store = openWorkerStore(':memory:')
    clock = new FakeClock()
    sent = []
    outcomes = []
    nextSequence = 1
    answer = () => undefined
  })
  afterEach(async () => {
    await outbox.stop()
    store.close()
  })

  it('sends what waits in one batch, keeps the promise, and shows it to every oracle node', async () => {
    add(1, 2, 3)
    await start()
    expect(ranges()).to.deep.equal([[1, 3]])
    expect(outcomes).to.deep.equal(['included'])
    expect(store.outbox.counts()).to.deep.equal({ records: 0, batches: 0 })
    const [showing] = store.outbox.showings(10)
    expect(showing).to.deep.include({ seqFrom: 1, url: ORACLE, attempts: 0 })
    expect(showing?.inclusion.receipt).to.include({ seqFrom: 1, seqTo: 3, epoch: 3 })
  })

  it('waits for its turn with what comes later, unless it is asked to send at once', async () => {
    await start()
    add(1)
    await clock.advance(9_000)
    expect(ranges()).to.deep.equal([])
    outbox.flush()
    await clock.advance(0)
    expect(ranges()).to.deep.equal([[1, 1]])
    add(2)
    await clock.advance(10_000)
    expect(ranges()).to.deep.equal([
      [1, 1],
      [2, 1],
    ])
  })

  it('sends the same bytes again, in order, until somebody registered has promised them', async () => {
    add(1)
    const answers = [
      problem(0, 'UNREACHABLE'),
      problem(503, 'BUSY'),
      problem(403, 'UNKNOWN_WORKER'),
      'stranger' as const,
    ]
    answer = batch => {
      const next = answers.shift()
      return next === 'stranger' ? promise(batch, seeded('stranger')) : next
    }
    await start()
    add(2)
    await clock.advance(5_000)
    expect(outcomes).to.deep.equal(['waits', 'waits', 'waits', 'waits', 'included', 'included'])
    const bytes = sent.slice(0, 5).map(batch => Buffer.from(encodeSignedBatch(batch)).toString('hex'))
    expect(new Set(bytes).size).to.equal(1)
    expect(ranges().at(-1)).to.deep.equal([2, 1])
  })

  it('gives records new numbers when the relayer knows others under theirs', async () => {
    add(1, 2)
    nextSequence = 41
    answer = ({ batch }) => (batch.seqFrom < 41 ? problem(409, 'OVERLAPS') : undefined)
    await start()
    expect(ranges()).to.deep.equal([
      [1, 2],
      [41, 2],
    ])
    expect(windows()).to.deep.equal([
      [1, 2],
      [1, 2],
    ])
    expect(outcomes).to.deep.equal(['renumbered', 'included'])
    add(3)
    await clock.advance(10_000)
    expect(ranges().at(-1)).to.deep.equal([43, 1])
  })

  it('begins above what the relayer has taken when its database is new', async () => {
    nextSequence = 500
    await start()
    add(1)
    await clock.advance(10_000)
    expect(ranges()).to.deep.equal([[500, 1]])
  })

  it('takes a promise of another batch under its numbers for no promise', async () => {
    add(1)
    nextSequence = 2
    answer = signed => {
      const other = { ...signed, batch: { ...signed.batch, records: [record(99)] } }
      return signed.batch.seqFrom === 1 ? promise(other) : undefined
    }
    await start()
    expect(ranges()).to.deep.equal([
      [1, 1],
      [2, 1],
    ])
  })

  it('says that records will not be paid when their batch is refused for good, and goes on', async () => {
    add(1)
    answer = ({ batch }) => (batch.seqFrom === 1 ? problem(400, 'MALFORMED') : undefined)
    await start()
    add(2)
    await clock.advance(10_000)
    expect(outcomes).to.deep.equal(['refused', 'included'])
    expect(log.lines.at(-2)).to.deep.include({ level: 'error' })
    expect(log.lines.find(({ level }) => level === 'error')?.fields).to.include({
      seqFrom: 1,
      code: 'MALFORMED',
    })
  })
})
