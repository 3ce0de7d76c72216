import { expect } from 'chai'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { SIMULATED_VENUES } from '../../../devnet/venues/venue-list.ts'
import { createExchange } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

const JUNK = 2_000
const JUNK_NAME = /junk/i

/** The part of ccxt that every adapter takes its markets in by. */
interface Base {
  setMarkets(this: object, ...markets: unknown[]): unknown
}

describe('a venue that lists thousands of markets that nobody asks for', function () {
  this.timeout(30_000)
  const adapters: object[] = []
  let simulator: VenueSimulator
  let base: Base
  let setMarkets: Base['setMarkets']

  before(async () => {
    simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'junk', clock: systemClock })
    await simulator.start(new AbortController().signal)
    const file = new URL('src/base/Exchange.js', new URL('.', import.meta.resolve('ccxt')))
    base = ((await import(file.href)) as { default: { prototype: Base } }).default.prototype
    setMarkets = base.setMarkets
    base.setMarkets = function (...markets) {
      adapters.push(this)
      return setMarkets.apply(this, markets)
    }
  })
  after(async () => {
    base.setMarkets = setMarkets
    await simulator?.stop()
  })

  for (const venue of SIMULATED_VENUES) {
    const [wanted] = FORMATS[venue].listings.map(({ symbol }) => symbol)
    if (wanted === undefined) throw new Error(`${venue} lists nothing`)

    it(`leaves none of them in the adapter of ${venue}`, async () => {
      simulator.control({ venue, junkMarkets: JUNK })
      const endpoint = `http://127.0.0.1:${simulator.port}`
      const options = { endpoint, timeoutMs: 10_000, clock: systemClock, pairs: [wanted] }
      const exchange = createExchange(venue, options)
      try {
        adapters.length = 0
        const listed = [...(await exchange.loadMarkets())]
        expect(listed.filter(symbol => JUNK_NAME.test(symbol))).to.have.length(JUNK)
        await exchange.fetch(wanted)
        const adapter = adapters.at(-1)
        expect(Object.keys((adapter as { markets: object }).markets)).to.deep.equal([wanted])
        expect(placesOf(adapter, JUNK_NAME)).to.deep.equal([])
      } finally {
        await exchange.close()
      }
    })
  }
})

/** Where in an object, however deep, a name or text matches. */
function placesOf(root: unknown, pattern: RegExp): string[] {
  const seen = new Set<unknown>()
  const found: string[] = []
  const waiting: [unknown, string][] = [[root, '']]
  for (let next = waiting.pop(); next !== undefined && found.length < 10; next = waiting.pop()) {
    const [value, path] = next
    if (typeof value === 'string' && pattern.test(value)) found.push(`${path}: ${value.slice(0, 60)}`)
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    const members =
      value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value)
    for (const [key, member] of members) {
      if (pattern.test(String(key))) found.push(`${path}.${String(key)}`)
      waiting.push([member, `${path}.${String(key)}`])
    }
  }
  return found.slice(0, 10)
}
