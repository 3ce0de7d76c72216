import type { VenueId } from '../../../config/venue-ids.ts'

/**
 * Points every address below `node` at `endpoint`, in place: `wss://stream.binance.com:9443/ws` becomes
 * `ws://127.0.0.1:4602/binance/stream.binance.com:9443/ws`. The host stays as a path segment because adapters
 * look for parts of it ("/stream", "spot") in the address of a message.
 */
export function redirect(
  node: unknown,
  venueId: VenueId,
  hostname: string | undefined,
  endpoint: string,
): void {
  if (typeof node !== 'object' || node === null) return
  const branch = node as Record<string, unknown>
  for (const [key, value] of Object.entries(branch)) {
    if (typeof value === 'string') branch[key] = redirected(value, venueId, hostname, endpoint)
    else redirect(value, venueId, hostname, endpoint)
  }
}

/** One address; text that is none stays as it is. An address of the endpoint itself is left alone. */
export function redirected(
  address: string,
  venueId: VenueId,
  hostname: string | undefined,
  endpoint: string,
): string {
  const match = /^(http|ws)s?:\/\/(.*)$/.exec(address.replace('{hostname}', hostname ?? ''))
  if (match === null) return address
  const [, scheme, rest = ''] = match
  const origin = endpoint.replace(/\/+$/, '')
  if (rest.startsWith(`${origin.replace(/^\w+:\/\//, '')}/`)) return address
  return `${scheme === 'ws' ? origin.replace(/^http/, 'ws') : origin}/${venueId}/${rest}`
}
