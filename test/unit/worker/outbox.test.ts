import { expect } from 'chai'
import {
  batchIdentity,
  decodeSignedBatch,
  encodeSignedBatch,
  type SignedBatch,
} from '../../../protocol/usage/batch.ts'
import { inclusionDigest, type SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import type { SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, type AvailabilityRecord } from '../../../protocol/usage/record.ts'
import { MAX_SEQUENCE_JUMP } from '../../../protocol/usage/sequence.ts'
import { WORK_KIND } from '../../../protocol/usage/wire.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { Ledger } from '../../../worker/channels/ledger.ts'
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
  let nextSequence: number | undefined
  /** What the relayer answers to a batch; undefined: its promise. */
  let answer: (batch: SignedBatch) => Error | SignedInclusion | undefined
  /** What the relayer answers to a receipt of a payer; undefined: it takes it. */
  let onReceipt: (receipt: SignedReceipt) => Error | undefined
  /** Receipts as they were sent, and as oracle nodes were shown them. */
  let posted: SignedReceipt[]
  let shown: SignedReceipt[]
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
  const customer = (name: string): Customer => new Customer(name, DOMAIN)
  /** One answer for a payer, charged under a receipt for so much. */
  const charge = (payer: Customer, ceiling: bigint): SignedReceipt => {
    const channel = {
      ...{ payer: payer.address, worker: WORKER, gateway: WORKER, kind: WORK_KIND.inference },
      ...{ id: `0x${'01'.repeat(32)}` as const, version: 1 },
    }
    const receipt = payer.receipt({
      ...{ ...channel, cumulativeUnits: ceiling, cumulativeCeiling: ceiling, validUntilEpoch: 9 },
    })
    const ledger = new Ledger(
      { domain: DOMAIN, worker: WORKER },
      { store, sign: digest => crypto.sign(digest, SECRET) },
    )
    ledger.charge(channel, {
      ...{ units: 1n, charge: 1n, receipt, hold: payer.hold(WORKER), workHash: `0x${'00'.repeat(32)}` },
    })
    return receipt
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
          postReceipt: async receipt => {
            posted.push(receipt)
            const refusal = onReceipt(receipt)
            if (refusal !== undefined) throw refusal
          },
          worker: async () => {
            if (nextSequence === undefined) throw problem(0, 'UNREACHABLE')
            return { worker: WORKER, nextSequence, refused: [] }
          },
        },
        isRelayer: address => address === RELAYER,
        showReceipts: async receipts => {
          shown.push(...receipts)
        },
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
    onReceipt = () => undefined
    posted = []
    shown = []
    log.lines.length = 0
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
    expect(showing?.batch).to.deep.equal(sent[0])
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
    answer = ({ batch }) => {
      nextSequence = 41
      return batch.seqFrom < 41 ? problem(409, 'OVERLAPS') : undefined
    }
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

  it('takes no number for its next one that is further than any record can be, and loses nothing', async () => {
    add(1)
    let named = 3 + MAX_SEQUENCE_JUMP
    answer = ({ batch }) => {
      nextSequence = named
      return batch.seqFrom < 3 ? problem(409, 'OVERLAPS') : undefined
    }
    await start()
    await clock.advance(1_000)
    expect(ranges().at(-1)).to.deep.equal([1, 1])
    expect(outcomes).not.to.include('renumbered')
    named = 2 + MAX_SEQUENCE_JUMP
    await clock.advance(1_000)
    expect(ranges().at(-1)).to.deep.equal([2 + MAX_SEQUENCE_JUMP, 1])
    expect(outcomes.at(-1)).to.equal('included')
  })

  it('sends nothing from a new database before it knows which number is next', async () => {
    nextSequence = undefined
    add(1, 2)
    await start()
    await clock.advance(3_000)
    expect(ranges()).to.deep.equal([])
    nextSequence = 10_000_000
    await clock.advance(1_000)
    expect(ranges()).to.deep.equal([[10_000_000, 2]])
    const absurd = openWorkerStore(':memory:')
    expect(absurd.outbox.renumber(Number.MAX_SAFE_INTEGER)).to.equal(false)
    expect(absurd.outbox.add(record(1))).to.equal(1)
    absurd.close()
  })

  it('takes a promise of another batch under its numbers for no promise', async () => {
    add(1)
    answer = signed => {
      nextSequence = 2
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

  it('shows receipts that the relayer has taken, and never one that it has refused', async () => {
    const bad = customer('bad')
    const good = charge(customer('good'), 10n)
    charge(bad, 10n)
    onReceipt = ({ receipt }) => (receipt.payer === bad.address ? problem(422, 'EXPIRED') : undefined)
    await start()
    expect(shown).to.deep.equal([good])
    expect(posted).to.have.length(2)
    // Final: it is not sent again, and its record goes out, so that numbers have no gap.
    await clock.advance(60_000)
    expect(posted).to.have.length(2)
    expect(ranges()).to.deep.equal([[1, 2]])
  })

  it('holds a batch back until the relayer has the receipts of its records', async () => {
    const receipt = charge(customer('payer'), 10n)
    let down = true
    onReceipt = () => (down ? problem(503, 'BUSY') : undefined)
    await start()
    await clock.advance(1_000)
    expect(ranges()).to.deep.equal([])
    expect(shown).to.deep.equal([])
    down = false
    await clock.advance(1_000)
    expect(ranges()).to.deep.equal([[1, 1]])
    expect(shown).to.deep.equal([receipt])
  })

  it("holds others' records back for a moment only", async () => {
    charge(customer('payer'), 10n)
    add(7)
    onReceipt = () => problem(409, 'NO_HOLD')
    await start()
    await clock.advance(1_000)
    expect(ranges()).to.deep.equal([])
    await clock.advance(1_000)
    expect(ranges()).to.deep.equal([[1, 2]])
    // A newer receipt of the same channel earns no new delay.
    charge(customer('payer'), 20n)
    outbox.flush()
    await clock.advance(0)
    expect(ranges()).to.deep.equal([
      [1, 2],
      [3, 1],
    ])
  })

  it('sends a receipt again whose hold the relayer does not know yet, and gives it up after ten minutes', async () => {
    const late = customer('late')
    const never = customer('never')
    const [first] = [charge(late, 10n), charge(never, 10n)]
    let known = false
    onReceipt = ({ receipt }) =>
      known && receipt.payer === late.address ? undefined : problem(409, 'NO_HOLD')
    await start()
    await clock.advance(30_000)
    expect(shown).to.deep.equal([])
    known = true
    await clock.advance(10_000)
    expect(shown).to.deep.equal([first])
    for (let i = 0; i < 600; i++) {
      outbox.flush()
      await clock.advance(0)
    }
    const sent = posted.length
    await clock.advance(60_000)
    expect(posted).to.have.length(sent)
    expect(posted.filter(({ receipt }) => receipt.payer === never.address)).to.have.length(600)
  })

  it('never gives a receipt up for an hour without an answer', async () => {
    charge(customer('payer'), 10n)
    let down = true
    onReceipt = () => (down ? problem(0, 'UNREACHABLE') : undefined)
    answer = () => (down ? problem(0, 'UNREACHABLE') : undefined)
    await start()
    for (let i = 0; i < 700; i++) {
      outbox.flush()
      await clock.advance(0)
    }
    down = false
    await clock.advance(10_000)
    expect(shown).to.have.length(1)
  })

  it('lets no receipts that are never taken stand in the way of others, however many they are', async function () {
    this.timeout(20_000)
    for (let i = 0; i < 300; i++) charge(customer(`bad ${i}`), 10n)
    onReceipt = () => problem(409, 'NO_HOLD')
    await start()
    await clock.advance(10_000)
    const good = charge(customer('good'), 10n)
    onReceipt = ({ receipt }) => (receipt.payer === good.receipt.payer ? undefined : problem(409, 'NO_HOLD'))
    posted = []
    await clock.advance(10_000)
    expect(posted[0]).to.deep.equal(good)
    expect(shown).to.deep.equal([good])
  })
})
