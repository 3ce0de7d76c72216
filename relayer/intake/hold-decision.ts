/**
 * Whether a hold is accepted. Decides what auditors decide (`checkHolds`), and a little more: they judge an epoch after
 * the fees of the epoch before have been taken, which at the time of acceptance may not be settled yet. So IOSD is kept
 * free for every fee that can still fall due, and an acceptance stays covered whatever is charged.
 */
import { networkFee } from '../../protocol/epoch/pass-through.ts'
import type { Price } from '../../protocol/units.ts'
import type { Hold } from '../../protocol/usage/hold.ts'
import { ASSET, WORK_KIND } from '../../protocol/usage/wire.ts'

export const HOLD_REFUSALS = [
  'MALFORMED',
  'NO_EPOCH',
  'CHAIN_SILENT',
  'EXPIRED',
  'TOO_LONG',
  'WRONG_ASSET',
  'NO_AMOUNT',
  'BAD_SIGNATURE',
  'ACCEPTED_BEFORE',
  'TOO_MANY_HOLDS',
  'NOT_COVERED',
  'NO_PRICE',
  'FEE_NOT_COVERED',
] as const
/** ACCEPTED_BEFORE: by another relayer; one's own acceptance is given again. CHAIN_SILENT: no endpoint tells deposits as they are now. */
export type HoldRefusal = (typeof HOLD_REFUSALS)[number]

/** Wei of one payer and asset. */
export interface AssetBook {
  /** Deposits less withdrawals, requested ones included, less debits. */
  readonly free: bigint
  /** What open holds may still take. */
  readonly open: bigint
  /** Charged, and not yet debited. */
  readonly unsettled: bigint
}

export interface PayerBook {
  readonly io: AssetBook
  readonly iosd: AssetBook
  /** Wei of IO that fees are still due of: charged before, or still to be charged under open holds. */
  readonly feeBase: bigint
  readonly openHolds: number
}

export interface HoldTerms {
  readonly epoch: number
  readonly longestHoldEpochs: number
  readonly feeBps: number
  /** The newest certified price; undefined before the first. */
  readonly price: Price | undefined
}

export type HoldDecision = { readonly openTotal: bigint } | { readonly refused: HoldRefusal }

/** Each of them is looked at for each new one, and read by every auditor. */
export const MAX_OPEN_HOLDS = 1_024

/**
 * Fees are taken at the highest price of their epoch, which nobody knows yet. Should the price more than double within
 * the life of a hold, a fee waits instead of being taken, as long as no newer hold has counted on what it needs.
 */
const PRICE_MARGIN = 2n

/** Every step of a channel rounds a fee up by at most a wei: a million steps of each hold cost nothing either. */
const ROUNDING_WEI = 1_000_000n

/** What can be refused without looking at any book. */
export function refuseShape(hold: Hold, { epoch, longestHoldEpochs }: HoldTerms): HoldRefusal | undefined {
  if (hold.expiresEpoch < epoch) return 'EXPIRED'
  if (hold.expiresEpoch - epoch > longestHoldEpochs) return 'TOO_LONG'
  // No charge could ever count: see the meter.
  if (hold.asset === ASSET.iosd && hold.kind !== WORK_KIND.hire) return 'WRONG_ASSET'
  return hold.maxAmount === 0n ? 'NO_AMOUNT' : undefined
}

/** @param book of the payer, without this hold */
export function decideHold(hold: Hold, book: PayerBook, terms: HoldTerms): HoldDecision {
  const shape = refuseShape(hold, terms)
  if (shape !== undefined) return { refused: shape }
  if (book.openHolds >= MAX_OPEN_HOLDS) return { refused: 'TOO_MANY_HOLDS' }
  const inIo = hold.asset === ASSET.io
  const asset = inIo ? book.io : book.iosd
  const openTotal = asset.open + asset.unsettled + hold.maxAmount
  if (openTotal > asset.free) return { refused: 'NOT_COVERED' }

  const feeBase = inIo ? book.feeBase + hold.maxAmount : book.feeBase
  const reserve = feeReserve(feeBase, book.openHolds + 1, terms)
  if (reserve === undefined) return { refused: 'NO_PRICE' }
  const iosdTaken = inIo ? book.iosd.open + book.iosd.unsettled : openTotal
  if (iosdTaken + reserve <= book.iosd.free) return { openTotal }
  return { refused: inIo ? 'FEE_NOT_COVERED' : 'NOT_COVERED' }
}

/** Wei of IOSD to be kept free for fees; undefined when they cannot be told without a price. */
export function feeReserve(
  feeBase: bigint,
  holds: number,
  { feeBps, price }: Pick<HoldTerms, 'feeBps' | 'price'>,
): bigint | undefined {
  if (feeBase === 0n || feeBps === 0) return 0n
  if (price === undefined) return undefined
  return networkFee(feeBase, feeBps, (price * PRICE_MARGIN) as Price) + ROUNDING_WEI * BigInt(holds)
}
