import { expect } from 'chai'
import { diagnose } from '../../../cli/doctor/diagnosis.ts'
import { type Examination, examine } from '../../../cli/doctor/examine.ts'
import { renderDiagnosis } from '../../../cli/doctor/render.ts'
import { aLeg, aPlan, IO_VENUES, NOW_MS, USDT_VENUES } from '../../support/sources/build.ts'
import { anExaminedVenue, type ExaminedVenue, ExaminedVenues } from '../../support/sources/doctor-venues.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

const WAIT_MS = 8_000
const IO_ONLY = { listed: ['IO/USDT'] }
const USDT_ONLY = { listed: ['USDT/USD'] }

/** All eight venues well, but for what `change` says of some. */
function venuesOf(change: Readonly<Record<string, Partial<ExaminedVenue>>>): Record<string, ExaminedVenue> {
  return Object.fromEntries([
    ...IO_VENUES.map(venue => [venue, anExaminedVenue({ ...IO_ONLY, ...change[venue] })]),
    ...USDT_VENUES.map(venue => [venue, anExaminedVenue({ ...USDT_ONLY, ...change[venue] })]),
  ])
}

async function examined(change: Readonly<Record<string, Partial<ExaminedVenue>>>, plan = aPlan()) {
  const clock = new ManualClock(NOW_MS)
  const venues = new ExaminedVenues(venuesOf(change), clock)
  let seen: Examination | undefined
  const running = examine(
    { plan, waitMs: WAIT_MS },
    { clock, createExchange: venues.create, random: () => 0.5 },
  ).then(result => {
    seen = result
  })
  while (seen === undefined) await clock.advance(50)
  await running
  return { seen, tookMs: clock.now() - NOW_MS, open: venues.open, sleeping: clock.sleeping }
}

describe('an examination of venues', () => {
  it('shows what a node would sign when all is well, and leaves nothing open', async () => {
    const { seen, tookMs, open, sleeping } = await examined({})
    const { verdict, remarks, venues } = diagnose(seen)
    expect(verdict).to.deep.include({ signs: true, price: '2.4975', confidenceBps: 0, effectiveSources: 4 })
    expect(remarks).to.deep.equal([])
    expect(venues[0]).to.deep.equal({
      ...{ venue: 'binance', reachable: true, geoBlocked: false, problem: null },
      ...{ restMs: 12, streamMs: 100, streamProblem: null, skewMs: 3 },
      ...{ listed: ['IO/USDT'], notListed: [] },
    })
    // As soon as all of them have pushed something.
    expect(tookMs).to.be.below(500)
    expect({ open, sleeping }).to.deep.equal({ open: 0, sleeping: 0 })
  })

  it('tells each venue for itself, whatever the others do, and is over in time', async () => {
    const { seen, tookMs, open } = await examined({
      binance: { open: 'hang', pushMs: 'silent' },
      okx: { open: 'GEO_BLOCKED' },
      gate: { probe: 'RATE_LIMITED' },
      bybit: { listed: [] },
      kraken: { probe: 'hang' },
      coinbase: { pushMs: 'silent' },
    })
    const { venues, values, legs, verdict } = diagnose(seen)
    const told = venues.map(({ venue, reachable, geoBlocked, problem, notListed }) => [
      ...[venue, reachable, geoBlocked, problem, notListed.join()],
    ])
    expect(told).to.deep.equal([
      ['binance', false, false, 'TIMEOUT', ''],
      ['okx', false, true, 'GEO_BLOCKED', ''],
      ['gate', false, false, 'RATE_LIMITED', ''],
      ['bybit', true, false, null, 'IO/USDT'],
      ['kraken', false, false, 'TIMEOUT', ''],
      ['coinbase', true, false, null, ''],
      ['bitstamp', true, false, null, ''],
      ['cryptocom', true, false, null, ''],
    ])
    expect(values.map(({ venue, transport, verdict: of }) => `${venue} ${transport} ${of}`)).to.deep.equal([
      'binance null NO_VALUE',
      'okx null NO_VALUE',
      'gate websocket kept',
      'bybit null NO_VALUE',
      'kraken websocket kept',
      'coinbase rest kept',
      'bitstamp websocket kept',
      'cryptocom websocket kept',
    ])
    expect(legs[0]).to.deep.equal({
      ...{ pair: 'IO/USDT', price: null, confidenceBps: null, sources: 1, minSources: 3 },
      reason: 'TOO_FEW_SOURCES',
    })
    expect(verdict).to.deep.include({ signs: false, reason: 'TOO_FEW_SOURCES', pair: 'IO/USDT' })
    expect(tookMs).to.be.at.most(2 * WAIT_MS + 1_000)
    expect(open).to.equal(0)
  })

  it('waits for venues that failed once, as a node would ask them again', async () => {
    const late = { open: 'late', probe: { restMs: 12, skewMs: 3 } } as const
    const all = Object.fromEntries([...IO_VENUES, ...USDT_VENUES].map(venue => [venue, late]))
    const { seen, tookMs } = await examined(all)
    const { venues, verdict } = diagnose(seen)
    expect(venues.map(({ problem }) => problem)).to.deep.equal(Array(8).fill('TIMEOUT'))
    expect(verdict).to.deep.include({ signs: true, price: '2.4975', effectiveSources: 4 })
    expect(tookMs).to.be.below(WAIT_MS)
  })

  it('waits for REST where only the stream refuses the country, and for nothing where both do', async () => {
    const { seen } = await examined({ okx: { pushMs: 'GEO_BLOCKED', fetchMs: 1_000 } })
    expect(diagnose(seen).values.find(({ venue }) => venue === 'okx')).to.include({ verdict: 'kept' })
    const { tookMs } = await examined({ okx: { open: 'GEO_BLOCKED' }, gate: { listed: [] } })
    expect(tookMs).to.be.below(500)
  })

  it('takes twice the time that it was given, at most, whatever a venue does not answer', async () => {
    const { seen, tookMs } = await examined({
      binance: { open: 'hang' },
      okx: { probe: 'hang' },
      gate: { pushMs: 'silent', fetchMs: 10 * WAIT_MS },
      kraken: { probeMs: 1_000 },
    })
    expect(tookMs).to.be.at.most(2 * WAIT_MS + 100)
    // One that does not answer takes no time from the others.
    expect(diagnose(seen).venues.map(({ problem }) => problem)).to.deep.equal([
      ...['TIMEOUT', 'TIMEOUT', null, null, null, null, null, null],
    ])
  })

  it('is over although a connection does not close', async () => {
    const { seen, tookMs } = await examined({ okx: { close: 'hang' } })
    expect(diagnose(seen).verdict.signs).to.equal(true)
    expect(tookMs).to.be.below(WAIT_MS)
  })

  it('gives what went wrong the words that a node has for it', async () => {
    const { seen } = await examined({
      okx: { open: 'nonsense' },
      gate: { probe: 'STREAM_LOST' },
      bybit: { probe: 'CLOSED' },
    })
    expect(
      diagnose(seen)
        .venues.slice(1, 4)
        .map(({ problem }) => problem),
    ).to.deep.equal([...['BAD_ANSWER', 'STREAM_LOST', 'CLOSED']])
  })

  it('says whose clock is wrong, what that costs, and when it is rather our own', async () => {
    const ahead = { probe: { restMs: 1, skewMs: 240_000 } }
    const behind = { probe: { restMs: 1, skewMs: -600_000 } }
    const { remarks, verdict } = diagnose(
      (
        await examined({
          okx: { ...ahead, tickerSkewMs: 240_000 },
          gate: { ...ahead, tickerSkewMs: 'untold' },
          kraken: { ...behind, tickerSkewMs: -600_000 },
          coinbase: behind,
        })
      ).seen,
    )
    // Values that came without a time, or with a good one, are not dropped: nothing is said of those.
    expect(remarks).to.deep.equal([
      'the clock of okx is 240.0 s ahead of ours: dropped as FUTURE: IO/USDT',
      'the clock of gate is 240.0 s ahead of ours',
      'the clock of kraken is 600.0 s behind ours: dropped as STALE: USDT/USD',
      'the clock of coinbase is 600.0 s behind ours',
    ])
    expect(verdict.signs).to.equal(true)
    const all = Object.fromEntries([...IO_VENUES, ...USDT_VENUES].map(venue => [venue, ahead]))
    expect(diagnose((await examined(all)).seen).remarks[0]).to.equal(
      "this machine's clock seems to be 240.0 s behind: half of the venues say so",
    )
  })

  it('measures a clock by the legs of its venue, not by the strictest of all', async () => {
    const plan = aPlan({
      legs: [aLeg(IO_VENUES, { futureMs: 30_000 }), aLeg(USDT_VENUES, { pair: 'USDT/USD' })],
    })
    const ahead = { probe: { restMs: 1, skewMs: 20_000 } }
    // Dropped, but for its price.
    const kraken = { ...ahead, prices: { 'USDT/USD': '1.5' } }
    expect(diagnose((await examined({ gate: ahead, kraken }, plan)).seen).remarks).to.deep.equal([
      'the clock of kraken is 20.0 s ahead of ours',
    ])
  })

  it('says which leg has lost its peg', async () => {
    const plan = aPlan({
      legs: [aLeg(IO_VENUES), { ...aLeg(USDT_VENUES, { pair: 'USDT/USD' }), peg: { bandBps: 300 } }],
    })
    const low = { prices: { 'USDT/USD': '0.88' } }
    const all = Object.fromEntries(USDT_VENUES.map(venue => [venue, low]))
    const { remarks, routes, verdict } = diagnose((await examined(all, plan)).seen)
    expect(remarks).to.deep.equal(['USDT/USD is at 0.88, outside its band: routes through it are dropped'])
    expect(routes).to.deep.equal([
      { path: 'IO/USDT × USDT/USD', price: null, confidenceBps: null, reason: 'DEPEGGED USDT/USD' },
    ])
    expect(verdict).to.deep.include({ signs: false, reason: 'DEPEGGED' })
  })
})

describe('the table of an examination', () => {
  it('is read by people', async () => {
    const { seen } = await examined({
      okx: { open: 'GEO_BLOCKED' },
      gate: { prices: { 'IO/USDT': '3.375' } },
      kraken: { listed: [], probe: { restMs: 240, skewMs: -15 } },
    })
    expect(renderDiagnosis(diagnose(seen))).to.deep.equal([
      'VENUE             REST       STREAM   CLOCK  PAIRS  NOT LISTED',
      'binance          12 ms       100 ms   +3 ms    1/1',
      'okx        geo-blocked  GEO_BLOCKED       ?      –',
      'gate             12 ms       100 ms   +3 ms    1/1',
      'bybit            12 ms       100 ms   +3 ms    1/1',
      'kraken          240 ms       silent  −15 ms    0/1  USDT/USD',
      'coinbase         12 ms       100 ms   +3 ms    1/1',
      'bitstamp         12 ms       100 ms   +3 ms    1/1',
      'cryptocom        12 ms       100 ms   +3 ms    1/1',
      '',
      'PAIR      VENUE        BID    ASK   LAST   AGE  BY      VERDICT',
      'IO/USDT   binance      2.5    2.5    2.5  0 ms  stream  kept',
      '          okx            –      –      –     –  –       NO_VALUE',
      '          gate       3.375  3.375  3.375  0 ms  stream  OUT_OF_BAND',
      '          bybit        2.5    2.5    2.5  0 ms  stream  kept',
      'USDT/USD  kraken         –      –      –     –  –       NO_VALUE',
      '          coinbase   0.999  0.999  0.999  0 ms  stream  kept',
      '          bitstamp   0.999  0.999  0.999  0 ms  stream  kept',
      '          cryptocom  0.999  0.999  0.999  0 ms  stream  kept',
      '',
      'LEG       PRICE      ±     SOURCES',
      'IO/USDT       –      –  2, needs 3  TOO_FEW_SOURCES',
      'USDT/USD  0.999  0 bps  3, needs 3',
      '',
      'ROUTE               PRICE  ±',
      'IO/USDT × USDT/USD      –  –  LEG_ABSTAINED IO/USDT',
      '',
      'a node would ABSTAIN: TOO_FEW_SOURCES at IO/USDT',
    ])
  })

  it('cuts digits that only machines read, and keeps those of small prices', async () => {
    const prices = { 'IO/USDT': '0.000035123456789012', 'USDT/USD': '0.999' }
    const all = Object.fromEntries(IO_VENUES.map(venue => [venue, { prices }]))
    const line = renderDiagnosis(diagnose((await examined(all)).seen)).find(each =>
      each.startsWith('IO/USDT'),
    )
    expect(line).to.include(' 0.000035123456789 ')
  })
})
