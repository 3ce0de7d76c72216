/**
 * Single venues of ccxt. Its main entry loads all hundred of them: 50 MB and 0.2 s more for every node. The
 * package exports nothing smaller, so the files are named by their place in it, which the lock file pins.
 */
import type ccxt from 'ccxt'

type Pro = typeof ccxt.pro
type Errors = Pick<
  typeof ccxt,
  | 'BadSymbol'
  | 'DDoSProtection'
  | 'ExchangeClosedByUser'
  | 'NetworkError'
  | 'RateLimitExceeded'
  | 'RequestTimeout'
  | 'RestrictedLocation'
>

/** `…/ccxt/js/`, wherever the package is. */
const FILES = new URL('.', import.meta.resolve('ccxt'))

/** The WebSocket-and-REST adapter of one venue. */
export async function adapterOf<Venue extends keyof Pro>(venue: Venue): Promise<Pro[Venue]> {
  const file: { default: Pro[Venue] } = await import(new URL(`src/pro/${String(venue)}.js`, FILES).href)
  return file.default
}

/** The error classes that adapters throw. */
export const adapterErrors: Errors = await import(new URL('src/base/errors.js', FILES).href)
