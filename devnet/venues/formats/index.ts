import type { VenueFormat } from '../format.ts'
import type { SimulatedVenue } from '../venue-list.ts'
import { binance } from './binance.ts'
import { bitstamp } from './bitstamp.ts'
import { bybit } from './bybit.ts'
import { coinbase } from './coinbase.ts'
import { cryptocom } from './cryptocom.ts'
import { gate } from './gate.ts'
import { kraken } from './kraken.ts'
import { okx } from './okx.ts'

/** Every venue the simulator speaks for. */
export const FORMATS: Readonly<Record<SimulatedVenue, VenueFormat>> = {
  binance,
  okx,
  gate,
  bybit,
  kraken,
  coinbase,
  bitstamp,
  cryptocom,
}
