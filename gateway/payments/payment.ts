/** Whether a payer's receipt and hold pay for a request. Pure: cheapest checks first, signatures last. */
import { type Address, bytesOf, DecodeError } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { type EpochClock, epochEndSec, epochOf } from '../../protocol/epoch/time.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  type AcceptedHold,
  acceptedBy,
  decodeAcceptedHold,
  isSignedByPayer,
} from '../../protocol/usage/hold.ts'
import { decodeSignedReceipt, isReceiptSigned, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { ASSET, WORK_KIND } from '../../protocol/usage/wire.ts'
import type { ServedModel } from '../../sdk/gateway-client.ts'
import type { Offer } from '../../sdk/payer.ts'
import type { GatewayRefusal } from '../refusals.ts'

export interface Payment {
  readonly receipt: SignedReceipt
  readonly hold: AcceptedHold
}

export interface PaymentTerms {
  readonly domain: Domain
  readonly gateway: Address
  readonly model: ServedModel
  readonly payer: Address
  /** The offer that the receipt answers, while it is remembered. */
  readonly offer: Offer | undefined
  readonly clock: EpochClock
  /** Time of the newest block. */
  readonly nowSec: number
  readonly isRelayer: (address: Address) => boolean
}

/** From an answer to the batch it is charged in: a worker sends one every ten seconds or so. */
export const HOLD_MARGIN_SEC = 15

const RECEIPT_HEX = /^0x([0-9a-fA-F]{2}){1,512}$/

/** A receipt and a hold from header fields, or what is wrong with them. */
export function readPayment(receipt: string, hold: string): Payment | GatewayRefusal {
  const signed = decode(receipt, decodeSignedReceipt)
  if (signed === undefined) return 'RECEIPT_MALFORMED'
  const accepted = decode(hold, decodeAcceptedHold)
  return accepted === undefined ? 'HOLD_MALFORMED' : { receipt: signed, hold: accepted }
}

function decode<T>(hex: string, read: (bytes: Uint8Array) => T): T | undefined {
  if (!RECEIPT_HEX.test(hex)) return undefined
  try {
    return read(bytesOf(hex))
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** Why the payment does not do. How much of the hold is left is the hold book's matter. */
export function refusePayment(
  payment: Payment,
  terms: PaymentTerms,
  crypto: Pick<IdentityCrypto, 'recover'>,
): GatewayRefusal | undefined {
  return (
    refuseReceipt(payment.receipt, terms) ??
    refuseHold(payment.hold, terms) ??
    refuseSignatures(payment, terms, crypto)
  )
}

function refuseReceipt({ receipt }: SignedReceipt, terms: PaymentTerms): GatewayRefusal | undefined {
  const { model, offer } = terms
  if (receipt.payer !== terms.payer) return 'RECEIPT_WRONG_PAYER'
  if (receipt.gateway !== terms.gateway) return 'RECEIPT_WRONG_GATEWAY'
  const fits = receipt.id === model.id && receipt.version === model.version
  if (receipt.kind !== WORK_KIND.inference || !fits) return 'RECEIPT_WRONG_MODEL'
  if (offer !== undefined && receipt.worker !== offer.worker) return 'RECEIPT_WRONG_WORKER'
  if (receipt.validUntilEpoch < epochOf(terms.clock, terms.nowSec)) return 'RECEIPT_EXPIRED'
  const below =
    offer !== undefined &&
    (receipt.cumulativeCeiling < offer.cumulativeCeiling ||
      receipt.cumulativeUnits < offer.cumulativeUnits ||
      receipt.validUntilEpoch < offer.validUntilEpoch)
  return below ? 'RECEIPT_TOO_LOW' : undefined
}

function refuseHold({ hold }: AcceptedHold, terms: PaymentTerms): GatewayRefusal | undefined {
  if (hold.payer !== terms.payer) return 'HOLD_WRONG_PAYER'
  if (hold.payee !== terms.gateway) return 'HOLD_WRONG_PAYEE'
  if (hold.kind !== WORK_KIND.inference) return 'HOLD_WRONG_KIND'
  if (hold.asset !== ASSET.io) return 'HOLD_WRONG_ASSET'
  const leftSec = epochEndSec(terms.clock, hold.expiresEpoch) - terms.nowSec
  return leftSec < HOLD_MARGIN_SEC ? 'HOLD_EXPIRED' : undefined
}

function refuseSignatures(
  { receipt, hold }: Payment,
  { domain, isRelayer }: PaymentTerms,
  crypto: Pick<IdentityCrypto, 'recover'>,
): GatewayRefusal | undefined {
  if (!isReceiptSigned(domain, receipt, crypto)) return 'RECEIPT_BAD_SIGNATURE'
  if (!isSignedByPayer(domain, hold.hold, hold.payerSignature, crypto)) return 'HOLD_BAD_SIGNATURE'
  const relayer = acceptedBy(domain, hold, crypto)
  return relayer === undefined || !isRelayer(relayer) ? 'HOLD_NOT_ACCEPTED' : undefined
}
