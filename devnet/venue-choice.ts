import type { Logger } from '../runtime/logger.ts'

export type VenueMode = 'live' | 'simulated'

/** Public endpoints that answer without an account: the time, or a ping. */
const PROBES: Readonly<Record<'IO/USDT' | 'USDT/USD', Readonly<Record<string, string>>>> = {
  'IO/USDT': {
    binance: 'https://api.binance.com/api/v3/ping',
    okx: 'https://www.okx.com/api/v5/public/time',
    gate: 'https://api.gateio.ws/api/v4/spot/time',
    bybit: 'https://api.bybit.com/v5/market/time',
  },
  'USDT/USD': {
    kraken: 'https://api.kraken.com/0/public/Time',
    coinbase: 'https://api.exchange.coinbase.com/time',
    bitstamp: 'https://www.bitstamp.net/api/v2/ticker/usdtusd/',
    cryptocom: 'https://api.crypto.com/exchange/v1/public/get-instruments',
  },
}
/** The network's minimum of sources in a leg. */
const LEAST_PER_LEG = 3
const PROBE_TIMEOUT_MS = 2_000

/**
 * Live venues when at least three of each leg answer within 2 s, else simulated ones.
 *
 * @param answers whether an address answers with success; the default asks it
 */
export async function chooseVenues(
  signal: AbortSignal,
  answers: (url: string, signal: AbortSignal) => Promise<boolean> = answersSuccessfully,
): Promise<{ readonly mode: VenueMode; readonly reachable: readonly string[] }> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
  const legs = await Promise.all(
    Object.values(PROBES).map(async venues => {
      const answered = await Promise.all(
        Object.entries(venues).map(async ([id, url]) => ((await answers(url, deadline)) ? [id] : [])),
      )
      return answered.flat()
    }),
  )
  signal.throwIfAborted()
  const live = legs.every(reachable => reachable.length >= LEAST_PER_LEG)
  return { mode: live ? 'live' : 'simulated', reachable: legs.flat() }
}

async function answersSuccessfully(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal, redirect: 'error' })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}

/** What was asked for, or what can be reached; and says which. */
export async function decideVenues(
  asked: 'auto' | VenueMode,
  logger: Logger,
  signal: AbortSignal,
): Promise<VenueMode> {
  if (asked !== 'auto') {
    logger.info(asked === 'live' ? 'prices come from live venues' : 'prices come from simulated venues', {})
    return asked
  }
  const { mode, reachable } = await chooseVenues(signal)
  if (mode === 'live') logger.info('prices come from live venues', { reachable })
  else logger.info('too few venues can be reached: prices come from simulated venues', { reachable })
  return mode
}
