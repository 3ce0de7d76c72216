import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { Ledger } from '../../../worker/channels/ledger.ts'
import type { TakeReceipt } from '../../../worker/channels/take-receipt.ts'
import { Hires, type LeaseEnd } from '../../../worker/hires/hires.ts'
import { Occupancy } from '../../../worker/occupancy.ts'
import { RefusedError } from '../../../worker/refused.ts'
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
  let takeReceipt: TakeReceipt
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
  const codeOf = async (work: () => unknown): Promise<unknown> => {
    try {
      await work()
      return undefined
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  }

  /** A worker's process: all that outlives it is the store. */
  const process = (): Hires => {
    const sign = (digest: Uint8Array) => crypto.sign(digest, SECRET)
    occupancy = new Occupancy()
    return new Hires(
      { worker: WORKER, iosdPerSec: PER_SEC },
      {
        ledger: new Ledger({ domain: DOMAIN, worker: WORKER }, { store, sign }),
        occupancy,
        terms: {
          ...{ domain: DOMAIN, crypto },
          isRelayer: address => address === RELAYER,
          isGateway: () => false,
        },
        takeReceipt: signed => takeReceipt(signed),
        mustLastUntil: () => 5,
        admit: () => {},
        monotonic: () => nowMs,
        nowSec: () => 1_000,
        onSeconds: () => {},
        onEnd: (_, reason) => ends.push(reason),
      },
    )
  }

  beforeEach(() => {
    store = openWorkerStore(':memory:')
    nowMs = 0
    ends = []
    takeReceipt = async () => {}
    hires = process()
  })
  afterEach(() => store.close())

  it('states one cumulative record a second under the hold', async () => {
    const accepted = hold()
    await hires.begin(accepted, receipt(10n))
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

  it('never charges above the receipt, goes on when a better one comes in time, and charges no gap', async () => {
    await hires.begin(hold(), receipt(5n))
    pass(7)
    expect(charges()).to.deep.equal([10n, 20n, 30n, 40n, 50n])
    await hires.extend(LEASE, receipt(7n))
    pass(1)
    expect(charges()).to.deep.equal([10n, 20n, 30n, 40n, 50n, 60n])
    expect(ends).to.deep.equal([])
  })

  it('begins only when all of the grace is covered, by the receipt and by the hold', async () => {
    expect(await codeOf(() => hires.begin(hold(), receipt(4n)))).to.equal('RECEIPT_TOO_LOW')
    expect(await codeOf(() => hires.begin(hold(49n), receipt(5n)))).to.equal('HOLD_USED_UP')
    expect(occupancy.state).to.equal('idle')
    expect(await codeOf(() => hires.begin(hold(50n), receipt(5n)))).to.equal(undefined)
  })

  it('ends by itself five seconds after receipts ran out, and is free for others', async () => {
    await hires.begin(hold(), receipt(5n))
    pass(9)
    expect(occupancy.state).to.equal('hired')
    pass(1)
    expect(occupancy.state).to.equal('idle')
    expect(ends).to.deep.equal(['NOT_COVERED'])
    expect(await codeOf(() => hires.extend(LEASE, receipt(9n)))).to.equal('NO_LEASE')
  })

  it('never charges above the hold, and goes on under another one of the same lease', async () => {
    await hires.begin(hold(55n), receipt(9n))
    pass(7)
    expect(charges()).to.deep.equal([10n, 20n, 30n, 40n, 50n])
    expect(await codeOf(() => hires.extend(LEASE, receipt(10n)))).to.equal('HOLD_USED_UP')
    const second = hold()
    await hires.begin(second, receipt(10n))
    pass(1)
    expect(charges().at(-1)).to.equal(60n)
    expect(records().at(-1)).to.include({ hold: holdId(DOMAIN, second.hold) })
  })

  it('goes on under another hold for its payer only: not for who repeats what it has seen', async () => {
    const [first, second] = [hold(), hold()]
    await hires.begin(first, receipt(9n))
    await hires.begin(second, receipt(10n))
    expect(await codeOf(() => hires.begin(first, receipt(9n)))).to.equal('RECEIPT_TOO_LOW')
    expect(await codeOf(() => hires.begin(first, receipt(10n)))).to.equal('RECEIPT_TOO_LOW')
    // The payer's own repetition, whose answer was lost.
    expect(await hires.begin(second, receipt(10n))).to.equal(LEASE)
    pass(1)
    expect(records().at(-1)).to.include({ hold: holdId(DOMAIN, second.hold) })
  })

  it('states the whole seconds of a time in which it was not asked to meter', async () => {
    await hires.begin(hold(), receipt(10n))
    nowMs += 3_700
    hires.meter()
    nowMs += 300
    hires.meter()
    expect(charges()).to.deep.equal([30n, 40n])
  })

  it('refuses a second hirer, another payer of the lease, and a receipt that ends too soon', async () => {
    await hires.begin(hold(), receipt(10n))
    const other = new Customer('other hirer', DOMAIN)
    const fields = { kind: WORK_KIND.hire, asset: ASSET.iosd } as const
    const theirs = (id: Hash) => other.receipt({ ...receipt(10n).receipt, id }, { payer: other.address })
    const theirLease = theirs(`0x${'78'.repeat(32)}`)
    expect(await codeOf(() => hires.begin(other.hold(WORKER, fields), theirLease))).to.equal('HIRED')
    expect(await codeOf(() => hires.begin(other.hold(WORKER, fields), theirs(LEASE)))).to.equal('LEASE_TAKEN')
    const brief = receipt(11n, { validUntilEpoch: 4 })
    expect(await codeOf(() => hires.extend(LEASE, brief))).to.equal('RECEIPT_EXPIRES')
  })

  it('neither begins nor goes on with a receipt that the relayer has not taken', async () => {
    takeReceipt = async () => {
      throw new RefusedError('RELAYER_DOWN')
    }
    expect(await codeOf(() => hires.begin(hold(), receipt(10n)))).to.equal('RELAYER_DOWN')
    expect(occupancy.state).to.equal('idle')
    takeReceipt = async () => {}
    await hires.begin(hold(), receipt(6n))
    takeReceipt = async () => {
      throw new RefusedError('RECEIPT_REFUSED')
    }
    expect(await codeOf(() => hires.extend(LEASE, receipt(20n)))).to.equal('RECEIPT_REFUSED')
    pass(8)
    expect(charges().at(-1)).to.equal(60n)
  })

  it('is given to one of two who come while the relayer is asked', async () => {
    const gate = Promise.withResolvers<void>()
    takeReceipt = () => gate.promise
    const other = new Customer('other hirer', DOMAIN)
    const theirs = other.receipt({ ...receipt(10n).receipt, id: `0x${'78'.repeat(32)}` })
    const both = Promise.allSettled([
      hires.begin(hold(), receipt(10n)),
      hires.begin(other.hold(WORKER, { kind: WORK_KIND.hire, asset: ASSET.iosd }), theirs),
    ])
    gate.resolve()
    const [ours, refused] = await both
    expect(ours.status).to.equal('fulfilled')
    expect(refused).to.have.nested.property('reason.code', 'HIRED')
    expect(occupancy.hirer).to.equal(customer.address)
  })

  it('gives the whole of a lease back in a signed statement when it is closed', async () => {
    const accepted = hold()
    await hires.begin(accepted, receipt(10n))
    pass(2)
    nowMs += 1_500
    const closed = hires.close(LEASE, customer.leaseEnd(WORKER, LEASE, accepted, 1_030))
    expect(closed.charged).to.equal(30n)
    expect(closed.statement.statement).to.include({ cumulativeCharge: 30n, cumulativeUnits: 3n, id: LEASE })
    expect(ends).to.deep.equal(['CLOSED'])
  })

  it('is ended by its payer only, and by no request that is old, made for later, or for another hold', async () => {
    const accepted = hold()
    await hires.begin(accepted, receipt(10n))
    const stranger = new Customer('stranger', DOMAIN)
    const asked = [
      stranger.leaseEnd(WORKER, LEASE, accepted, 1_030),
      customer.leaseEnd(WORKER, `0x${'78'.repeat(32)}`, accepted, 1_030),
      customer.leaseEnd(customer.address, LEASE, accepted, 1_030),
      { ...customer.leaseEnd(WORKER, LEASE, accepted, 1_030), validUntil: 1_031 },
      customer.leaseEnd(WORKER, LEASE, accepted, 999),
      customer.leaseEnd(WORKER, LEASE, accepted, 1_061),
      customer.leaseEnd(WORKER, LEASE, hold(), 1_030),
    ]
    for (const each of asked) expect(await codeOf(() => hires.close(LEASE, each))).to.equal('NOT_THE_PAYER')
    expect(ends).to.deep.equal([])
  })

  it('is begun again by no receipt that it has seen, whether it was closed or the process was killed', async () => {
    const accepted = hold()
    await hires.begin(accepted, receipt(10n))
    await hires.extend(LEASE, receipt(20n))
    pass(1)
    hires.close(LEASE, customer.leaseEnd(WORKER, LEASE, accepted, 1_030))
    for (const begun of [hires, process()]) {
      hires = begun
      for (const seconds of [10n, 20n])
        expect(await codeOf(() => hires.begin(accepted, receipt(seconds)))).to.equal('RECEIPT_TOO_LOW')
    }
    const refused = await hires.begin(accepted, receipt(20n)).catch((error: unknown) => error)
    expect(refused).to.have.nested.property('members.offer.cumulativeUnits', 21n)
    expect(await hires.begin(accepted, receipt(21n))).to.equal(LEASE)
    hires = process()
    expect(await codeOf(() => hires.begin(accepted, receipt(21n)))).to.equal('RECEIPT_TOO_LOW')
  })

  it('forgets what leases were shown only when it counts no longer', async () => {
    await hires.begin(hold(), receipt(10n))
    hires.stop()
    const ledger = new Ledger({ domain: DOMAIN, worker: WORKER }, { store, sign: () => new Uint8Array() })
    const { receipt: channel } = receipt(10n)
    ledger.forgetBefore(9)
    expect(ledger.isNewToLease(channel, receipt(10n))).to.equal(false)
    ledger.forgetBefore(10)
    expect(ledger.isNewToLease(channel, receipt(10n))).to.equal(true)
  })
})
