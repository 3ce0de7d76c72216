import { expect } from 'chai'
import type { Address } from '../../../protocol/bytes.ts'
import type { Hold } from '../../../protocol/usage/hold.ts'
import type { Receipt } from '../../../protocol/usage/receipt.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { type Offer, refuseTerms, statedBy, type TermsContext } from '../../../worker/channels/terms.ts'
import { Occupancy } from '../../../worker/occupancy.ts'
import { crypto, DOMAIN } from '../../support/network/cast.ts'
import { seeded } from '../../support/protocol/seeded.ts'
import { Customer, RELAYER } from '../../support/worker/customer.ts'

const WORKER: Address = `0x${'11'.repeat(20)}`
const GATEWAY: Address = `0x${'9a'.repeat(20)}`
const OFFER: Offer = {
  ...{ worker: WORKER, gateway: GATEWAY, kind: WORK_KIND.inference, id: `0x${'01'.repeat(32)}`, version: 1 },
  ...{ cumulativeUnits: 100n, cumulativeCeiling: 50n, validUntilEpoch: 7 },
}

describe('the terms under which a worker works', () => {
  const customer = new Customer('payer', DOMAIN)
  const refusal = (
    change: {
      receipt?: Partial<Receipt>
      hold?: Partial<Hold>
      relayer?: Uint8Array
      context?: Partial<TermsContext>
    } = {},
  ) =>
    refuseTerms(
      OFFER,
      customer.receipt(OFFER, change.receipt),
      customer.hold(GATEWAY, { maxAmount: 60n, expiresEpoch: 7, ...change.hold }, change.relayer),
      {
        ...{ domain: DOMAIN, crypto, isRelayer: address => address === RELAYER },
        isGateway: address => address === GATEWAY,
        ...{ asset: ASSET.io, holdUsed: 10n, mostCost: 50n },
        ...change.context,
      },
    )

  it('are met by a receipt that says exactly the offer and a hold with exactly enough left', () => {
    expect(refusal()).to.equal(undefined)
  })

  it('name the first thing that is missing', () => {
    const stranger = seeded('stranger')
    expect([
      refusal({ receipt: { gateway: WORKER } }),
      refusal({ receipt: { version: 2 } }),
      refusal({ receipt: { cumulativeCeiling: 49n } }),
      refusal({ receipt: { cumulativeUnits: 99n } }),
      refusal({ receipt: { validUntilEpoch: 6 } }),
      refusal({ hold: { payee: WORKER } }),
      refusal({ hold: { payer: WORKER } }),
      refusal({ hold: { kind: WORK_KIND.hire } }),
      refusal({ hold: { asset: ASSET.iosd } }),
      refusal({ hold: { expiresEpoch: 6 } }),
      refusal({ context: { holdUsed: 11n } }),
      refusal({ relayer: stranger }),
      refusal({ context: { domain: { ...DOMAIN, chainId: 1 } } }),
    ]).to.deep.equal([
      'OTHER_CHANNEL',
      'OTHER_CHANNEL',
      'RECEIPT_TOO_LOW',
      'RECEIPT_TOO_LOW',
      'RECEIPT_EXPIRES',
      'WRONG_HOLD',
      'WRONG_HOLD',
      'WRONG_HOLD',
      'WRONG_ASSET',
      'HOLD_EXPIRES',
      'HOLD_USED_UP',
      'NO_RELAYER',
      'BAD_RECEIPT_SIGNATURE',
    ])
  })

  it('are met through a registered gateway or none: any other may be the payer, who promises one hold to many', () => {
    const through = (gateway: Address, payee: Address) =>
      refuseTerms(
        { ...OFFER, gateway },
        customer.receipt({ ...OFFER, gateway }),
        customer.hold(payee, { maxAmount: 60n, expiresEpoch: 7 }),
        {
          ...{ domain: DOMAIN, crypto, asset: ASSET.io, holdUsed: 0n, mostCost: 50n },
          isRelayer: address => address === RELAYER,
          isGateway: address => address === GATEWAY,
        },
      )
    expect(through(customer.address, customer.address)).to.equal('UNKNOWN_GATEWAY')
    expect(through(GATEWAY, GATEWAY)).to.equal(undefined)
    expect(through(NOBODY, WORKER)).to.equal(undefined)
  })

  it('ask for the epoch in which the work is stated, not the one in which it is done', () => {
    const clock = { startSec: 0, lengthSec: 40 }
    expect([statedBy(clock, 33, 6), statedBy(clock, 34, 6)]).to.deep.equal([0, 1])
  })
})

describe('the occupancy of a worker', () => {
  it('runs one inference after the other, and no more than eight wait', async () => {
    const occupancy = new Occupancy()
    const order: number[] = []
    const gate = Promise.withResolvers<void>()
    const turns = Array.from({ length: 8 }, (_, i) =>
      occupancy.inTurn(WORKER, async () => {
        await gate.promise
        order.push(i)
        if (i === 3) throw new Error('fails')
      }),
    )
    const ninth = await occupancy.inTurn(WORKER, async () => {}).catch((error: unknown) => error)
    expect(ninth).to.have.property('code', 'BUSY')
    gate.resolve()
    const results = await Promise.allSettled(turns)
    expect(order).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7])
    expect(results.map(({ status }) => status === 'rejected')).to.deep.equal(order.map(index => index === 3))
    expect(occupancy.queued).to.equal(0)
  })

  it('serves a hirer alone, and is not hired away from who waits', async () => {
    const occupancy = new Occupancy()
    occupancy.hire(WORKER)
    expect(() => occupancy.admit(GATEWAY))
      .to.throw()
      .with.property('code', 'HIRED')
    expect(await occupancy.inTurn(WORKER, async () => 1)).to.equal(1)
    occupancy.release()
    const gate = Promise.withResolvers<void>()
    const turn = occupancy.inTurn(GATEWAY, () => gate.promise)
    expect(() => occupancy.hire(WORKER))
      .to.throw()
      .with.property('code', 'BUSY')
    gate.resolve()
    await turn
    occupancy.hire(WORKER)
    expect(occupancy.state).to.equal('hired')
  })
})
