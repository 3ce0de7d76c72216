import { expect } from 'chai'
import { AUDIT_MIGRATIONS, AuditStore } from '../../../../oracle-node/auditing/audit-store.ts'
import { unpackReport } from '../../../../protocol/report.ts'
import { ONE } from '../../../../protocol/units.ts'
import { openDatabase } from '../../../../runtime/sqlite.ts'
import { certifiedPrice, hash, promise, signReceipt } from '../../../support/epoch/cast.ts'
import { inferenceReceipt, inputsOf, START_SEC } from '../../../support/epoch/world.ts'

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

  it('is forgotten when its epoch has long been settled, but what it signed is not', () => {
    const [batch] = inputsOf().batches
    if (batch === undefined) throw new Error('the epoch has batches')
    store.raisePrice(4, certifiedPrice(5n, START_SEC))
    expect(store.addInclusion(promise(batch.batch, 4))).to.equal(true)
    expect(store.addInclusion(promise(batch.batch, 4)), 'the same again').to.equal(false)
    store.addClosing(4, hash('bundle'), hash('state'))
    store.addSeal({ window: 3, root: hash('root'), count: 1 }, 1)
    store.lock(4, 0, lock('report'))
    store.forgetBefore(4, 3)
    expect(store.inclusionsOf(4)).to.have.length(1)
    store.forgetBefore(5, 4)
    expect(store.highestPrice(4)).to.equal(undefined)
    expect(store.inclusionsOf(4)).to.deep.equal([])
    expect(store.closingOf(hash('bundle'))).to.equal(undefined)
    expect(store.rootsBetween(0, 9).size).to.equal(0)
    expect(store.lockOf(4, 0)).to.deep.equal(lock('report'))
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
