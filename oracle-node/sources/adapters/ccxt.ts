/**
 * Single venues of ccxt. Its main entry loads all hundred of them: 50 MB and 0.2 s more for every node. The
 * package exports nothing smaller, so the files are named by their place in it, which the lock file pins.
 */
import type ccxt from 'ccxt'
import type { VenueId } from '../../../config/venue-ids.ts'

type Errors = Pick<
  typeof ccxt,
  | 'AuthenticationError'
  | 'BadResponse'
  | 'BadSymbol'
  | 'BaseError'
  | 'DDoSProtection'
  | 'ExchangeClosedByUser'
  | 'NetworkError'
  | 'RateLimitExceeded'
  | 'RequestTimeout'
  | 'RestrictedLocation'
>

/** `…/ccxt/js/`, wherever the package is. */
const FILES = new URL('.', import.meta.resolve('ccxt'))

/** The WebSocket-and-REST adapter of one venue. Loads it when first asked for: 2 to 5 MB and some 10 ms each. */
export async function adapterOf(venueId: VenueId): Promise<new (config: object) => unknown> {
  const file: { default: new (config: object) => unknown } = await import(
    new URL(`src/pro/${venueId}.js`, FILES).href
  )
  return file.default
}

/** The error classes that adapters throw. */
export const adapterErrors: Errors = await import(new URL('src/base/errors.js', FILES).href)
