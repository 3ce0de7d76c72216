import type { LegPlan, SourcePlan, VenueValue } from '../../../protocol/sources/types.ts'
import { mulDivDown, ONE, parseDecimal } from '../../../protocol/units.ts'

/** The time at which everything in these tests happens. */
export const NOW_MS = 1_760_000_000_000

/** A good value of `binance` for IO/USDT; a test changes the one field that matters. */
export function aValue(change: Partial<VenueValue> = {}): VenueValue {
  return {
    venue: 'binance',
    pair: 'IO/USDT',
    bid: parseDecimal('2.499'),
    ask: parseDecimal('2.501'),
    last: parseDecimal('2.5'),
    volume: parseDecimal('1000'),
    exchangeTimeMs: NOW_MS - 200,
    receivedAtMs: NOW_MS - 100,
    changedAtMs: NOW_MS - 100,
    ...change,
  }
}

/** A value whose bid, ask and last all say `price`. */
export function aValueAt(
  venue: string,
  price: string | bigint,
  change: Partial<VenueValue> = {},
): VenueValue {
  const value = typeof price === 'bigint' ? price : parseDecimal(price)
  return aValue({ venue, bid: value, ask: value, last: value, ...change })
}

/** A leg over independent venues. */
export function aLeg(venues: readonly string[], change: Partial<LegPlan> = {}): LegPlan {
  return {
    pair: 'IO/USDT',
    venues: venues.map(id => ({ id, group: id })),
    minSources: 3,
    staleMs: 10_000,
    exchangeStaleMs: 60_000,
    futureMs: 2_000,
    bandBps: 2_000,
    crossedBps: 50,
    ...change,
  }
}

export const IO_VENUES = ['binance', 'okx', 'gate', 'bybit'] as const
export const USDT_VENUES = ['kraken', 'coinbase', 'bitstamp', 'cryptocom'] as const

/** IO/USD by way of USDT. */
export function aPlan(change: Partial<SourcePlan> = {}): SourcePlan {
  return {
    feed: 'IO/USD',
    legs: [aLeg(IO_VENUES), aLeg(USDT_VENUES, { pair: 'USDT/USD' })],
    routes: [['IO/USDT', 'USDT/USD']],
    ...change,
  }
}

/** What all eight venues say: IO at `io`, USDT at `usdt`. */
export function allVenues(io = '2.5', usdt = '0.999'): VenueValue[] {
  return [
    ...IO_VENUES.map(venue => aValueAt(venue, io)),
    ...USDT_VENUES.map(venue => aValueAt(venue, usdt, { pair: 'USDT/USD' })),
  ]
}

/** A dollar's worth of each asset: what every venue would say if nobody lied. */
export interface Worth {
  readonly IO: bigint
  readonly USDT: bigint
  readonly USDC: bigint
  readonly BTC: bigint
  readonly KRW: bigint
}

export const WORTH: Worth = {
  IO: parseDecimal('2.5'),
  USDT: parseDecimal('0.999'),
  USDC: parseDecimal('1.0001'),
  BTC: parseDecimal('64000'),
  KRW: parseDecimal('0.000725'),
}

/** What a pair costs when assets are worth that much, cut down to 18 decimals. */
export function priceOf(pair: string, worth: Worth): bigint {
  const [base = '', quote = ''] = pair.split('/')
  const dollars = new Map<string, bigint>([...Object.entries(worth), ['USD', ONE]])
  return mulDivDown(dollars.get(base) ?? 0n, ONE, dollars.get(quote) ?? 0n)
}

/** What all venues of all legs of a plan say. */
export function honestValues(plan: SourcePlan, worth: Worth = WORTH): VenueValue[] {
  return plan.legs.flatMap(({ pair, venues }) =>
    venues.map(({ id }) => aValueAt(id, priceOf(pair, worth), { pair })),
  )
}
