import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { Ledger } from '../../../worker/channels/ledger.ts'
import { Hires, type LeaseEnd } from '../../../worker/hires/hires.ts'
import { Occupancy } from '../../../worker/occupancy.ts'
import { openWorkerStore, type WorkerStore } from '../../../worker/store/worker-store.ts'
import { crypto, DOMAIN } from '../../support/network/cast.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { Customer, RELAYER } from '../../support/worker/customer.ts'

const SECRET = seeded('worker')
const WORKER = new Customer('worker', DOMAIN).address
const PER_SEC = 10n
const LEASE: Hash = `0x${'77'.repeat(32)}`

describe('a hire', () => {
  let store: WorkerStore
  let hires: Hires
  let occupancy: Occupancy
  let nowMs: number
  let ends: LeaseEnd[]
  const customer = new Customer('hirer', DOMAIN)

  const hold = (maxAmount = 1_000n) =>
    customer.hold(WORKER, { kind: WORK_KIND.hire, asset: ASSET.iosd, maxAmount })
  const receipt = (seconds: bigint, changes = {}) =>
    customer.receipt({
      ...{ worker: WORKER, gateway: NOBODY, kind: WORK_KIND.hire, id: LEASE, version: 0 },
      cumulativeUnits: seconds,
      cumulativeCeiling: seconds * PER_SEC,
      validUntilEpoch: 9,
      ...changes,
    })
  /** Lets time pass, metered each second, as in the process. */
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds; i++) {
      nowMs += 1_000
      hires.meter()
    }
  }
  const records = () => store.outbox.unbatched(1_000)?.records ?? []
  const charges = () =>
    records().map(record => ('cumulativeCharge' in record ? record.cumulativeCharge : -1n))
  const codeOf = (work: () => unknown): unknown => {
    try {
      work()
      return undefined
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  }

  beforeEach(() => {
    store = openWorkerStore(':memory:')
    const sign = (digest: Uint8Array) => crypto.sign(digest, SECRET)
    nowMs = 0
    ends = []
    occupancy = new Occupancy()
    hires = new Hires(
      { worker: WORKER, iosdPerSec: PER_SEC },
      {
        ledger: new Ledger({ domain: DOMAIN, worker: WORKER }, { store, sign }),
        occupancy,
        terms: { domain: DOMAIN, crypto, isRelayer: address => address === RELAYER },
        mustLastUntil: () => 5,
        admit: () => {},
        monotonic: () => nowMs,
        nowSec: () => 1_000,
        onSeconds: () => {},
        onEnd: (_, reason) => ends.push(reason),
      },
    )
  })
  afterEach(() => store.close())

  it('states one cumulative record a second under the hold', () => {
    const accepted = hold()
    hires.begin(accepted, receipt(10n))
    pass(3)
    expect(charges()).to.deep.equal([10n, 20n, 30n])
    expect(records()[2]).to.include({
      kind: WORK_KIND.hire,
      payer: customer.address,
      gateway: NOBODY,
      id: LEASE,
      cumulativeUnits: 3n,
      hold: holdId(DOMAIN, accepted.hold),
    })
  })

  it('never charges above the receipt, goes on when a better one comes in time, and charges no gap', () => {
    hires.begin(hold(), receipt(2n))
    pass(4)
    expect(charges()).to.deep.equal([10n, 20n])
    hires.extend(LEASE, receipt(4n))
    pass(1)
    expect(charges()).to.deep.equal([10n, 20n, 30n])
    expect(ends).to.deep.equal([])
  })

  it('ends by itself five seconds after receipts ran out, and is free for others', () => {
    hires.begin(hold(), receipt(1n))
    pass(5)
    expect(occupancy.state).to.equal('hired')
    pass(1)
    expect(occupancy.state).to.equal('idle')
    expect(ends).to.deep.equal(['NOT_COVERED'])
    expect(codeOf(() => hires.extend(LEASE, receipt(9n)))).to.equal('NO_LEASE')
  })

  it('never charges above the hold, and goes on under another one of the same lease', () => {
    hires.begin(hold(25n), receipt(9n))
    pass(4)
    expect(charges()).to.deep.equal([10n, 20n])
    expect(codeOf(() => hires.extend(LEASE, receipt(9n)))).to.equal('HOLD_USED_UP')
    const second = hold()
    hires.begin(second, receipt(9n))
    pass(1)
    expect(charges()).to.deep.equal([10n, 20n, 30n])
    expect(records()[2]).to.include({ hold: holdId(DOMAIN, second.hold) })
  })

  it('states the whole seconds of a time in which it was not asked to meter', () => {
    hires.begin(hold(), receipt(10n))
    nowMs += 3_700
    hires.meter()
    nowMs += 300
    hires.meter()
    expect(charges()).to.deep.equal([30n, 40n])
  })

  it('refuses a second hirer, another payer of the lease, and a receipt that ends too soon', () => {
    hires.begin(hold(), receipt(10n))
    const other = new Customer('other hirer', DOMAIN)
    const fields = { kind: WORK_KIND.hire, asset: ASSET.iosd } as const
    const theirs = (id: Hash) => other.receipt({ ...receipt(10n).receipt, id }, { payer: other.address })
    expect(codeOf(() => hires.begin(other.hold(WORKER, fields), theirs(`0x${'78'.repeat(32)}`)))).to.equal(
      'HIRED',
    )
    expect(codeOf(() => hires.begin(other.hold(WORKER, fields), theirs(LEASE)))).to.equal('LEASE_TAKEN')
    expect(codeOf(() => hires.extend(LEASE, receipt(11n, { validUntilEpoch: 4 })))).to.equal(
      'RECEIPT_EXPIRES',
    )
  })

  it('gives the whole of a lease back in a signed statement when it is closed', () => {
    hires.begin(hold(), receipt(10n))
    pass(2)
    nowMs += 1_500
    const closed = hires.close(LEASE, customer.leaseEnd(WORKER, LEASE, 1_030))
    expect(closed.charged).to.equal(30n)
    expect(closed.statement.statement).to.include({ cumulativeCharge: 30n, cumulativeUnits: 3n, id: LEASE })
    expect(ends).to.deep.equal(['CLOSED'])
  })

  it('is ended by its payer only, and by no request that is old or made for later', () => {
    hires.begin(hold(), receipt(10n))
    const stranger = new Customer('stranger', DOMAIN)
    const asked = [
      stranger.leaseEnd(WORKER, LEASE, 1_030),
      customer.leaseEnd(WORKER, `0x${'78'.repeat(32)}`, 1_030),
      customer.leaseEnd(customer.address, LEASE, 1_030),
      { ...customer.leaseEnd(WORKER, LEASE, 1_030), validUntil: 1_031 },
      customer.leaseEnd(WORKER, LEASE, 999),
      customer.leaseEnd(WORKER, LEASE, 1_061),
    ]
    for (const each of asked) expect(codeOf(() => hires.close(LEASE, each))).to.equal('NOT_THE_PAYER')
    expect(ends).to.deep.equal([])
  })
})
