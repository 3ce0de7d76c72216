import type { VenueQuote } from './market.ts'

/** Texts that a venue shows in place of what the model says, character by character: `-1`, `1e-7`, 18 decimals. */
export interface TickerPatch {
  readonly bid?: string | undefined
  readonly ask?: string | undefined
  readonly last?: string | undefined
  readonly volume?: string | undefined
}

/** By pair; `*` stands for all others. */
export type TickerPatches = Readonly<Record<string, TickerPatch>>

export function patchQuote(quote: VenueQuote, symbol: string, patches: TickerPatches): VenueQuote {
  const patch = patches[symbol] ?? patches['*']
  if (patch === undefined) return quote
  return {
    ...quote,
    bid: patch.bid ?? quote.bid,
    ask: patch.ask ?? quote.ask,
    last: patch.last ?? quote.last,
    volume: patch.volume ?? quote.volume,
  }
}
