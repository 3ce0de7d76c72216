/** Accepts holds: what a payer has, is asked of the chain; what of it is spoken for, is decided in one place. */
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import { type Address, ByteReader, DecodeError, type Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { epochOf } from '../../protocol/epoch/time.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../../protocol/identity.ts'
import type { Price } from '../../protocol/units.ts'
import {
  type AcceptedHold,
  acceptanceDigest,
  type Hold,
  holdId,
  isSignedByPayer,
  readHold,
} from '../../protocol/usage/hold.ts'
import type { EpochStore } from './epoch-store.ts'
import { FeeRate } from './fee-rate.ts'
import type { GroupCommit } from './group-commit.ts'
import { decideHold, type HoldRefusal, type HoldTerms, type PayerBook, refuseShape } from './hold-decision.ts'
import type { HoldStore } from './hold-store.ts'

export type HoldAnswer =
  | { readonly accepted: AcceptedHold; readonly repeated: boolean }
  | { readonly refused: HoldRefusal }

/** A hold and its payer's signature. */
export const HOLD_REQUEST_BYTES = 112 + SIGNATURE_BYTES

export interface HoldDeskDeps {
  readonly domain: Domain
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly chain: Pick<
    SettlementReader,
    'clock' | 'head' | 'refresh' | 'longestHoldEpochs' | 'account' | 'epochFacts'
  >
  readonly sign: (digest: Uint8Array) => Uint8Array
  readonly openEpoch: () => number | undefined
  readonly price: () => Price | undefined
  readonly holds: HoldStore
  readonly epochs: EpochStore
  readonly commit: GroupCommit
}

interface SignedHold {
  readonly hold: Hold
  readonly signature: Uint8Array
}

interface Deposits {
  readonly io: bigint
  readonly iosd: bigint
  readonly block: number
  /** The epoch of that block: requests of the epochs before are known. */
  readonly knownIn: number
}

export class HoldDesk {
  readonly #deps: HoldDeskDeps
  readonly #fees: FeeRate

  constructor(deps: HoldDeskDeps) {
    this.#deps = deps
    this.#fees = new FeeRate(deps.chain)
  }

  /** Resolves when the acceptance is durable. */
  async accept(bytes: Uint8Array): Promise<HoldAnswer> {
    const { domain, crypto, commit } = this.#deps
    const signed = decodeOrUndefined(bytes)
    if (signed === undefined) return { refused: 'MALFORMED' }
    const { hold, signature } = signed
    const id = holdId(domain, hold)
    const before = this.#before(id)
    if (before !== undefined) return before
    const terms = this.#terms(0)
    if (terms === undefined) return { refused: 'NO_EPOCH' }
    const shape = refuseShape(hold, terms)
    if (shape !== undefined) return { refused: shape }
    if (!isSignedByPayer(domain, hold, signature, crypto)) return { refused: 'BAD_SIGNATURE' }
    const deposits = await this.#deposits(hold.payer).catch(() => undefined)
    if (deposits === undefined) return { refused: 'CHAIN_SILENT' }
    const feeBps = await this.#fees.in(terms.epoch)
    return await commit.submit(() => this.#decide(id, signed, deposits, feeBps), bytes.length)
  }

  /** What open holds and charges have taken of a payer's deposit. */
  bookOf(payer: Address, deposits: { readonly io: bigint; readonly iosd: bigint }): PayerBook {
    const open = this.#deps.holds.openOf(payer)
    const base = this.#deps.holds.baseOf(payer)
    return {
      io: { free: deposits.io - base.debitedIo, open: open.io, unsettled: base.unsettledIo },
      iosd: { free: deposits.iosd - base.debitedIosd, open: open.iosd, unsettled: base.unsettledIosd },
      feeBase: base.feeBase + open.io,
      openHolds: open.count,
    }
  }

  /** One decision after the other, each on what the one before has written. */
  #decide(id: Hash, { hold, signature }: SignedHold, deposits: Deposits, feeBps: number): HoldAnswer {
    const { domain, holds, epochs, sign } = this.#deps
    const before = this.#before(id)
    if (before !== undefined) return before
    const terms = this.#terms(feeBps)
    if (terms === undefined) return { refused: 'NO_EPOCH' }
    // Auditors take it that what was asked back two epochs ago was known.
    if (deposits.knownIn + 1 < terms.epoch) return { refused: 'CHAIN_SILENT' }
    const decision = decideHold(hold, this.bookOf(hold.payer, deposits), terms)
    if ('refused' in decision) return decision
    const unsigned = {
      hold,
      payerSignature: signature,
      epoch: terms.epoch,
      snapshotBlock: deposits.block,
      openTotal: decision.openTotal,
    }
    const accepted = { ...unsigned, relayerSignature: sign(acceptanceDigest(domain, unsigned)) }
    holds.add(id, accepted)
    epochs.count('holds', 1)
    return { accepted, repeated: false }
  }

  #before(id: Hash): HoldAnswer | undefined {
    const found = this.#deps.holds.find(id)
    if (found === undefined) return undefined
    const { acceptance } = found
    return acceptance === undefined
      ? { refused: 'ACCEPTED_BEFORE' }
      : { accepted: acceptance, repeated: true }
  }

  #terms(feeBps: number): HoldTerms | undefined {
    const { chain, openEpoch, price } = this.#deps
    const epoch = openEpoch()
    if (epoch === undefined) return undefined
    return { epoch, longestHoldEpochs: chain.longestHoldEpochs, feeBps, price: price() }
  }

  async #deposits(payer: Address): Promise<Deposits> {
    const { chain } = this.#deps
    const { number: block, timestampSec } = chain.head().final
    const { io, iosd } = await chain.account(payer)
    // The deposit may have come with a block that is newer than the head: the hold must not be accepted into an epoch
    // that ended before it, for which auditors would not count it.
    await chain.refresh()
    return {
      io: io.deposited - io.withdrawn - io.requested,
      iosd: iosd.deposited - iosd.withdrawn - iosd.requested,
      block,
      knownIn: epochOf(chain.clock, timestampSec),
    }
  }
}

function decodeOrUndefined(bytes: Uint8Array): SignedHold | undefined {
  try {
    const reader = new ByteReader(bytes)
    const hold = readHold(reader)
    return reader.done({ hold, signature: reader.fixed(SIGNATURE_BYTES) })
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
