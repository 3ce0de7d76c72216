/** A payer, and the relayer that accepts its holds. */
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { addressOfSecret } from '../../../protocol/identity.ts'
import {
  type AcceptedHold,
  acceptanceDigest,
  type Hold,
  holdDigest,
  holdId,
} from '../../../protocol/usage/hold.ts'
import { leaseEndDigest } from '../../../protocol/usage/lease-end.ts'
import { type Receipt, receiptDigest, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { ASSET, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { crypto } from '../network/cast.ts'
import { seeded } from '../protocol/seeded.ts'

export const RELAYER_SECRET = seeded('relayer of workers')
export const RELAYER = addressOfSecret(RELAYER_SECRET)

export class Customer {
  readonly #domain: Domain
  readonly #secret: Uint8Array
  readonly address: Address
  #nonce = 0n

  constructor(name: string, domain: Domain) {
    this.#domain = domain
    this.#secret = seeded(name)
    this.address = addressOfSecret(this.#secret)
  }

  /** The body that ends a lease. */
  leaseEnd(
    worker: Address,
    lease: Hash,
    { hold }: AcceptedHold,
    validUntil: number,
  ): { validUntil: number; signature: Uint8Array } {
    const end = { worker, lease, hold: holdId(this.#domain, hold), validUntil }
    const digest = leaseEndDigest(this.#domain, end)
    return { validUntil, signature: crypto.sign(digest, this.#secret) }
  }

  /** An accepted hold for inferences, paid in IO, unless told otherwise. */
  hold(payee: Address, changes: Partial<Hold> = {}, relayerSecret = RELAYER_SECRET): AcceptedHold {
    const hold: Hold = {
      payer: this.address,
      payee,
      kind: WORK_KIND.inference,
      asset: ASSET.io,
      maxAmount: 10n ** 18n,
      expiresEpoch: 1_000,
      nonce: this.#nonce++,
      ...changes,
    }
    const unsigned = { hold, epoch: 0, snapshotBlock: 1, openTotal: hold.maxAmount }
    return {
      ...unsigned,
      payerSignature: crypto.sign(holdDigest(this.#domain, hold), this.#secret),
      relayerSignature: crypto.sign(acceptanceDigest(this.#domain, unsigned), relayerSecret),
    }
  }

  receipt(offer: Omit<Receipt, 'payer'>, changes: Partial<Receipt> = {}): SignedReceipt {
    const receipt = { ...offer, payer: this.address, ...changes }
    return { receipt, signature: crypto.sign(receiptDigest(this.#domain, receipt), this.#secret) }
  }
}
