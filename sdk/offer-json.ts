/** Offers as they stand in JSON: amounts are decimal strings, bytes are lower-case hexadecimal with 0x. */
import type { Address } from '../protocol/bytes.ts'
import { ASSET, type Asset, WORK_KIND } from '../protocol/usage/wire.ts'
import {
  addressField,
  countField,
  hashField,
  hexField,
  integerField,
  type JsonObject,
  textField,
} from './json.ts'
import type { Offer } from './payer.ts'

/** An offer as a gateway passes it on: with what the hold must be like. */
export interface GatewayOffer {
  /** What the receipt must say at least. */
  readonly terms: Offer
  /** Sticks to its worker for a minute; sent back in `io-offer`. */
  readonly offerId: string
  readonly holdPayee: Address
  readonly asset: Asset
  /** Wei that the hold must have left: the most that this request can cost. */
  readonly minHoldWei: bigint
  readonly ioPerThousandUnitsWei: bigint
}

/** The header fields of a paid request. */
export const PAYMENT_HEADERS = {
  payer: 'io-payer',
  receipt: 'io-receipt',
  hold: 'io-hold',
  offer: 'io-offer',
} as const

/** At most 128 bits, as statements and records carry them. */
const MAX_AMOUNT = 1n << 128n
const MAX_VERSION = 2 ** 32
const MAX_EPOCH = 2 ** 48
const OFFER_ID = /^[0-9a-f]{1,64}$/

/** What a worker offers, for an inference or a hire. @throws {TypeError} */
export function readOffer(from: JsonObject): Offer {
  const kind = from['kind']
  if (kind !== WORK_KIND.inference && kind !== WORK_KIND.hire)
    throw new TypeError('kind is none that is known')
  return {
    worker: addressField(from, 'worker'),
    gateway: addressField(from, 'gateway'),
    kind,
    id: hashField(from, 'id'),
    version: boundedCount(from, 'version', MAX_VERSION),
    cumulativeUnits: amountField(from, 'cumulativeUnits'),
    cumulativeCeiling: amountField(from, 'cumulativeCeiling'),
    validUntilEpoch: boundedCount(from, 'validUntilEpoch', MAX_EPOCH),
  }
}

/** @throws {TypeError} */
export function readGatewayOffer(from: JsonObject): GatewayOffer {
  const offerId = textField(from, 'offerId')
  if (!OFFER_ID.test(offerId)) throw new TypeError('offerId is no hexadecimal number')
  if (from['asset'] !== ASSET.io) throw new TypeError('inferences are paid in IO')
  return {
    terms: readOffer(from),
    offerId,
    holdPayee: hexField(from, 'holdPayee', 20),
    asset: ASSET.io,
    minHoldWei: amountField(from, 'minHoldWei'),
    ioPerThousandUnitsWei: amountField(from, 'ioPerThousandUnitsWei'),
  }
}

/** What a gateway sends: the bigints become decimal strings. */
export function gatewayOfferJson({ terms, ...offer }: GatewayOffer): Record<string, unknown> {
  return {
    ...terms,
    ...offer,
    cumulativeUnits: String(terms.cumulativeUnits),
    cumulativeCeiling: String(terms.cumulativeCeiling),
    minHoldWei: String(offer.minHoldWei),
    ioPerThousandUnitsWei: String(offer.ioPerThousandUnitsWei),
  }
}

/** Wei or units. @throws {TypeError} */
export function amountField(from: JsonObject, name: string): bigint {
  const amount = integerField(from, name)
  if (amount >= MAX_AMOUNT) throw new TypeError(`${name} has more than 128 bits`)
  return amount
}

function boundedCount(from: JsonObject, name: string, bound: number): number {
  const value = countField(from, name)
  if (value >= bound) throw new TypeError(`${name} is too large`)
  return value
}
