import type { VenueFormat } from '../format.ts'
import type { SimulatedVenue } from '../venue-list.ts'
import { binance } from './binance.ts'
import { bingx } from './bingx.ts'
import { bitfinex } from './bitfinex.ts'
import { bitget } from './bitget.ts'
import { bithumb } from './bithumb.ts'
import { bitstamp } from './bitstamp.ts'
import { bybit } from './bybit.ts'
import { coinbase } from './coinbase.ts'
import { coinex } from './coinex.ts'
import { coinone } from './coinone.ts'
import { cryptocom } from './cryptocom.ts'
import { gate } from './gate.ts'
import { gemini } from './gemini.ts'
import { htx } from './htx.ts'
import { kraken } from './kraken.ts'
import { kucoin } from './kucoin.ts'
import { lbank } from './lbank.ts'
import { mexc } from './mexc.ts'
import { okx } from './okx.ts'
import { upbit } from './upbit.ts'
import { xt } from './xt.ts'

/** Every venue the simulator speaks for. */
export const FORMATS: Readonly<Record<SimulatedVenue, VenueFormat>> = {
  binance,
  okx,
  gate,
  bybit,
  kucoin,
  bitget,
  mexc,
  htx,
  bingx,
  coinex,
  lbank,
  xt,
  upbit,
  bithumb,
  coinone,
  kraken,
  coinbase,
  bitstamp,
  cryptocom,
  gemini,
  bitfinex,
}
