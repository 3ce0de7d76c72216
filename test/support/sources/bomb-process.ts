/**
 * Meets venues that send far more than a price takes, while another one streams as it should. Arguments: endpoint of the
 * good venue, and of the others as a prefix of the way in which they are odd. Prints what came of each attack, by how much
 * the process has been larger so far than before all of them, and how much processor time it took, as a line
 * `{"way","venue","outcome","grownMb","cpuMs"}`, then how the good venue did.
 */
import type { VenueId } from '../../../config/venue-ids.ts'
import { createExchange, VenueError } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

const [goodEndpoint = '', badEndpoint = ''] = process.argv.slice(2)
const SYMBOL = 'IO/USDT'
/** What a venue may take to be cut off, or to say something at last. */
const PATIENCE_MS = 20_000
const ATTACKS: readonly (readonly [way: string, venues: readonly VenueId[]])[] = [
  ['zipped-frame', ['htx', 'bingx', 'coinex']],
  ['deflated-frame', ['binance', 'gate']],
  ['long-frame', ['binance', 'gate']],
  ['zipped-ticker', ['htx', 'okx']],
  ['long-ticker', ['okx', 'gate']],
  ['strange-markets', ['binance']],
  ['zipped-markets', ['okx', 'gate']],
  ['many-markets', ['okx', 'gate']],
  ['many-zipped-frames', ['htx', 'bingx', 'coinex']],
  ['many-short-frames', ['binance', 'gate']],
  ['many-pings', ['binance']],
]

const options = { timeoutMs: 5_000, clock: systemClock, pairs: [SYMBOL] }
const good = createExchange('okx', { ...options, endpoint: goodEndpoint })
await good.loadMarkets()
await good.watch(SYMBOL)

let isOver = false
let updates = 0
let longestGapMs = 0
const streaming = (async () => {
  let lastMs = systemClock.monotonic()
  while (!isOver) {
    await good.watch(SYMBOL)
    updates += 1
    longestGapMs = Math.max(longestGapMs, systemClock.monotonic() - lastMs)
    lastMs = systemClock.monotonic()
  }
})()

// What the adapters themselves take, before anything is attacked.
const calm = await Promise.all(
  [...new Set(ATTACKS.flatMap(([, venues]) => venues))].map(async venue => {
    const exchange = createExchange(venue, { ...options, endpoint: `${badEndpoint}/calm` })
    await exchange.loadMarkets()
    await exchange.fetch(SYMBOL)
    return exchange
  }),
)
await Promise.all(calm.map(exchange => exchange.close()))
const peakBefore = peakRssMb()

for (const [way, venues] of ATTACKS) {
  for (const venue of venues) {
    const exchange = createExchange(venue, { ...options, endpoint: `${badEndpoint}/${way}` })
    const over = new AbortController()
    const before = process.cpuUsage()
    const outcome = await Promise.race([
      attack(way, exchange).then(() => 'a value', said),
      systemClock.sleep(PATIENCE_MS, over.signal).then(
        () => 'nothing',
        () => 'nothing',
      ),
    ])
    over.abort()
    const { user, system } = process.cpuUsage(before)
    const cpuMs = Math.round((user + system) / 1_000)
    const updatesBefore = updates
    while (updates < updatesBefore + 2) await systemClock.sleep(5)
    await exchange.close()
    process.stdout.write(
      `${JSON.stringify({ way, venue, outcome, grownMb: peakRssMb() - peakBefore, cpuMs })}\n`,
    )
  }
}
isOver = true
await streaming
await good.close()
process.stdout.write(`${JSON.stringify({ longestGapMs, updates })}\n`)

async function attack(way: string, exchange: ReturnType<typeof createExchange>): Promise<unknown> {
  await exchange.loadMarkets()
  return way.endsWith('ticker') ? exchange.fetch(SYMBOL) : exchange.watch(SYMBOL)
}

function said(error: unknown): string {
  return error instanceof VenueError ? error.code : String(error)
}

/** The most that the process ever had. */
function peakRssMb(): number {
  return Math.round(process.resourceUsage().maxRSS / 1_024)
}
