import { expect } from 'chai'
import { checkQuote, faultOf, type QuoteTerms, readQuote } from '../../../cli/verify/quote-checks.ts'
import type { JsonQuoteTrace } from '../../../protocol/sources/quote-trace.ts'
import type { JsonVenueValue } from '../../../protocol/sources/trace.ts'
import { castOf, crypto, DOMAIN, FEED_ID, party } from '../../support/network/cast.ts'
import { PLAN, type QuoteMaking, ROUND_MS, tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { allVenues, NOW_MS } from '../../support/sources/build.ts'

const members = { members: castOf(4).members.map(({ identity }, slot) => ({ identity, slot })) }
const TERMS: QuoteTerms = { domain: DOMAIN, feedId: FEED_ID, plan: PLAN, roundMs: ROUND_MS, members }

/** Names and reasons of the checks that fail. */
function faults(json: unknown, terms: QuoteTerms = TERMS): string[] {
  const read = readQuote(json, terms.domain)
  const checks = 'signed' in read ? checkQuote(read, terms, crypto).checks : [read]
  return checks.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name} ${reason}`]))
}

function withValue(index: number, change: Partial<JsonVenueValue>): JsonQuoteTrace {
  const { trace, ...quote } = tracedQuote()
  const values = trace.values.map((value, at) => (at === index ? { ...value, ...change } : value))
  return { ...quote, trace: { ...trace, values } }
}

const withTrace = (change: Partial<JsonQuoteTrace['trace']>, making: QuoteMaking = {}): JsonQuoteTrace => {
  const { trace, ...quote } = tracedQuote(making)
  return { ...quote, trace: { ...trace, ...change } }
}

describe('a quote and its trace', () => {
  it('hold together as the node served them', () => {
    expect(faults(tracedQuote())).to.deep.equal([])
    expect(faults(JSON.parse(JSON.stringify(tracedQuote())))).to.deep.equal([])
    const read = readQuote(tracedQuote(), DOMAIN)
    if (!('signed' in read)) throw new Error(read.sentence)
    expect(
      checkQuote(read, TERMS, crypto).checks.map(({ name, outcome }) => `${name} ${outcome}`),
    ).to.deep.equal([
      'trace holds',
      'network holds',
      'feed holds',
      'signer holds',
      'plan holds',
      'round holds',
      'time holds',
      'price holds',
      'confidence holds',
      'sources holds',
      'rest skipped',
    ])
  })

  it('do not when a value is another one', () => {
    expect(faults(withValue(0, { last: '2.51', bid: '2.51', ask: '2.51' }))).to.deep.equal([
      'confidence CONFIDENCE_DIFFERS',
      'sources SOURCES_DIFFER',
    ])
    const ofAll = tracedQuote({ values: allVenues('2.6') })
    expect(faults({ ...tracedQuote(), trace: ofAll.trace })).to.deep.equal([
      'price PRICE_DIFFERS',
      'sources SOURCES_DIFFER',
    ])
    expect(faults(withValue(0, { last: '5', bid: '5', ask: '5' }))).to.deep.equal(['sources SOURCES_DIFFER'])
  })

  it('do not when the last digit of a value is another one', () => {
    expect(faults(withValue(3, { ask: '2.500000000000000001' }))).to.deep.equal(['sources SOURCES_DIFFER'])
  })

  it('do not when a value arrived, or was made, at another time', () => {
    const { receivedAtMs, exchangeTimeMs } = withValue(0, {}).trace.values[0] ?? { receivedAtMs: 0 }
    expect(faults(withValue(0, { receivedAtMs: receivedAtMs + 1 }))).to.deep.equal(['sources SOURCES_DIFFER'])
    expect(faults(withValue(0, { exchangeTimeMs: (exchangeTimeMs ?? 0) + 1 }))).to.deep.equal([
      'sources SOURCES_DIFFER',
    ])
    expect(faults(withValue(0, { exchangeTimeMs: null }))).to.deep.equal(['sources SOURCES_DIFFER'])
  })

  it('do not when a value that counted is left out, or one is put in', () => {
    const { values } = tracedQuote().trace
    expect(faults(withTrace({ values: values.slice(1) }))).to.deep.equal(['sources SOURCES_DIFFER'])
    expect(faults(withTrace({ values: values.slice(2) }))).to.deep.equal(['price NO_PRICE'])
    const five = withTrace({ values }, { values: allVenues().slice(0, 7) })
    expect(faults(five)).to.deep.equal(['sources SOURCES_DIFFER'])
  })

  it('do not when a value is said to have been dropped that was not', () => {
    expect(faults(withValue(0, { volume: '0' }))).to.deep.equal(['sources SOURCES_DIFFER'])
  })

  it('do not when the node looked at another time', () => {
    expect(faults(withTrace({ nowMs: NOW_MS - 1 }))).to.deep.equal(['round WRONG_ROUND', 'time WRONG_TIME'])
    expect(faults(withTrace({ nowMs: NOW_MS + 1_000 }))).to.deep.equal([
      'round WRONG_ROUND',
      'time WRONG_TIME',
    ])
    expect(faults(withTrace({ nowMs: NOW_MS + 20_000 }))).to.deep.equal([
      'round WRONG_ROUND',
      'time WRONG_TIME',
      'price NO_PRICE',
    ])
  })

  it('do not when the plan is another one', () => {
    const plan = { ...PLAN, legs: PLAN.legs.map(leg => ({ ...leg, staleMs: 9_000 })) }
    expect(faults(tracedQuote({ plan }))).to.deep.equal(['plan WRONG_PLAN'])
    expect(faults(tracedQuote(), { ...TERMS, plan })).to.deep.equal(['plan WRONG_PLAN'])
  })

  it('do not when somebody else signed, or in the name of another slot', () => {
    expect(faults(tracedQuote({ signer: party('member 9') }))).to.deep.equal(['signer WRONG_SIGNER'])
    expect(faults(tracedQuote({ slot: 1 }))).to.deep.equal(['signer WRONG_SIGNER'])
    const { quote, ...rest } = tracedQuote()
    expect(faults({ ...rest, quote: `${quote.slice(0, -4)}0000` })).to.deep.equal(['signer WRONG_SIGNER'])
    // Told by name, whoever is named may have any slot.
    const named = { ...TERMS, members: { members: [{ identity: party('member 2').identity }] } }
    expect(faults(tracedQuote({ slot: 1 }), named)).to.deep.equal([])
  })

  it('do not when the members of another time signed', () => {
    const at = (time: { fromMs: number; untilMs?: number }) => ({
      ...TERMS,
      members: { ...members, time },
    })
    const wrong = ['signer WRONG_KEY_EPOCH']
    const startMs = Math.floor(NOW_MS / ROUND_MS) * ROUND_MS
    expect(faults(tracedQuote(), at({ fromMs: startMs }))).to.deep.equal([])
    expect(faults(tracedQuote(), at({ fromMs: startMs + 1 }))).to.deep.equal(wrong)
    expect(faults(tracedQuote(), at({ fromMs: 0, untilMs: startMs + 1 }))).to.deep.equal([])
    expect(faults(tracedQuote(), at({ fromMs: 0, untilMs: startMs }))).to.deep.equal(wrong)
    // Who is no member is told as such, whatever the time.
    const stranger = tracedQuote({ signer: party('member 9') })
    expect(faults(stranger, at({ fromMs: 0, untilMs: 1 }))).to.deep.equal(['signer WRONG_SIGNER'])
  })

  it('do not when the trace says that it is of another feed', () => {
    expect(faults(withTrace({ feed: 'BTC/USD' }))).to.deep.equal(['feed WRONG_FEED'])
  })

  it('hold together whatever stands in what nobody signs, and that is said', () => {
    const { trace, ...quote } = tracedQuote({ values: allVenues() })
    const made = trace.values.map(value => ({ ...value, volume: '123456789', changedAtMs: 1 }))
    const invented = { ...trace.values[0], venue: 'nowhere' } as JsonVenueValue
    const changed = { ...quote, trace: { ...trace, nowMs: trace.nowMs + 1, values: [...made, invented] } }
    expect(faults(changed)).to.deep.equal([])
    const read = readQuote(changed, DOMAIN)
    if (!('signed' in read)) throw new Error(read.sentence)
    const rest = checkQuote(read, TERMS, crypto).checks.find(({ name }) => name === 'rest')
    for (const word of ['dropped', 'left out', 'volumes', 'changedAtMs', 'planHash', 'milliseconds of nowMs'])
      expect(rest?.sentence).to.include(word)
  })

  it('cannot be read when the bytes of the quote are those of no quote, which says nothing of the network', () => {
    const { quote, ...rest } = tracedQuote()
    const spoilt = (from: number, hex: string) => {
      const at = 2 + 2 * from
      return { ...rest, quote: `${quote.slice(0, at)}${hex}${quote.slice(at + hex.length)}` }
    }
    // The tag of the network, the kind of message, and the price.
    expect(faults(spoilt(0, 'ffffffff'))).to.deep.equal(['network WRONG_NETWORK'])
    expect(faults(spoilt(4, '7f'))).to.deep.equal(['trace MALFORMED'])
    expect(faults(spoilt(47, '0'.repeat(20)))).to.deep.equal(['trace MALFORMED'])
  })

  it('do not when the signer says something else than it found', () => {
    const lies: [QuoteMaking['lie'], string[]][] = [
      [{ price: 1n as never }, ['price PRICE_DIFFERS']],
      [{ confidence: 9_999 }, ['confidence CONFIDENCE_DIFFERS']],
      [{ sourcesRoot: `0x${'11'.repeat(32)}` }, ['sources SOURCES_DIFFER']],
      [{ observedAt: NOW_MS / 1_000 + 1 }, ['time WRONG_TIME']],
      [{ round: (NOW_MS / 100 + 10) as never }, ['round WRONG_ROUND']],
      [{ feedId: `0x${'22'.repeat(32)}` }, ['feed WRONG_FEED']],
    ]
    for (const [lie, expected] of lies)
      expect(faults(tracedQuote(lie === undefined ? {} : { lie }))).to.deep.equal(expected)
  })

  it('do not when they are of another network, of another round, or of rounds of another length', () => {
    const elsewhere = { ...DOMAIN, chainId: 1 }
    expect(faults(tracedQuote(), { ...TERMS, domain: elsewhere })).to.deep.equal(['network WRONG_NETWORK'])
    expect(faults(tracedQuote(), { ...TERMS, round: 5 })).to.deep.equal(['round WRONG_ROUND'])
    expect(faults({ ...tracedQuote(), round: 5 })).to.deep.equal(['round WRONG_ROUND'])
    expect(faults({ ...tracedQuote(), roundMs: 500 })).to.deep.equal(['round WRONG_ROUND'])
    expect(faults({ hello: 1 })).to.deep.equal(['trace MALFORMED'])
  })

  it('cannot be told where nobody knows the members, unless something else is wrong', () => {
    const terms = { ...TERMS, members: undefined }
    const verdict = (json: unknown) => {
      const read = readQuote(json, DOMAIN)
      return 'signed' in read ? faultOf(checkQuote(read, terms, crypto).checks)?.reason : undefined
    }
    expect(verdict(tracedQuote())).to.equal('UNKNOWN_MEMBERS')
    expect(verdict(tracedQuote({ lie: { confidence: 9 } }))).to.equal('CONFIDENCE_DIFFERS')
  })
})
