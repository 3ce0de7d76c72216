import type { VenueProbe } from '../exchange.ts'
import type { Adapter } from './adapter.ts'
import { MAX_TICKER_BYTES, type RestCall, type RestCalls } from './rest-calls.ts'

const ROUNDS = 3

/**
 * Asks a venue the time a few times, or for a ticker where it does not tell the time: the `Date` of the answer then
 * stands for its clock, to a second.
 *
 * @param listed what the venue's market list says
 * @param pair one that it lists, to ask for
 * @param listMs how long the market list took: all there is, where there is nothing else to ask for
 */
export async function probeVenue(
  adapter: Adapter,
  calls: RestCalls,
  listed: ReadonlySet<string>,
  pair: string | undefined,
  listMs: number,
): Promise<VenueProbe> {
  const restMs: number[] = []
  const skewsMs: number[] = []
  let tellsTime = adapter.has['fetchTime'] === true
  for (let round = 0; round < ROUNDS; round += 1) {
    const call: RestCall = { maxBytes: MAX_TICKER_BYTES }
    const ask = async (): Promise<number | undefined> => {
      if (tellsTime) return adapter.fetchTime()
      if (pair !== undefined) await adapter.fetchTicker(pair)
      return undefined
    }
    const toldMs = await calls.within(call, ask).catch((error: unknown) => {
      // An answer that is not the time; the ticker may still be one.
      if (!tellsTime || pair === undefined || call.status === undefined) throw error
      tellsTime = false
      return undefined
    })
    if (call.wireMs === undefined || call.sentAtMs === undefined) continue
    restMs.push(call.wireMs)
    const middleMs = call.sentAtMs + call.wireMs / 2
    // A date is cut to the second: on average it stands half a second before the moment.
    const venueMs = toldMs ?? (call.dateMs === undefined ? undefined : call.dateMs + 500)
    if (venueMs !== undefined) skewsMs.push(venueMs - middleMs)
  }
  return { restMs: middle(restMs) ?? Math.round(listMs), skewMs: middle(skewsMs) ?? null, listed }
}

function middle(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const found = sorted[(sorted.length - 1) >> 1]
  return found === undefined ? undefined : Math.round(found)
}
