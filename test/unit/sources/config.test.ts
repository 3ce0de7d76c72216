import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { type SourcesConfig, sourcesSchema, sourcesSchemaFor, toSourcePlan } from '../../../config/sources.ts'
import { VENUE_IDS } from '../../../config/venue-ids.ts'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { pathOf, walkRoute } from '../../../protocol/sources/route.ts'

const NETWORKS = resolve(import.meta.dirname, '../../../config/networks')

function section(file = 'sources.io-usd.json'): SourcesConfig {
  return JSON.parse(readFileSync(resolve(NETWORKS, file), 'utf8'))
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
      'routes.1: IO →IO/USDT→ USDT: ends in USDT, not in USD',
    ],
    [
      'a route through an inverted leg that does not end in dollars',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'IO/KRW' }, { ...leg(s, 0), pair: 'USDT/KRW' })
        s.routes.push(['IO/KRW', 'USDT/KRW'])
      },
      'routes.1: IO →IO/KRW→ KRW →1/(USDT/KRW)→ USDT: ends in USDT, not in USD',
    ],
    [
      'a route that comes back to where it was',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'BTC/USDT' })
        s.routes.push(['IO/USDT', 'BTC/USDT', 'BTC/USDT', 'USDT/USD'])
      },
      'routes.1.2: IO →IO/USDT→ USDT →1/(BTC/USDT)→ BTC →BTC/USDT→ USDT: comes back to USDT',
    ],
    [
      'a route that comes back to the asset that is priced',
      s => void s.routes.push(['IO/USDT', 'IO/USDT', 'IO/USDT', 'USDT/USD']),
      'routes.1.1: IO →IO/USDT→ USDT →1/(IO/USDT)→ IO: comes back to IO',
    ],
    [
      'a leg that is another the other way round',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'USD/USDT' })
        s.routes.push(['IO/USDT', 'USD/USDT'])
      },
      'legs.2.pair: USD/USDT is USDT/USD the other way round, and routes take either way',
    ],
    [
      'a peg on a leg that is not in dollars',
      s => void Object.assign(leg(s, 0), { pair: 'IO/USDT', peg: { bandBps: 200 } }),
      'legs.0.peg: IO/USDT is not in USD: a peg belongs to the leg IO/USD',
    ],
    [
      'a time without change below the age since arrival',
      s => void Object.assign(leg(s, 0), { frozenMs: 9_999 }),
      'legs.0.frozenMs: 9999 is below staleMs (10000), but what arrived last has changed before',
    ],
    [
      'a venue without an adapter, with the one that was meant',
      s => void s.venues.push({ id: 'binanse', group: 'binanse' }),
      'venues.8.id: there is no adapter for binanse; did you mean binance?',
    ],
    [
      'a venue without an adapter that resembles none',
      s => void s.venues.push({ id: 'nowhere', group: 'nowhere' }),
      `venues.8.id: there is no adapter for nowhere; there are ${VENUE_IDS.join(', ')}`,
    ],
    [
      'a slip in a name',
      s => void leg(s, 1).venues.push('krakem'),
      'legs.1.venues.4: there is no venue krakem in sources.venues; did you mean kraken?',
    ],
    [
      'a route of legs that do not join',
      s => void Object.assign(s, { routes: [['IO/USDT', 'USDT/USD'], ['USDT/USD']] }),
      'routes.1.0: IO: USDT/USD neither begins nor ends with IO',
    ],
    [
      'a route of legs that do not join later on, and not what follows from it',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'BTC/EUR' }, { ...leg(s, 0), pair: 'EUR/USDT' })
        s.routes.push(['IO/USDT', 'BTC/EUR', 'EUR/USDT'])
      },
      'routes.1.1: IO →IO/USDT→ USDT: BTC/EUR neither begins nor ends with USDT',
    ],
    [
      'a leg on no route',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'IO/USDC' })
      },
      'legs.2.pair: IO/USDC is not part of any route',
    ],
    [
      'a coin that is meant to be worth a dollar, without a peg',
      s => {
        delete leg(s, 1).peg
      },
      'legs.1.peg: USDT is meant to be worth a dollar: USDT/USD needs a peg',
    ],
    [
      'dollars in such a coin, where no peg can be',
      s => {
        s.legs.splice(1, 1, { ...leg(s, 1), pair: 'USD/USDT' })
        delete leg(s, 1).peg
        Object.assign(s, { routes: [['IO/USDT', 'USD/USDT']] })
      },
      'legs.1.pair: USDT is meant to be worth a dollar: take USDT/USD, with a peg',
    ],
    [
      'a peg of what is worth no dollar, which would be lost for ever',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'IO/BTC' }, { ...leg(s, 1), pair: 'BTC/USD' })
        s.routes.push(['IO/BTC', 'BTC/USD'])
      },
      'legs.3.peg: BTC is not known to be worth a dollar; coins that are meant to be: USDT, USDC, DAI, FDUSD, PYUSD, RLUSD, TUSD, USDE, USDP, USDS',
    ],
    [
      'a route around a peg',
      s => {
        s.legs.push({ ...leg(s, 0), pair: 'BTC/USDT' }, { ...leg(s, 0), pair: 'BTC/USD' })
        s.routes.push(['IO/USDT', 'BTC/USDT', 'BTC/USD'])
      },
      'routes.1.1: IO →IO/USDT→ USDT →1/(BTC/USDT)→ BTC: goes around the peg of USDT; take USDT/USD',
    ],
    [
      'a venue that no leg asks',
      s => void s.venues.push({ id: 'htx', group: 'htx' }),
      'venues.8.id: no leg asks htx',
    ],
    [
      'a group by the name of a venue that is in another one',
      s => {
        Object.assign(s.venues[0] ?? {}, { group: 'kraken' })
        Object.assign(s.venues[4] ?? {}, { group: 'payward' })
      },
      'venues.0.group: the venue kraken is not of the group kraken, but of payward',
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

  it('refuses a feed that is not in dollars, and every route that ends elsewhere', () => {
    expect(
      problems(s => {
        s.legs.push({ ...leg(s, 1), pair: 'USDT/EUR', peg: { bandBps: 200 } })
        Object.assign(s, { feed: 'IO/EUR', routes: [...s.routes, ['IO/USDT', 'USDT/EUR']] })
      }),
    ).to.deep.equal([
      'feed: IO/EUR is not in USD, as prices are reported',
      'legs.2.peg: USDT/EUR is not in USD: a peg belongs to the leg USDT/USD',
      'routes.1: IO →IO/USDT→ USDT →USDT/EUR→ EUR: ends in EUR, not in USD',
    ])
  })

  it('refuses a peg of what is priced, and a leg of an asset in itself', () => {
    expect(
      problems(s => {
        s.legs.push({ ...leg(s, 1), pair: 'IO/USD' }, { ...leg(s, 1), pair: 'USD/USD' })
        s.routes.push(['IO/USD'], ['IO/USD', 'USD/USD'])
      }),
    ).to.deep.equal([
      'legs.2.peg: IO is what is priced, and has no peg',
      'legs.3.pair: USD/USD is an asset in itself',
      'routes.2.1: IO →IO/USD→ USD →USD/USD→ USD: comes back to USD',
    ])
  })

  it('takes a group that is named after one of its venues, or after none', () => {
    const good = oneRoute()
    const [binance, okx, gate] = good.venues
    Object.assign(binance ?? {}, { group: 'okx' })
    Object.assign(gate ?? {}, { group: 'an-owner' })
    expect(okx?.group).to.equal('okx')
    expect(sourcesSchema.safeParse(good).error).to.equal(undefined)
  })

  it('takes what stands the other way round, pegs and frozen times', () => {
    const good = oneRoute()
    good.legs.push(
      { ...leg(good, 0), pair: 'IO/KRW' },
      { ...leg(good, 0), pair: 'USDT/KRW', frozenMs: 60_000 },
    )
    good.routes.push(['IO/KRW', 'USDT/KRW', 'USDT/USD'])
    const plan = toSourcePlan(sourcesSchema.parse(good))
    expect(plan.legs.map(({ pair, peg, frozenMs }) => [pair, peg, frozenMs])).to.deep.equal([
      ['IO/USDT', undefined, undefined],
      ['USDT/USD', { bandBps: 200 }, undefined],
      ['IO/KRW', undefined, undefined],
      ['USDT/KRW', undefined, 60_000],
    ])
  })

  it('has room for 32 legs and routes of five steps, and for no more', () => {
    const paths = problems(s => {
      const extra = Array.from({ length: 31 }, (_, i) => `IO/X${i}`)
      s.legs.push(...extra.map(pair => ({ ...leg(s, 0), pair })))
      s.routes.push(...extra.map(pair => [pair, 'USDT/USD', 'USDT/USD', 'USDT/USD', 'USDT/USD', 'USDT/USD']))
    }).map(problem => problem.split(': ')[0])
    expect(paths).to.include.members(['legs', 'routes.1'])
    expect(paths).to.not.include('routes')
  })

  it('names the leg that was meant', () => {
    expect(
      problems(s => void Object.assign(s, { routes: [...s.routes, ['IO/USDT', 'USD/USDT'], ['IO/USDD']] })),
    ).to.deep.equal([
      'routes.1.1: there is no leg USD/USDT in sources.legs; USDT/USD can be taken either way',
      'routes.2.0: there is no leg IO/USDD in sources.legs; did you mean IO/USDT?',
    ])
  })

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

  it('of the local network asks of every venue only what its simulated twin lists', () => {
    const asked = section().legs.flatMap(({ pair, venues }) => venues.map(venue => `${venue} ${pair}`))
    const listed = Object.values(FORMATS).flatMap(({ id, listings }) =>
      listings.map(({ symbol }) => `${id} ${symbol}`),
    )
    expect(listed).to.include.members(asked)
  })

  it('for real money prices IO on at least 14 venues, by way of every currency', () => {
    const { legs, routes } = toSourcePlan(sourcesSchema.parse(section('sources.mainnet.json')))
    const venuesOfIo = new Set(
      legs.filter(({ pair }) => pair.startsWith('IO/')).flatMap(({ venues }) => venues.map(({ id }) => id)),
    )
    expect(venuesOfIo.size).to.be.at.least(14)
    const venues = new Set(legs.flatMap(leg => leg.venues.map(({ id }) => id)))
    expect([...venues]).to.have.members(VENUE_IDS)
    expect(routes.map(route => pathOf(walkRoute('IO/USD', route)))).to.deep.equal([
      'IO →IO/USDT→ USDT →USDT/USD→ USD',
      'IO →IO/USDC→ USDC →USDC/USD→ USD',
      'IO →IO/BTC→ BTC →BTC/USD→ USD',
      'IO →IO/BTC→ BTC →BTC/USDT→ USDT →USDT/USD→ USD',
      'IO →IO/KRW→ KRW →1/(USDT/KRW)→ USDT →USDT/USD→ USD',
      'IO →IO/USD→ USD',
    ])
    const stable = legs.filter(({ pair }) => /^USD[TC]\/USD$/.test(pair))
    expect(stable.map(({ peg }) => peg)).to.deep.equal([{ bandBps: 200 }, { bandBps: 200 }])
    // A stablecoin may well stand still for longer than any bound.
    expect(stable.map(({ frozenMs }) => frozenMs)).to.deep.equal([undefined, undefined])
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
