import type { VenueListing } from './format.ts'
import type { VenueQuote } from './market.ts'

/** What the venue lists now: its own markets but for those taken off, and as many others as asked for. */
export function listingsShown(
  own: readonly VenueListing[],
  delisted: readonly string[],
  junkMarkets: number,
): readonly VenueListing[] {
  const kept = own.filter(({ symbol }) => !delisted.includes(symbol))
  const [model] = own
  if (model === undefined || junkMarkets === 0) return kept
  return [...kept, ...Array.from({ length: junkMarkets }, (_, index) => junkLike(model, index))]
}

/** A market nobody asks for, with a name of the venue's kind. */
function junkLike(model: VenueListing, index: number): VenueListing {
  const base = `JUNK${index}`
  const isLower = model.id === model.id.toLowerCase()
  const id = model.id.replace(new RegExp(model.base, 'i'), isLower ? base.toLowerCase() : base)
  return { ...model, id, base, symbol: `${base}/${model.quote}`, isJunk: true }
}

/** Nothing is traded there. */
export const JUNK_QUOTE: VenueQuote = {
  bid: '0.9',
  ask: '1.1',
  last: '1',
  bidSize: '1',
  askSize: '1',
  volume: '10',
}
