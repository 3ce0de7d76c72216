/** What a payer must have signed before a worker works: decides over values, the time included. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { type EpochClock, epochOf } from '../../protocol/epoch/time.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type AcceptedHold, acceptedBy, isSignedByPayer } from '../../protocol/usage/hold.ts'
import { type Channel, isReceiptSigned, payeeOf, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { ASSET, type Asset, NOBODY } from '../../protocol/usage/wire.ts'

/** The least that a receipt must say. */
export interface Offer {
  readonly worker: Address
  readonly gateway: Address
  readonly kind: Channel['kind']
  readonly id: Hash
  readonly version: number
  readonly cumulativeUnits: bigint
  readonly cumulativeCeiling: bigint
  readonly validUntilEpoch: number
}

export const TERMS_REFUSALS = [
  'OTHER_CHANNEL',
  'UNKNOWN_GATEWAY',
  'RECEIPT_TOO_LOW',
  'RECEIPT_EXPIRES',
  'WRONG_HOLD',
  'WRONG_ASSET',
  'HOLD_EXPIRES',
  'HOLD_USED_UP',
  'BAD_RECEIPT_SIGNATURE',
  'BAD_HOLD_SIGNATURE',
  'NO_RELAYER',
] as const
/** Why nothing is done for a payer yet; all but a forged signature can be put right by another receipt or hold. */
export type TermsRefusal = (typeof TERMS_REFUSALS)[number]

export interface TermsContext {
  readonly domain: Domain
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly isRelayer: (address: Address) => boolean
  readonly isGateway: (address: Address) => boolean
  /** What the work is paid in. */
  readonly asset: Asset
  /** Wei that this worker has charged under the hold. */
  readonly holdUsed: bigint
  /** Wei that the work may add at most. */
  readonly mostCost: bigint
}

/**
 * Through a gateway, the gateway is the hold's payee and keeps its workers from being promised the same money. An
 * address that the registry does not list keeps nobody from anything: it may be the payer's own.
 */
export function mayBeGateway(gateway: Address, { isGateway }: Pick<TermsContext, 'isGateway'>): boolean {
  return gateway === NOBODY || isGateway(gateway)
}

/** Cheapest first; signatures last. */
export function refuseTerms(
  offer: Offer,
  { receipt, signature }: SignedReceipt,
  accepted: AcceptedHold,
  context: TermsContext,
): TermsRefusal | undefined {
  const sameChannel =
    receipt.worker === offer.worker &&
    receipt.gateway === offer.gateway &&
    receipt.kind === offer.kind &&
    receipt.id === offer.id &&
    receipt.version === offer.version
  if (!sameChannel) return 'OTHER_CHANNEL'
  if (!mayBeGateway(receipt.gateway, context)) return 'UNKNOWN_GATEWAY'
  if (receipt.cumulativeCeiling < offer.cumulativeCeiling || receipt.cumulativeUnits < offer.cumulativeUnits)
    return 'RECEIPT_TOO_LOW'
  if (receipt.validUntilEpoch < offer.validUntilEpoch) return 'RECEIPT_EXPIRES'

  const { hold } = accepted
  const fits = hold.payer === receipt.payer && hold.payee === payeeOf(receipt) && hold.kind === receipt.kind
  if (!fits) return 'WRONG_HOLD'
  if (hold.asset !== context.asset) return 'WRONG_ASSET'
  if (hold.expiresEpoch < offer.validUntilEpoch) return 'HOLD_EXPIRES'
  if (context.holdUsed + context.mostCost > hold.maxAmount) return 'HOLD_USED_UP'

  const { domain, crypto } = context
  if (!isReceiptSigned(domain, { receipt, signature }, crypto)) return 'BAD_RECEIPT_SIGNATURE'
  if (!isSignedByPayer(domain, hold, accepted.payerSignature, crypto)) return 'BAD_HOLD_SIGNATURE'
  const relayer = acceptedBy(domain, accepted, crypto)
  return relayer !== undefined && context.isRelayer(relayer) ? undefined : 'NO_RELAYER'
}

/**
 * The epoch in which what is done now is stated at the latest. Receipts and holds must still count then: a record
 * that comes an epoch too late is worth nothing.
 *
 * @param nowSec block time
 * @param delaySec until a record is with the relayer
 */
export function statedBy(clock: EpochClock, nowSec: number, delaySec: number): number {
  return epochOf(clock, nowSec + delaySec)
}

/** Whether a receipt is worth keeping in another's place: relayers keep the higher ceiling, then the more units. */
export function isBetterReceipt(receipt: SignedReceipt, than: SignedReceipt): boolean {
  const [a, b] = [receipt.receipt, than.receipt]
  if (a.cumulativeCeiling !== b.cumulativeCeiling) return a.cumulativeCeiling > b.cumulativeCeiling
  if (a.cumulativeUnits !== b.cumulativeUnits) return a.cumulativeUnits > b.cumulativeUnits
  return a.validUntilEpoch > b.validUntilEpoch
}

export const PRICE_ASSET = { inference: ASSET.io, hire: ASSET.iosd } as const
