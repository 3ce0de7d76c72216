/** What payers owe this worker: each charge, its record, and what the payer is told, in one transaction. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { type AcceptedHold, holdId } from '../../protocol/usage/hold.ts'
import { type Channel, channelKey, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { type SignedStatement, statementDigest } from '../../protocol/usage/statement.ts'
import type { WorkerStore } from '../store/worker-store.ts'
import { isBetterReceipt, type Offer } from './terms.ts'

/** Wei and units, of one piece of work or of a channel so far. */
export interface Amounts {
  readonly units: bigint
  readonly charge: bigint
}

export interface Charge extends Amounts {
  readonly receipt: SignedReceipt
  readonly hold: AcceptedHold
  readonly workHash: Hash
}

/** A charge that its receipt or its hold does not cover: a fault of the caller, who should have looked before. */
export class NotCoveredError extends Error {
  readonly code = 'NOT_COVERED'
  constructor(what: 'receipt' | 'hold') {
    super(`the ${what} does not cover this charge`)
    this.name = 'NotCoveredError'
  }
}

export interface LedgerOptions {
  readonly domain: Domain
  readonly worker: Address
}

export class Ledger {
  readonly #options: LedgerOptions
  readonly #store: WorkerStore
  readonly #sign: (digest: Uint8Array) => Uint8Array

  constructor(
    options: LedgerOptions,
    deps: { readonly store: WorkerStore; readonly sign: (digest: Uint8Array) => Uint8Array },
  ) {
    this.#options = options
    this.#store = deps.store
    this.#sign = deps.sign
  }

  /** What a channel has been charged so far. */
  charged(channel: Channel): Amounts {
    const { units, charge } = this.#store.channels.account(channelKey(channel)) ?? { units: 0n, charge: 0n }
    return { units, charge }
  }

  /** Wei that this worker has charged under a hold. */
  usedOf(hold: AcceptedHold): bigint {
    return this.#store.channels.usedOf(holdId(this.#options.domain, hold.hold))
  }

  /**
   * What a receipt must say before `more` is done. Never less than the receipt before: a relayer keeps the highest,
   * and one that is higher and has expired would stand in the way of a lower one.
   */
  offer(channel: Channel, more: Amounts, validUntilEpoch: number): Offer {
    const account = this.#store.channels.account(channelKey(channel))
    const last = account?.receipt.receipt
    const { gateway, kind, id, version } = channel
    return {
      worker: this.#options.worker,
      gateway,
      kind,
      id,
      version,
      cumulativeUnits: highest((account?.units ?? 0n) + more.units, last?.cumulativeUnits),
      cumulativeCeiling: highest((account?.charge ?? 0n) + more.charge, last?.cumulativeCeiling),
      validUntilEpoch,
    }
  }

  /**
   * Charges, states, and tells the payer; on disk when it returns.
   *
   * @throws {NotCoveredError}
   */
  charge(channel: Channel, { units, charge, receipt, hold, workHash }: Charge): SignedStatement {
    const { outbox, channels } = this.#store
    const key = channelKey(channel)
    const id = holdId(this.#options.domain, hold.hold)
    return this.#store.transaction(() => {
      const before = channels.account(key)
      const total = {
        cumulativeUnits: (before?.units ?? 0n) + units,
        cumulativeCharge: (before?.charge ?? 0n) + charge,
      }
      const { cumulativeCeiling, cumulativeUnits } = receipt.receipt
      if (total.cumulativeCharge > cumulativeCeiling || total.cumulativeUnits > cumulativeUnits)
        throw new NotCoveredError('receipt')
      const used = channels.usedOf(id) + charge
      if (used > hold.hold.maxAmount) throw new NotCoveredError('hold')

      const sequence = outbox.add({ ...channelFields(channel), hold: id, ...total, workHash })
      const isNew = before === undefined || isBetterReceipt(receipt, before.receipt)
      const best = isNew ? receipt : before.receipt
      channels.charge(
        key,
        { units: total.cumulativeUnits, charge: total.cumulativeCharge, receipt: best },
        isNew ? sequence : undefined,
      )
      channels.useHold(id, used, hold.hold.expiresEpoch)
      const statement = { ...channelFields(channel), worker: this.#options.worker, ...total, workHash }
      return { statement, signature: this.#sign(statementDigest(this.#options.domain, statement)) }
    })
  }

  /** The last statement's figures, for who asks after the end. */
  statement(channel: Channel, workHash: Hash): SignedStatement {
    const { units, charge } = this.charged(channel)
    const statement = {
      ...channelFields(channel),
      worker: this.#options.worker,
      cumulativeUnits: units,
      cumulativeCharge: charge,
      workHash,
    }
    return { statement, signature: this.#sign(statementDigest(this.#options.domain, statement)) }
  }

  /** Records and batches that wait for the relayer. */
  backlog(): number {
    const { records, batches } = this.#store.outbox.counts()
    return records + batches
  }

  /** Whether a receipt says more than all that a lease was given before: an older one begins no lease again. */
  isNewToLease(channel: Channel, { receipt }: SignedReceipt): boolean {
    const mark = this.#store.leases.mark(channelKey(channel))
    return (
      mark === undefined || receipt.cumulativeUnits > mark.units || receipt.cumulativeCeiling > mark.ceiling
    )
  }

  /** The least that a receipt must say to begin a lease again. */
  beginOffer(channel: Channel, more: Amounts, validUntilEpoch: number): Offer {
    const offer = this.offer(channel, more, validUntilEpoch)
    const mark = this.#store.leases.mark(channelKey(channel))
    if (mark === undefined) return offer
    return {
      ...offer,
      cumulativeUnits: highest(offer.cumulativeUnits, mark.units + 1n),
      cumulativeCeiling: highest(offer.cumulativeCeiling, mark.ceiling),
    }
  }

  /** Notes for good what a lease was given. */
  noteLease(channel: Channel, { receipt }: SignedReceipt): void {
    this.#store.transaction(() => this.#store.leases.shown(channelKey(channel), receipt))
  }

  forgetBefore(epoch: number): void {
    this.#store.channels.forgetHoldsBefore(epoch)
    this.#store.leases.forgetLeasesBefore(epoch)
  }
}

function highest(a: bigint, b: bigint | undefined): bigint {
  return b !== undefined && b > a ? b : a
}

function channelFields({ payer, gateway, kind, id, version }: Channel) {
  return { payer, gateway, kind, id, version }
}
