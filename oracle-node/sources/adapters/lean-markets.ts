import { type Adapter, asRecord, type Market } from './adapter.ts'

/**
 * Keeps of a venue's market list the pairs that are wanted: a list has thousands, each with everything that the
 * venue says of it, and twenty venues of those do not fit into a small machine.
 *
 * @param pairs undefined: all, as they are
 * @returns the symbols of all active spot markets, once the list was loaded
 */
export function keepMarkets(
  adapter: Adapter,
  pairs: readonly string[] | undefined,
): () => ReadonlySet<string> {
  let listed: ReadonlySet<string> = new Set()
  const wanted = pairs === undefined ? undefined : new Set(pairs)
  const setMarkets = adapter.setMarkets.bind(adapter)
  adapter.setMarkets = (markets, currencies) => {
    const spot = Object.values(asRecord(markets)).filter(isTradedSpot)
    listed = new Set(spot.map(({ symbol }) => symbol))
    if (wanted === undefined) return setMarkets(markets, currencies)
    forgetCopies(adapter)
    return setMarkets(spot.filter(({ symbol }) => wanted.has(symbol)).map(withoutInfo))
  }
  return () => listed
}

/** Bitstamp's adapter keeps the list as it came for a later call that never comes, Kraken's an index for orders. */
function forgetCopies({ options }: Adapter): void {
  delete options['marketsByAltname']
  const { response, timestamp, ...settings } = asRecord(options['fetchMarkets'])
  if (response !== undefined) options['fetchMarkets'] = settings
}

function isTradedSpot(value: unknown): value is Market {
  const { symbol, spot, active } = asRecord(value)
  // Some venues do not say whether a market is active.
  return typeof symbol === 'string' && spot === true && active !== false
}

function withoutInfo(market: Market): Market {
  return { ...market, info: undefined }
}
