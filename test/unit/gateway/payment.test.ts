import { expect } from 'chai'
import {
  type Payment,
  type PaymentTerms,
  readPayment,
  refusePayment,
} from '../../../gateway/payments/payment.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { encodeAcceptedHold, type Hold } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt, type Receipt } from '../../../protocol/usage/receipt.ts'
import { ASSET, WORK_KIND } from '../../../protocol/usage/wire.ts'
import type { Offer } from '../../../sdk/payer.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import {
  acceptedHold,
  aReceipt,
  GATEWAY,
  MODEL,
  PAYER,
  signedReceipt,
} from '../../support/gateway/payments.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const EPOCH_SEC = 100

function anOffer(): Offer {
  const { payer: _, ...offer } = aReceipt()
  return offer
}

/** Second 10 of epoch 2; hold and receipt last until the end of epoch 3. */
function terms(changes: Partial<PaymentTerms> = {}): PaymentTerms {
  return {
    domain: DOMAIN,
    gateway: GATEWAY,
    model: MODEL,
    payer: PAYER,
    offer: anOffer(),
    clock: { startSec: 1_000, lengthSec: EPOCH_SEC },
    nowSec: 1_210,
    isRelayer: address => address === addressOf('relayer'),
    ...changes,
  }
}

function payment(changes: { receipt?: Partial<Receipt>; hold?: Partial<Hold> } = {}): Payment {
  return { receipt: signedReceipt(changes.receipt), hold: acceptedHold(changes.hold) }
}

const refusal = (paid: Payment, of: PaymentTerms = terms()) => refusePayment(paid, of, nobleIdentityCrypto)

describe('a payment for an inference', () => {
  it('does when receipt and hold say what the offer asks for', () => {
    expect(refusal(payment())).to.equal(undefined)
    expect(refusal(payment(), terms({ offer: undefined }))).to.equal(undefined)
  })

  const other = addressOf('somebody')
  const CASES: readonly [
    title: string,
    code: string,
    paid: () => Payment,
    changes?: Partial<PaymentTerms>,
  ][] = [
    ["another payer's receipt", 'RECEIPT_WRONG_PAYER', () => payment({ receipt: { payer: other } })],
    [
      'a receipt for another gateway',
      'RECEIPT_WRONG_GATEWAY',
      () => payment({ receipt: { gateway: other } }),
    ],
    ['a receipt for another model', 'RECEIPT_WRONG_MODEL', () => payment({ receipt: { id: hash('other') } })],
    ['a receipt for another version', 'RECEIPT_WRONG_MODEL', () => payment({ receipt: { version: 2 } })],
    ['a receipt for a hire', 'RECEIPT_WRONG_MODEL', () => payment({ receipt: { kind: WORK_KIND.hire } })],
    ['a receipt for another worker', 'RECEIPT_WRONG_WORKER', () => payment({ receipt: { worker: other } })],
    ['a receipt that has expired', 'RECEIPT_EXPIRED', () => payment({ receipt: { validUntilEpoch: 1 } })],
    [
      'a wei less than the offer',
      'RECEIPT_TOO_LOW',
      () => payment({ receipt: { cumulativeCeiling: aReceipt().cumulativeCeiling - 1n } }),
    ],
    [
      'a unit less than the offer',
      'RECEIPT_TOO_LOW',
      () => payment({ receipt: { cumulativeUnits: 9_999n } }),
    ],
    ['an earlier end than the offer', 'RECEIPT_TOO_LOW', () => payment({ receipt: { validUntilEpoch: 2 } })],
    ["another payer's hold", 'HOLD_WRONG_PAYER', () => payment({ hold: { payer: other } })],
    ['a hold for another gateway', 'HOLD_WRONG_PAYEE', () => payment({ hold: { payee: other } })],
    ['a hold for hires', 'HOLD_WRONG_KIND', () => payment({ hold: { kind: WORK_KIND.hire } })],
    ['a hold of IOSD', 'HOLD_WRONG_ASSET', () => payment({ hold: { asset: ASSET.iosd } })],
    ['a hold that has expired', 'HOLD_EXPIRED', () => payment({ hold: { expiresEpoch: 1 } })],
    ['a hold that ends before the work is stated', 'HOLD_EXPIRED', () => payment(), { nowSec: 1_390 }],
    [
      'a receipt that somebody else signed',
      'RECEIPT_BAD_SIGNATURE',
      () => ({ ...payment(), receipt: signedReceipt({}, 'somebody') }),
    ],
    [
      'a hold that somebody else signed',
      'HOLD_BAD_SIGNATURE',
      () => ({ ...payment(), hold: acceptedHold({}, { payer: 'somebody' }) }),
    ],
    [
      'a hold that no registered relayer accepted',
      'HOLD_NOT_ACCEPTED',
      () => ({ ...payment(), hold: acceptedHold({}, { relayer: 'somebody' }) }),
    ],
  ]
  for (const [title, code, paid, changes] of CASES) {
    it(`does not with ${title}`, () => {
      expect(refusal(paid(), terms(changes))).to.equal(code)
    })
  }

  it('is read from header fields, or refused before anything is looked at', () => {
    const paid = payment()
    const [receipt, hold] = [hexOf(encodeSignedReceipt(paid.receipt)), hexOf(encodeAcceptedHold(paid.hold))]
    expect(readPayment(receipt, hold)).to.deep.equal(paid)
    expect(readPayment(`${receipt}00`, hold)).to.equal('RECEIPT_MALFORMED')
    expect(readPayment(receipt, 'undefined')).to.equal('HOLD_MALFORMED')
    expect(readPayment('0x'.padEnd(100_000, '0'), hold)).to.equal('RECEIPT_MALFORMED')
  })
})
