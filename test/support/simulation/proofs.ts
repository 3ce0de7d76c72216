/** Proofs that a member said two things, true and false: what liars put into proposals and refusals. */
import type { Quote } from '../../../protocol/quote.ts'
import { MAX_EQUIVOCATIONS, type QuotePair } from '../../../protocol/round/messages.ts'
import { claimedSlot } from '../../../protocol/round/verify-quote.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { type Party, signQuoteAs } from '../network/cast.ts'

const [ONE, OTHER] = [10n ** 17n, 2n * 10n ** 17n]

/**
 * Two quotes of one member for one round, truly signed by it. The first pair is of the round itself; the others are
 * of what is no round's start, of rounds long past and to come, and of a second outside the slot.
 */
export function proofsAgainst(liar: Party, slot: number, round: Round, keyEpoch: number): QuotePair[] {
  const pair = (fields: Partial<Quote>): QuotePair => {
    const of = (price: bigint): Uint8Array =>
      signQuoteAs(liar, slot, { round, keyEpoch, price: price as Price, ...fields }).bytes
    return [of(ONE), of(OTHER)]
  }
  return [
    pair({}),
    pair({ round: asRound(round + 3) }),
    pair({ round: asRound(round - 600) }),
    pair({ round: asRound(round + 600) }),
    pair({ observedAt: 1 }),
  ]
}

/** Against whoever made a quote: it and a forged one, two forged ones, and the same one twice. */
export function falseProofsOf(forger: Party, round: Round, keyEpoch: number, quote: Uint8Array): QuotePair[] {
  const slot = claimedSlot(quote) ?? 0
  const forged = (price: bigint): Uint8Array =>
    signQuoteAs(forger, slot, { round, keyEpoch, price: price as Price }).bytes
  return [
    [quote, forged(ONE)],
    [forged(ONE), forged(OTHER)],
    [quote, quote],
  ]
}

/** As many as a proposal may hold: of the same members again and again, every other one of two members at once. */
export function crowd(pairs: readonly QuotePair[]): QuotePair[] {
  return Array.from({ length: MAX_EQUIVOCATIONS }, (_, index) => {
    const [pair, next] = [pairs[index % pairs.length], pairs[(index + 1) % pairs.length]]
    if (pair === undefined || next === undefined) return []
    return [index % 2 === 0 ? pair : ([pair[0], next[1]] as const)]
  }).flat()
}
