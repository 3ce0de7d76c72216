import { expect } from 'chai'
import { AUDIT_MIGRATIONS, AuditStore } from '../../../../oracle-node/auditing/audit-store.ts'
import {
  encodeShownPage,
  MAX_SHOWN_PAGE_BYTES,
  SHOWN_BEGIN,
  type ShownCursor,
  type ShownPage,
} from '../../../../protocol/epoch/messages.ts'
import { encodePromised, type PromisedBatch } from '../../../../protocol/epoch/promised-batch.ts'
import { unpackReport } from '../../../../protocol/report.ts'
import { ONE } from '../../../../protocol/units.ts'
import { openDatabase } from '../../../../runtime/sqlite.ts'
import { addressOf, certifiedPrice, hash, promised, signReceipt } from '../../../support/epoch/cast.ts'
import {
  hire,
  inferenceReceipt,
  inputsOf,
  OTHER_WORKER,
  START_SEC,
  WORKER,
} from '../../../support/epoch/world.ts'

const RELAYER = addressOf('relayer')
/** With so many records that two of them do not fit into one page. */
const made = new Map<number, PromisedBatch>()
const large = (seqFrom: number): PromisedBatch => {
  const known = made.get(seqFrom)
  if (known !== undefined) return known
  const records = Array.from({ length: 800 }, () => hire())
  const fresh = promised({ worker: WORKER, seqFrom, records }, 4)
  made.set(seqFrom, fresh)
  return fresh
}

describe('what an auditor remembers', () => {
  let store: AuditStore
  beforeEach(() => {
    store = new AuditStore(openDatabase(':memory:', AUDIT_MIGRATIONS))
  })
  afterEach(() => store.close())

  const lock = (name: string) => ({ digest: hash(name), keyEpoch: 1, bundleHash: hash(`bundle of ${name}`) })

  it('is one report for each attempt of an epoch', () => {
    store.lock(4, 0, lock('report'))
    store.lock(4, 0, lock('report'))
    expect(() => store.lock(4, 0, lock('another')))
      .to.throw()
      .with.property('digest', hash('report'))
    store.lock(4, 1, lock('another'))
    expect(store.lockOf(4, 0)).to.deep.equal(lock('report'))
    expect(store.isLockedBundle(hash('bundle of another'))).to.equal(true)
    expect(store.lockOf(5, 0)).to.equal(undefined)
  })

  it('is the highest price of an epoch, with its certificate', () => {
    const priceOf = (epoch: number) => unpackReport(store.highestPrice(epoch)?.word ?? 0n).price
    expect(store.raisePrice(0, certifiedPrice(5n, START_SEC + 1))).to.equal(true)
    expect(store.raisePrice(0, certifiedPrice(4n, START_SEC + 2))).to.equal(false)
    expect(store.raisePrice(1, certifiedPrice(3n, START_SEC + 3_600))).to.equal(true)
    expect(store.raisePrice(0, certifiedPrice(6n, START_SEC + 3))).to.equal(true)
    expect([priceOf(0), priceOf(1)]).to.deep.equal([6n * ONE, 3n * ONE])
  })

  it('is the first root of a window', () => {
    store.addSeal({ window: 3, root: hash('first'), count: 1 }, 1)
    store.addSeal({ window: 3, root: hash('second'), count: 1 }, 2)
    store.addSeal({ window: 9, root: hash('later'), count: 1 }, 3)
    expect(store.rootsBetween(0, 9)).to.deep.equal(new Map([[3, hash('first')]]))
  })

  it('is the receipt of a channel that allows the most, whenever it was shown', () => {
    const receipt = (ceiling: bigint, units = 100n) =>
      signReceipt(inferenceReceipt({ cumulativeCeiling: ceiling, cumulativeUnits: units }), 'payer')
    for (const [index, signed] of [receipt(4n), receipt(9n), receipt(5n), receipt(9n, 120n)].entries())
      store.keepReceipt(signed, index)
    expect(store.receipts()).to.deep.equal([receipt(9n, 120n)])
  })

  it('is each batch that was promised, once for each relayer, while there is room in its epoch', () => {
    const bytes = encodePromised(large(1)).length
    const small = new AuditStore(openDatabase(':memory:', AUDIT_MIGRATIONS), { count: 3, bytes: 2 * bytes })
    expect(small.addPromise(large(1), RELAYER)).to.equal('added')
    expect(small.addPromise(large(1), addressOf('relayer 2'))).to.equal('added')
    expect(small.addPromise(large(901), RELAYER)).to.equal('full')
    const { inclusion, batch } = large(901)
    const later = { inclusion: { ...inclusion, receipt: { ...inclusion.receipt, epoch: 5 } }, batch }
    expect(small.addPromise(later, RELAYER), 'in another epoch').to.equal('added')
    expect(small.inclusionsOf(4)).to.deep.equal([large(1).inclusion, large(1).inclusion])
    small.forgetBefore(5, 0)
    expect(small.addPromise(large(901), RELAYER), 'once there is room').to.equal('added')
    small.close()
  })

  it('is kept apart for workers whose records are the same', () => {
    const records = [hire()]
    const own = promised({ worker: WORKER, seqFrom: 1, records }, 4)
    const others = promised({ worker: OTHER_WORKER, seqFrom: 1, records }, 4)
    expect(own.inclusion.receipt.batchRoot).to.equal(others.inclusion.receipt.batchRoot)
    expect(store.addPromise(own, RELAYER)).to.equal('added')
    expect(store.addPromise(others, RELAYER)).to.equal('added')
  })

  it('is shown page by page: the batches of the epoch, then the receipts that are still valid in it', () => {
    for (const seqFrom of [1, 901, 1801]) store.addPromise(large(seqFrom), RELAYER)
    const valid = signReceipt(inferenceReceipt({ validUntilEpoch: 4 }), 'payer')
    const expired = signReceipt(inferenceReceipt({ validUntilEpoch: 3, worker: WORKER, version: 9 }), 'payer')
    for (const [index, signed] of [expired, valid].entries()) store.keepReceipt(signed, index)
    const pages: ShownPage[] = []
    for (let cursor: ShownCursor | undefined = SHOWN_BEGIN; cursor !== undefined; ) {
      const page = store.shown({ epoch: 4, cursor })
      expect(encodeShownPage(page).length).to.be.at.most(MAX_SHOWN_PAGE_BYTES)
      pages.push(page)
      cursor = page.next
    }
    expect(pages.map(({ batches, receipts }) => [batches.length, receipts.length])).to.deep.equal([
      [1, 0],
      [1, 0],
      [1, 1],
    ])
    expect(pages.flatMap(({ batches }) => batches)).to.deep.equal([large(1), large(901), large(1801)])
    expect(pages.at(-1)?.receipts).to.deep.equal([valid])
    expect(store.shown({ epoch: 5, cursor: SHOWN_BEGIN })).to.deep.include({ batches: [], receipts: [] })
  })

  it('is forgotten when its epoch has long been settled, but what it signed is not', () => {
    const [batch] = inputsOf().batches
    if (batch === undefined) throw new Error('the epoch has batches')
    store.raisePrice(4, certifiedPrice(5n, START_SEC))
    expect(store.addPromise(promised(batch.batch, 4), RELAYER)).to.equal('added')
    expect(store.addPromise(promised(batch.batch, 4), RELAYER)).to.equal('known')
    store.addClosing(4, hash('bundle'), hash('state'))
    store.addSeal({ window: 3, root: hash('root'), count: 1 }, 1)
    store.lock(4, 0, lock('report'))
    store.forgetBefore(4, 3)
    expect(store.inclusionsOf(4)).to.have.length(1)
    store.forgetBefore(5, 4)
    expect(store.highestPrice(4)).to.equal(undefined)
    expect(store.inclusionsOf(4)).to.deep.equal([])
    expect(store.shown({ epoch: 4, cursor: SHOWN_BEGIN }).batches).to.deep.equal([])
    expect(store.closingOf(hash('bundle'))).to.equal(undefined)
    expect(store.rootsBetween(0, 9).size).to.equal(0)
    expect(store.lockOf(4, 0)).to.deep.equal(lock('report'))
  })

  it('is kept while it is owed, and so is what the next epoch starts from', () => {
    const [batch] = inputsOf().batches
    if (batch === undefined) throw new Error('the epoch has batches')
    for (const epoch of [4, 5, 6]) store.addPromise(promised(batch.batch, epoch), RELAYER)
    for (const epoch of [3, 4]) store.addClosing(epoch, hash(`bundle ${epoch}`), hash('state'))
    store.forgetBefore(9, 4, 5)
    expect(store.inclusionsOf(5, 6)).to.have.length(2)
    expect(store.inclusionsOf(0, 9)).to.have.length(2)
    expect(store.closingOf(hash('bundle 4'))).to.equal(hash('state'))
    expect(store.closingOf(hash('bundle 3'))).to.equal(undefined)
  })

  it('is a secret for its samples, made once, and the newest audits', () => {
    expect(store.sampleSecret())
      .to.match(/^0x[0-9a-f]{64}$/)
      .and.to.equal(store.sampleSecret())
    for (let atMs = 0; atMs < 250; atMs++)
      store.addAudit({
        epoch: 1,
        attempt: 0,
        digest: hash('r'),
        outcome: 'signed',
        code: null,
        text: null,
        atMs,
      })
    const audits = store.audits(1_000)
    expect(audits).to.have.length(200)
    expect(audits[0]?.atMs).to.equal(249)
  })
})
