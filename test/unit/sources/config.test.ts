import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { type SourcesConfig, sourcesSchema, sourcesSchemaFor, toSourcePlan } from '../../../config/sources.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'

const FILE = resolve(import.meta.dirname, '../../../config/networks/sources.io-usd.json')

function section(): SourcesConfig {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

/** The shipped section with its first route only. */
function oneRoute(): SourcesConfig {
  const { legs, routes, ...others } = section()
  return { ...others, legs: legs.slice(0, 2), routes: routes.slice(0, 1) }
}

/** The paths of the problems in a good section after `spoil`. */
function problems(spoil: (section: SourcesConfig) => unknown): string[] {
  const spoilt = oneRoute()
  const result = sourcesSchema.safeParse(spoil(spoilt) ?? spoilt)
  return result.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}

function leg(sources: SourcesConfig, index: number): SourcesConfig['legs'][number] {
  const found = sources.legs[index]
  if (found === undefined) throw new Error(`no leg ${index}`)
  return found
}

describe('the sources section', () => {
  it('that ships is valid and says what a plan needs', () => {
    const plan = toSourcePlan(sourcesSchema.parse(section()))
    expect(plan.feed).to.equal('IO/USD')
    expect(plan.routes).to.deep.equal([
      ['IO/USDT', 'USDT/USD'],
      ['IO/USDC', 'USDC/USD'],
      ['IO/BTC', 'BTC/USD'],
      ['IO/BTC', 'BTC/USDT', 'USDT/USD'],
    ])
    expect(plan.legs.map(({ pair, minSources, venues }) => [pair, minSources, venues.length])).to.deep.equal([
      ['IO/USDT', 3, 4],
      ['USDT/USD', 3, 4],
      ['IO/USDC', 3, 3],
      ['USDC/USD', 3, 3],
      ['IO/BTC', 3, 3],
      ['BTC/USD', 3, 4],
      ['BTC/USDT', 3, 3],
    ])
    expect(plan.legs[0]?.venues[0]).to.deep.equal({ id: 'binance', group: 'binance' })
  })

  const cases: [string, (section: SourcesConfig) => unknown, string][] = [
    [
      'a venue that is not listed',
      s => void leg(s, 0).venues.push('nowhere'),
      'legs.0.venues.4: there is no venue nowhere in sources.venues',
    ],
    [
      'a venue that is listed twice',
      s => void s.venues.push({ id: 'okx', group: 'okx' }),
      'venues.8.id: the venue okx is listed twice',
    ],
    [
      'a venue that a leg names twice',
      s => void leg(s, 0).venues.push('okx'),
      'legs.0.venues.4: the venue okx is listed twice',
    ],
    [
      'a leg that is there twice',
      s => void s.legs.push(leg(s, 0)),
      'legs.2.pair: the leg IO/USDT is listed twice',
    ],
    [
      'a minimum above the number of venues',
      s => void Object.assign(leg(s, 0), { minSources: 5 }),
      'legs.0.minSources: IO/USDT needs 5 independent sources but has 4',
    ],
    [
      'a minimum above the number of independent venues',
      s => {
        for (const venue of s.venues.slice(0, 3)) Object.assign(venue, { group: 'one-owner' })
      },
      'legs.0.minSources: IO/USDT needs 3 independent sources but has 2',
    ],
    [
      'a route that does not end in the feed’s quote',
      s => void Object.assign(s, { routes: [['IO/USDT', 'USDT/USD'], ['IO/USDT']] }),
      'routes.1: the route ends in USDT, not in USD',
    ],
    [
      'a route of legs that do not join',
      s => void Object.assign(s, { routes: [['IO/USDT', 'USDT/USD'], ['USDT/USD']] }),
      'routes.1.0: USDT/USD does not start with IO, where the route is',
    ],
    [
      'a leg on no route',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'IO/USDC' })
      },
      'legs.2.pair: IO/USDC is not part of any route',
    ],
    [
      'venue ages below arrival ages',
      s => void Object.assign(leg(s, 1), { exchangeStaleMs: 9_999 }),
      "legs.1.exchangeStaleMs: 9999 is below staleMs (10000), but a venue's time is before arrival",
    ],
  ]
  for (const [what, spoil, problem] of cases) {
    it(`reports ${what} under its key`, () => {
      expect(problems(spoil)).to.deep.equal([problem])
    })
  }

  it('reports a route over a leg that does not exist', () => {
    expect(
      problems(s => void Object.assign(s, { routes: [['IO/EUR', 'EUR/USD'], ...s.routes] })),
    ).to.deep.equal([
      'routes.0.0: there is no leg IO/EUR in sources.legs',
      'routes.0.1: there is no leg EUR/USD in sources.legs',
    ])
  })

  it('reports problems of shape and of meaning together', () => {
    const found = problems(s => {
      Object.assign(leg(s, 0), { minSources: 2, staleMs: 'soon' })
      leg(s, 1).venues.push('nowhere')
      s.routes.push(['IO/USDT'])
    })
    expect(found.map(problem => problem.split(':')[0])).to.have.members([
      'legs.0.minSources',
      'legs.0.staleMs',
      'legs.1.venues.4',
      'routes.1',
    ])
  })

  it('asks of every venue only what its simulated twin lists', () => {
    const asked = section().legs.flatMap(({ pair, venues }) => venues.map(venue => `${venue} ${pair}`))
    const listed = Object.values(FORMATS).flatMap(({ id, listings }) =>
      listings.map(({ symbol }) => `${id} ${symbol}`),
    )
    expect(asked).to.have.members(listed)
  })

  it('refuses fewer than three sources, except in tests', () => {
    const weak = section()
    Object.assign(leg(weak, 0), { minSources: 1 })
    expect(sourcesSchema.safeParse(weak).success).to.equal(false)
    expect(sourcesSchemaFor({ leastSources: 1 }).safeParse(weak).success).to.equal(true)
  })

  it('survives anything in the place of the section', () => {
    for (const junk of [null, 5, 'x', [], { legs: 5, venues: null, routes: [[5]] }]) {
      expect(sourcesSchema.safeParse(junk).success).to.equal(false)
    }
  })
})
