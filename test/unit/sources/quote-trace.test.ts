import { expect } from 'chai'
import { keccak256, stringToBytes } from 'viem'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import { sourcesRoot } from '../../../protocol/sources/commitment.ts'
import { planHash } from '../../../protocol/sources/plan-hash.ts'
import { decodeQuoteTrace, recomputeQuote } from '../../../protocol/sources/quote-trace.ts'
import { decodeTrace, encodeTrace, TraceError } from '../../../protocol/sources/trace.ts'
import type { LegPlan, SourcePlan } from '../../../protocol/sources/types.ts'
import { tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { aLeg, allVenues, aPlan, aValue, NOW_MS } from '../../support/sources/build.ts'

const changedLeg = (change: Partial<LegPlan>): SourcePlan => {
  const { legs, ...plan } = aPlan()
  return { ...plan, legs: legs.map((leg, index) => (index === 0 ? { ...leg, ...change } : leg)) }
}

describe('the hash of a plan', () => {
  it('is the same however the plan was written down', () => {
    const { feed, legs, routes } = aPlan()
    const turned = legs.map(leg => Object.fromEntries(Object.entries(leg).reverse()) as unknown as LegPlan)
    expect(planHash({ routes, legs: turned, feed })).to.equal(planHash(aPlan()))
  })

  it('is the one that anybody comes to', () => {
    const leg = aLeg(['okx'], { frozenMs: 7, peg: { bandBps: 9 } })
    const text =
      'ionet source plan\n{"feed":"IO/USD","legs":[{"bandBps":2000,"crossedBps":50,"exchangeStaleMs":60000,' +
      '"frozenMs":7,"futureMs":2000,"minSources":3,"pair":"IO/USDT","peg":{"bandBps":9},"staleMs":10000,' +
      '"venues":[{"group":"okx","id":"okx"}]}],"routes":[["IO/USDT","USDT/USD"]]}'
    expect(planHash(aPlan({ legs: [leg] }))).to.equal(keccak256(stringToBytes(text)))
  })

  it('changes with everything that the plan says', () => {
    const { legs, ...plan } = aPlan()
    const others = [
      { ...aPlan(), feed: 'IO/EUR' },
      { ...aPlan(), routes: [['IO/USDT']] },
      { ...plan, legs: legs.slice(0, 1) },
      { ...plan, legs: [...legs].reverse() },
      changedLeg({ pair: 'IO/USDC' }),
      changedLeg({ minSources: 4 }),
      changedLeg({ staleMs: 9_999 }),
      changedLeg({ exchangeStaleMs: 1 }),
      changedLeg({ futureMs: 1 }),
      changedLeg({ bandBps: 1 }),
      changedLeg({ crossedBps: 1 }),
      changedLeg({ frozenMs: 1 }),
      changedLeg({ peg: { bandBps: 1 } }),
      changedLeg({ venues: [{ id: 'binance', group: 'okx' }] }),
    ]
    expect(new Set([aPlan(), ...others].map(planHash)).size).to.equal(others.length + 1)
  })
})

describe('a quote made again', () => {
  it('has price, confidence, time and root of the first', () => {
    const trace = { feed: 'IO/USD', nowMs: NOW_MS + 999, values: allVenues() }
    const outcome = aggregateSources(trace.values, aPlan(), trace.nowMs)
    if (outcome.kind === 'abstain') throw new Error(outcome.reason)
    expect(recomputeQuote(trace, aPlan())).to.deep.equal({
      kind: 'price',
      outcome,
      price: outcome.price,
      confidence: outcome.confidenceBps,
      observedAt: NOW_MS / 1_000,
      sourcesRoot: sourcesRoot(outcome),
    })
  })

  it('is none where the values give no price', () => {
    const again = recomputeQuote({ feed: 'IO/USD', nowMs: NOW_MS, values: allVenues().slice(2) }, aPlan())
    expect(again.kind === 'abstain' && again.outcome.reason).to.equal('TOO_FEW_SOURCES')
  })
})

describe('the trace of a quote', () => {
  const json = () => JSON.parse(JSON.stringify(tracedQuote()))

  it('comes back from JSON', () => {
    const { round, quote, trace, roundMs } = decodeQuoteTrace(json())
    expect({ round, roundMs, bytes: quote.length }).to.deep.equal({
      round: NOW_MS / 100,
      roundMs: 1_000,
      bytes: 160,
    })
    expect(trace).to.deep.equal({ feed: 'IO/USD', nowMs: NOW_MS, values: allVenues() })
  })

  const broken: [string, (trace: ReturnType<typeof json>) => unknown][] = [
    ['quote trace', () => []],
    ['version', t => ({ ...t, version: 1 })],
    ['round', t => ({ ...t, round: 2 ** 40 })],
    ['round', t => ({ ...t, round: '1' })],
    ['quote', t => ({ ...t, quote: t.quote.slice(0, -2) })],
    ['quote', t => ({ ...t, quote: t.quote.toUpperCase() })],
    ['planHash', t => ({ ...t, planHash: '0x' })],
    ['roundMs', t => ({ ...t, roundMs: -1 })],
    ['trace', t => ({ ...t, trace: undefined })],
    [
      'values.0.venue',
      t => ({ ...t, trace: { ...t.trace, values: [{ ...t.trace.values[0], venue: '\u001b[2J' }] } }),
    ],
  ]
  for (const [path, spoil] of broken) {
    it(`that is broken at ${path} is refused by that name`, () => {
      expect(() => decodeQuoteTrace(spoil(json())))
        .to.throw(TraceError)
        .that.includes({ code: 'BAD_TRACE', path })
    })
  }

  it('stays readable whatever volume a venue claims', () => {
    const trace = {
      feed: 'IO/USD',
      nowMs: NOW_MS,
      values: [aValue({ volume: 10n ** 178n - 1n }), aValue({ last: -5n })],
    }
    expect(decodeTrace(JSON.parse(JSON.stringify(encodeTrace(trace))))).to.deep.equal(trace)
  })
})
