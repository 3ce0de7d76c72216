/**
 * The bookkeeping of a payer: signs holds and receipts, and believes no statement that it has not checked.
 *
 * Pure but for the signing that it is given, the same in a browser. It knows of each channel what the worker's last
 * statement said, and what was signed for since. Store {@link PayerBook.state} before a receipt leaves: who forgets
 * what it signed cannot tell a late charge from a false one.
 */
import { type Address, DecodeError, type Hash, type Hex } from '../protocol/bytes.ts'
import type { Domain } from '../protocol/domain.ts'
import { type IdentityCrypto, nobleIdentityCrypto } from '../protocol/identity.ts'
import { type Hold, holdDigest } from '../protocol/usage/hold.ts'
import { type LeaseEnd, leaseEndDigest } from '../protocol/usage/lease-end.ts'
import {
  type Channel,
  channelKey,
  payeeOf,
  type Receipt,
  receiptDigest,
  type SignedReceipt,
} from '../protocol/usage/receipt.ts'
import { decodeSignedStatement, isStatementSigned, type Statement } from '../protocol/usage/statement.ts'
import { WORK_KIND } from '../protocol/usage/wire.ts'
import { hireWorkHash } from '../protocol/usage/work-hash.ts'
import {
  NO_TOTALS,
  type PayerChannel,
  type PayerState,
  type PayerTotals,
  payerStateOf,
  readPayerState,
} from './payer-state.ts'

/** What a worker wants to see signed before it works: the least that a receipt must say. */
export type Offer = Omit<Receipt, 'payer'>

export const OFFER_REFUSALS = ['BELOW_CHARGED', 'ABOVE_LIMIT', 'UNPROVEN', 'TOO_MANY_CHANNELS'] as const
/**
 * Why a payer does not sign. BELOW_CHARGED: less than the worker itself has stated. ABOVE_LIMIT: this request would
 * cost more than it may. UNPROVEN: too much was signed for that no statement accounts for. TOO_MANY_CHANNELS: of as
 * many channels as the book keeps, none may be forgotten for a new one.
 */
export type OfferRefusal = (typeof OFFER_REFUSALS)[number]

export const STATEMENT_REFUSALS = [
  'MALFORMED',
  'UNKNOWN_CHANNEL',
  'BAD_SIGNATURE',
  'ABOVE_RECEIPT',
  'FELL',
  'WRONG_WORK',
] as const
/** Why a statement is not believed. */
export type StatementRefusal = (typeof STATEMENT_REFUSALS)[number]

export interface PayerBookOptions {
  readonly domain: Domain
  readonly payer: Address
  /** Signs a digest with the payer's key, or a spender's: 64 bytes, compact. */
  sign(digest: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** A number that no hold of this payer has had: random ones of 64 bits and more do. */
  nonce(): bigint
  /** What {@link PayerBook.state} gave. */
  readonly state?: unknown
  readonly crypto?: Pick<IdentityCrypto, 'recover'>
}

/** What a payer is ready to risk. */
export interface ReceiptLimits {
  /** Wei that this receipt may add to what was signed before on its channel. */
  readonly maxChargeWei: bigint
  /**
   * Wei that may be signed for without a statement that accounts for them, on all channels of this kind with the same
   * payee (a gateway; the worker where there is none): a gateway names the workers, and may name any number.
   */
  readonly maxUnprovenWei: bigint
}

export type ReceiptAnswer =
  | { readonly ok: true; readonly signed: SignedReceipt }
  | { readonly ok: false; readonly code: OfferRefusal }

export type StatementAnswer =
  | {
      readonly ok: true
      readonly statement: Statement
      /** What is new since the statement before it. */
      readonly chargedWei: bigint
      readonly units: bigint
    }
  | { readonly ok: false; readonly code: StatementRefusal }

export interface SignedLeaseEnd {
  readonly lease: Hash
  readonly validUntil: number
  readonly signature: Uint8Array
}

export interface PayerBook {
  readonly payer: Address
  /** Why {@link PayerBook.receiptFor} would sign nothing; asked before a hold is made for an offer. */
  refusalOf(offer: Offer, limits: ReceiptLimits): OfferRefusal | undefined
  newHold(terms: Omit<Hold, 'payer' | 'nonce'>): Promise<{ hold: Hold; signature: Uint8Array }>
  /** A receipt that says what the offer asks for. */
  receiptFor(offer: Offer, limits: ReceiptLimits): Promise<ReceiptAnswer>
  /** Takes a worker's statement in. `workHash`: what it must be about; of a hire that is known anyway. */
  accept(statement: Uint8Array, workHash?: Hash): StatementAnswer
  /** What ends a hire: to be sent before `validUntil`, Unix seconds, at most a minute from now. */
  endLease(end: LeaseEnd): Promise<SignedLeaseEnd>
  channel(channel: Omit<Channel, 'payer'>): PayerChannel | undefined
  /** A channel that will not be used again, such as an ended hire. */
  forget(channel: Omit<Channel, 'payer'>): void
  totals(): PayerTotals
  state(): PayerState
}

/**
 * Workers and leases that a payer deals with. Of a channel that was charged or signed for nothing may be forgotten: its
 * worker could state the same wei as new once more. So a new one is refused instead; the caller may `forget`.
 */
export const MAX_CHANNELS = 1_024

/** @throws {PayerStateError} when `state` is given and is not one of this payer's */
export function createPayerBook(options: PayerBookOptions): PayerBook {
  const { domain, payer, crypto = nobleIdentityCrypto } = options
  const stored = options.state === undefined ? undefined : readPayerState(options.state, payer)
  const channels = stored?.channels ?? new Map<Hex, PayerChannel>()
  let totals = stored?.totals ?? NO_TOTALS

  /** Puts a channel last, as the one that was used most recently. */
  const remember = (key: Hex, entry: PayerChannel): void => {
    channels.delete(key)
    channels.set(key, entry)
  }
  const known = (channel: Channel): PayerChannel =>
    channels.get(channelKey(channel)) ?? { channel, charged: 0n, units: 0n, ceiling: 0n, ceilingUnits: 0n }
  const refusalOf = (offer: Offer, limits: ReceiptLimits): OfferRefusal | undefined => {
    const channel = channelPartOf({ ...offer, payer })
    const key = channelKey(channel)
    const isNew = !channels.has(key)
    if (isNew && channels.size >= MAX_CHANNELS && emptyIn(channels) === undefined) return 'TOO_MANY_CHANNELS'
    const elsewhere = unprovenBeside(channels, key, channel)
    return refuseOffer(known(channel), elsewhere, offer, limits)
  }

  return {
    payer,
    refusalOf,
    newHold: async terms => {
      const hold = { ...terms, payer, nonce: options.nonce() }
      totals = { ...totals, holds: totals.holds + 1 }
      return { hold, signature: await options.sign(holdDigest(domain, hold)) }
    },
    endLease: async end => ({
      lease: end.lease,
      validUntil: end.validUntil,
      signature: await options.sign(leaseEndDigest(domain, end)),
    }),
    receiptFor: async (offer, limits) => {
      const receipt = { ...offer, payer }
      const channel = channelPartOf(receipt)
      const entry = known(channel)
      const code = refusalOf(offer, limits)
      if (code !== undefined) return { ok: false, code }
      const empty = channels.size < MAX_CHANNELS ? undefined : emptyIn(channels)
      if (empty !== undefined) channels.delete(empty)
      // Before the signature exists: two requests at once must not both start from the same state.
      remember(channelKey(channel), {
        ...entry,
        ceiling: larger(entry.ceiling, offer.cumulativeCeiling),
        ceilingUnits: larger(entry.ceilingUnits, offer.cumulativeUnits),
      })
      totals = { ...totals, receipts: totals.receipts + 1 }
      const signature = await options.sign(receiptDigest(domain, receipt))
      return { ok: true, signed: { receipt, signature } }
    },
    accept: (bytes, workHash) => {
      const signed = decode(bytes)
      if (signed === undefined) return { ok: false, code: 'MALFORMED' }
      const { statement } = signed
      const channel = channelPartOf(statement)
      const entry = channels.get(channelKey(channel))
      if (entry === undefined) return { ok: false, code: 'UNKNOWN_CHANNEL' }
      if (!isStatementSigned(domain, signed, crypto)) return { ok: false, code: 'BAD_SIGNATURE' }
      const code = refuseStatement(entry, statement, workHash)
      if (code !== undefined) return { ok: false, code }
      const chargedWei = statement.cumulativeCharge - entry.charged
      const units = statement.cumulativeUnits - entry.units
      remember(channelKey(channel), {
        ...entry,
        charged: statement.cumulativeCharge,
        units: statement.cumulativeUnits,
      })
      const part = channel.kind === WORK_KIND.hire ? 'hireWei' : 'inferenceWei'
      totals = { ...totals, [part]: totals[part] + chargedWei, statements: totals.statements + 1 }
      return { ok: true, statement, chargedWei, units }
    },
    channel: channel => channels.get(channelKey({ ...channel, payer })),
    forget: channel => {
      channels.delete(channelKey({ ...channel, payer }))
    },
    totals: () => totals,
    state: () => payerStateOf(payer, channels.values(), totals),
  }
}

/**
 * An answer may get lost after the worker has charged for it: then the next offer starts above the last statement,
 * though not above what was signed.
 */
function refuseOffer(
  entry: PayerChannel,
  elsewhere: bigint,
  offer: Offer,
  { maxChargeWei, maxUnprovenWei }: ReceiptLimits,
): OfferRefusal | undefined {
  const { cumulativeCeiling, cumulativeUnits } = offer
  if (cumulativeCeiling < entry.charged || cumulativeUnits < entry.units) return 'BELOW_CHARGED'
  if (cumulativeCeiling > larger(entry.charged, entry.ceiling) + maxChargeWei) return 'ABOVE_LIMIT'
  const here = larger(entry.ceiling, cumulativeCeiling) - entry.charged
  return here + elsewhere > maxUnprovenWei ? 'UNPROVEN' : undefined
}

/** Wei that were signed for on a payee's other channels of the same kind, and that no statement accounts for. */
function unprovenBeside(channels: ReadonlyMap<Hex, PayerChannel>, key: Hex, own: Channel): bigint {
  const payee = payeeOf(own)
  let sum = 0n
  for (const [other, { channel, ceiling, charged }] of channels) {
    if (other !== key && channel.kind === own.kind && payeeOf(channel) === payee) sum += ceiling - charged
  }
  return sum
}

/** The channel used longest ago of which there is nothing to remember. */
function emptyIn(channels: ReadonlyMap<Hex, PayerChannel>): Hex | undefined {
  for (const [key, { charged, units, ceiling, ceilingUnits }] of channels) {
    if (charged === 0n && units === 0n && ceiling === 0n && ceilingUnits === 0n) return key
  }
  return undefined
}

function refuseStatement(
  entry: PayerChannel,
  statement: Statement,
  workHash: Hash | undefined,
): StatementRefusal | undefined {
  const { cumulativeCharge, cumulativeUnits } = statement
  if (cumulativeCharge > entry.ceiling || cumulativeUnits > entry.ceilingUnits) return 'ABOVE_RECEIPT'
  if (cumulativeCharge < entry.charged || cumulativeUnits < entry.units) return 'FELL'
  const expected = statement.kind === WORK_KIND.hire ? hireWorkHash(statement.id, cumulativeUnits) : workHash
  return expected !== undefined && statement.workHash !== expected ? 'WRONG_WORK' : undefined
}

/** Only the fields of a channel: a receipt or a statement has more. */
function channelPartOf({ payer, worker, gateway, kind, id, version }: Channel): Channel {
  return { payer, worker, gateway, kind, id, version }
}

function decode(bytes: Uint8Array): ReturnType<typeof decodeSignedStatement> | undefined {
  try {
    return decodeSignedStatement(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
