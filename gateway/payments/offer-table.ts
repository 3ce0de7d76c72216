/** Offers that payers have been made, for a minute: the paid request goes to the worker that made the offer. */
import type { Address } from '../../protocol/bytes.ts'
import type { GatewayOffer } from '../../sdk/offer-json.ts'

export interface MadeOffer {
  readonly payer: Address
  readonly offer: GatewayOffer
}

/** Long enough to sign in a wallet. */
const STICKS_MS = 60_000
/** Offers cost their asker nothing, so the oldest gives way; its payer is asked to pay once more. */
const MAX_OFFERS = 4_096

export class OfferTable {
  readonly #offers = new Map<string, { readonly made: MadeOffer; readonly untilMs: number }>()

  add(made: MadeOffer, nowMs: number): void {
    for (const [id, { untilMs }] of this.#offers) {
      // In the order of their ends, as all stick equally long.
      if (untilMs > nowMs && this.#offers.size < MAX_OFFERS) break
      this.#offers.delete(id)
    }
    this.#offers.set(made.offer.offerId, { made, untilMs: nowMs + STICKS_MS })
  }

  find(id: string, payer: Address, nowMs: number): GatewayOffer | undefined {
    const entry = this.#offers.get(id)
    return entry !== undefined && entry.untilMs > nowMs && entry.made.payer === payer
      ? entry.made.offer
      : undefined
  }

  /** A paid request used it. */
  remove(id: string): void {
    this.#offers.delete(id)
  }
}
