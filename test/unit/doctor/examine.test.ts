import { expect } from 'chai'
import { diagnose } from '../../../cli/doctor/diagnosis.ts'
import { type Examination, examine } from '../../../cli/doctor/examine.ts'
import { ALIKE_CHANGES, LookAlikeWatch } from '../../../cli/doctor/look-alikes.ts'
import { renderDiagnosis } from '../../../cli/doctor/render.ts'
import { aTapped } from '../../support/recording/build.ts'
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
    expect(tookMs).to.be.at.most(3 * WAIT_MS + 1_000)
    expect(open).to.equal(0)
  })

  it('says whose clock is wrong, and when it is rather our own', async () => {
    const ahead = { probe: { restMs: 1, skewMs: 240_000 } }
    const behind = { probe: { restMs: 1, skewMs: -600_000 } }
    const one = diagnose((await examined({ gate: ahead, kraken: behind })).seen)
    expect(one.remarks).to.deep.equal([
      'the clock of gate is 240.0 s ahead of ours: what it says is dropped as FUTURE',
      'the clock of kraken is 600.0 s behind ours: what it says is dropped as STALE',
    ])
    const all = Object.fromEntries([...IO_VENUES, ...USDT_VENUES].map(venue => [venue, ahead]))
    expect(diagnose((await examined(all)).seen).remarks[0]).to.equal(
      "this machine's clock seems to be 240.0 s behind: half of the venues say so",
    )
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

describe('venues that say the same', () => {
  const watched = (changes: number, other: (change: number) => string) => {
    const watch = new LookAlikeWatch()
    for (let change = 0; change < changes; change++) {
      watch.ticker(aTapped({ last: `2.${change}` }, { venue: 'binance' }))
      // Said twice is not two changes.
      watch.ticker(aTapped({ last: `2.${change}` }, { venue: 'binance' }))
      watch.ticker(aTapped({ last: other(change) }, { venue: 'okx' }))
    }
    return watch.found()
  }

  it('are named after as many changes as are no accident', () => {
    const same = (change: number): string => `2.${change}`
    expect(watched(ALIKE_CHANGES - 1, same)).to.deep.equal([])
    expect(watched(ALIKE_CHANGES * 3, same)).to.deep.equal([{ pair: 'IO/USDT', venues: ['binance', 'okx'] }])
  })

  it('are not named for one difference', () => {
    expect(watched(ALIKE_CHANGES, change => (change === 7 ? '3' : `2.${change}`))).to.deep.equal([])
  })
})
