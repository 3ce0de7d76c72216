/** A recording of venues that never were: the same bytes for the same options, and no socket. */
import { createHash } from 'node:crypto'
import { createRecordFile } from '../../../oracle-node/recording/record-file.ts'
import { type RecordCounts, RecordWriter } from '../../../oracle-node/recording/writer.ts'
import type { LegPlan, SourcePlan } from '../../../protocol/sources/types.ts'
import { systemClock } from '../../../runtime/clock.ts'

/** As many as a network asks, each for one pair. */
export const IO_SELLERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map(letter => `io-${letter}`)
export const USDT_SELLERS = ['a', 'b', 'c', 'd'].map(letter => `usd-${letter}`)

export const SYNTHETIC_ROUND_MS = 1_000
const START_MS = 1_760_000_000_000

export function syntheticPlan(): SourcePlan {
  return {
    feed: 'IO/USD',
    legs: [leg('IO/USDT', IO_SELLERS), { ...leg('USDT/USD', USDT_SELLERS), peg: { bandBps: 300 } }],
    routes: [['IO/USDT', 'USDT/USD']],
  }
}

function leg(pair: string, venues: readonly string[]): LegPlan {
  return {
    pair,
    venues: venues.map(id => ({ id, group: id })),
    minSources: 3,
    staleMs: 10_000,
    exchangeStaleMs: 60_000,
    futureMs: 2_000,
    bandBps: 2_000,
    crossedBps: 50,
  }
}

export interface SyntheticOptions {
  readonly path: string
  readonly seconds: number
  /** Of each venue. */
  readonly updatesPerSec: number
}

/** Writes the file with the writer that records, on a time that does not pass. */
export async function writeSyntheticRecording(options: SyntheticOptions): Promise<RecordCounts> {
  const { path, seconds, updatesPerSec } = options
  const plan = syntheticPlan()
  const venues = plan.legs.flatMap(({ pair, venues: seats }) => seats.map(({ id }) => ({ id, pair })))
  const writer = new RecordWriter(
    { header: { build: 'synthetic', startedAtMs: START_MS, roundMs: SYNTHETIC_ROUND_MS, plan } },
    {
      clock: systemClock,
      open: () => createRecordFile(path),
      fail: error => {
        throw error
      },
    },
  )
  await writer.start()
  const everyMs = 1_000 / updatesPerSec
  for (let second = 0; second < seconds; second++) {
    for (let update = 0; update < updatesPerSec; update++) {
      const atMs = START_MS + second * 1_000 + Math.floor(update * everyMs)
      for (const [place, { id, pair }] of venues.entries()) {
        writer.ticker({
          ...{ venue: id, pair, transport: 'websocket', requestedAtMs: null },
          ticker: tickerOf(
            pair,
            place,
            (second * updatesPerSec + update) * venues.length + place,
            atMs + place,
          ),
        })
      }
    }
    const nowMs = START_MS + (second + 1) * 1_000
    writer.observed(nowMs / 100, nowMs)
    // The disk keeps up with venues, not with a loop that invents them.
    await writer.settled()
  }
  await writer.stop()
  return writer.counts
}

/** Digits that change with each update, as live ones do, and a hash that no compression makes smaller. */
function tickerOf(pair: string, place: number, serial: number, receivedAtMs: number) {
  const hash = createHash('sha256').update(String(serial)).digest()
  const cents = (hash.readUInt16BE(0) % 1_000).toString().padStart(3, '0')
  const [bid, ask] = pair === 'IO/USDT' ? ['2.49', '2.50'] : ['0.99', '1.00']
  return {
    symbol: pair,
    bid: `${bid}${cents}`,
    ask: `${ask}${cents}`,
    last: `${hash.readUInt8(2) % 2 === 0 ? bid : ask}${cents}`,
    baseVolume: `${1_000_000 + hash.readUInt32BE(4)}.${place}`,
    exchangeTimeMs: receivedAtMs - 20 - (hash.readUInt8(3) % 50),
    receivedAtMs,
    frame: hash,
  }
}
