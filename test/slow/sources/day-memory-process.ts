/**
 * A simulated day of a node's prices, on a virtual clock: supervisors and adapters that are made anew every few hours,
 * guard, trace store, and metrics that are scraped. Each venue sends once a second; `wires.ts` says what is not real.
 * Everything else that an oracle node loads is loaded too.
 *
 * Run with `--expose-gc`, hours as the argument. Prints a JSON line an hour, and one before them that says of what.
 */
import { get } from 'node:http'
import { getHeapSpaceStatistics } from 'node:v8'
import mainnet from '../../../config/networks/sources.mainnet.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { uniform } from '../../../devnet/venues/noise.ts'
import { createSourceMetrics } from '../../../oracle-node/sources/metrics.ts'
import { createSources } from '../../../oracle-node/sources/service.ts'
import { venueExchanges } from '../../../oracle-node/sources/venue-exchanges.ts'
import type { SourcePlan } from '../../../protocol/sources/types.ts'
import { createHttpServer } from '../../../runtime/http.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { NOW_MS } from '../../support/sources/build.ts'
import { HeapClock } from '../../support/sources/heap-clock.ts'
import { createSigning } from '../../support/sources/signing.ts'
import { ENDPOINT, layWires } from '../../support/sources/wires.ts'

const HOURS = Number(process.argv[2] ?? 24)
/** The main network's. */
const ROUND_MS = 10_000
/** As many markets as the large venues list. */
const JUNK_MARKETS = 2_000
const SCRAPE_EVERY_SEC = 15
const SAMPLE_EVERY_SEC = 300

await import('../../../oracle-node/service.ts')

/** One pair of each venue: the first leg that has it. */
function onePairEach(plan: SourcePlan): SourcePlan {
  const seen = new Set<string>()
  const legs = plan.legs.map(leg => {
    const venues = leg.venues.filter(({ id }) => !seen.has(id))
    for (const { id } of venues) seen.add(id)
    return { ...leg, venues }
  })
  return {
    ...plan,
    legs: legs.filter(({ venues }) => venues.length > 0),
    routes: [['IO/USDT', 'USDT/USD']],
  }
}

const clock = new HeapClock(NOW_MS)
const wires = await layWires(clock, { seed: 'day', junkMarkets: JUNK_MARKETS })
const plan = onePairEach(toSourcePlan(sourcesSchema.parse(mainnet)))
const directory = temporaryDirectory()
const metrics = createMetrics({ processMetrics: true })
const outcomes = metrics.counter('day_outcomes_total', 'Rounds and traces by what came of them.', ['outcome'])
const counted = new Map<string, number>()
const count = (outcome: string): void => {
  outcomes.inc({ outcome })
  counted.set(outcome, (counted.get(outcome) ?? 0) + 1)
}

const createExchange = venueExchanges(plan, { endpoint: ENDPOINT, timeoutMs: 3_000, clock })
let exchanges = 0
let draws = 0
const sources = createSources(
  { plan },
  {
    clock,
    logger: silentLogger,
    metrics: createSourceMetrics(metrics, plan),
    createExchange: venue => {
      exchanges += 1
      return createExchange(venue)
    },
    random: () => {
      draws += 1
      return uniform(`day/${draws}`)
    },
  },
)
const signing = createSigning(
  { directory: directory.path, plan, roundMs: ROUND_MS },
  { clock, sources, count },
)
const http = createHttpServer(
  {
    ...{ name: 'day', host: '127.0.0.1', port: 0, cors: false },
    health: () => ({ healthy: true, details: {} }),
  },
  { logger: silentLogger, metrics },
)
const services = [http, sources, ...signing.services]
for (const service of services) await service.start(new AbortController().signal)

const ANSWERING: ReadonlySet<string> = new Set(['streaming', 'polling'])
const up = (): number => sources.status(clock.now()).filter(({ state }) => ANSWERING.has(state)).length
let frames = 0
for (let i = 0; i < 3_000 && up() < exchanges; i += 1) {
  // Adapters are loaded from the disk, in real time.
  await new Promise(resolve => setTimeout(resolve, 1))
  frames += wires.push()
  if (i % 50 === 49) await clock.advance(1, wires.settle)
}
if (up() < exchanges) throw new Error(`not all venues answer: ${JSON.stringify(sources.status(clock.now()))}`)
process.stdout.write(`${JSON.stringify({ venues: exchanges, streaming: wires.connections() })}\n`)

const scrape = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = get(`${http.url}/metrics`, response => {
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
      })
      response.on('end', () => resolve(length)).on('error', reject)
    })
    request.on('error', reject)
  })

/** In MB. What lies in none of V8's heaps is `rssMb` less `heapTotalMb`. */
function sample(): Record<string, number> {
  globalThis.gc?.()
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  return {
    rssMb: rss,
    heapMb: heapUsed,
    heapTotalMb: heapTotal,
    youngTotalMb: young?.physical_space_size ?? 0,
    externalMb: external,
    arrayBuffersMb: arrayBuffers,
  }
}

function medians(samples: readonly Record<string, number>[]): Record<string, number> {
  const [first = {}] = samples
  return Object.fromEntries(
    Object.keys(first).map(key => {
      const sorted = samples.map(each => each[key] ?? 0).sort((a, b) => a - b)
      const middle = sorted.length >> 1
      const median = ((sorted[middle] ?? 0) + (sorted[sorted.length - 1 - middle] ?? 0)) / 2
      return [key, Math.round(median / 10_000) / 100]
    }),
  )
}

const startedMs = performance.now()
for (let hour = 1; hour <= HOURS; hour += 1) {
  const samples: Record<string, number>[] = []
  let scrapedBytes = 0
  for (let second = 1; second <= 3_600; second += 1) {
    frames += wires.push()
    await wires.settle()
    await clock.advance(1_000, wires.settle)
    if (second % SCRAPE_EVERY_SEC === 0) scrapedBytes = await scrape()
    if (second % SAMPLE_EVERY_SEC === 0) samples.push(sample())
  }
  const line = {
    hour,
    ...medians(samples),
    frames,
    exchanges,
    connections: wires.connections(),
    up: up(),
    quoted: counted.get('QUOTED') ?? 0,
    traced: counted.get('trace KEPT') ?? 0,
    scrapedBytes,
    seconds: Math.round((performance.now() - startedMs) / 1_000),
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
for (const service of services.toReversed()) await service.stop()
signing.close()
directory.remove()
