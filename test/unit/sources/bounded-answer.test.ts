import { expect } from 'chai'
import type { Adapter } from '../../../oracle-node/sources/adapters/adapter.ts'
import {
  blankLongNumbers,
  MAX_DIGITS,
  MAX_EXPONENT,
  refuseLongPrecisions,
} from '../../../oracle-node/sources/adapters/bounded-answer.ts'
import { adapterOf } from '../../../oracle-node/sources/adapters/ccxt.ts'
import { TooLargeError } from '../../../oracle-node/sources/adapters/errors.ts'
import { observeRestCalls } from '../../../oracle-node/sources/adapters/rest-calls.ts'
import { systemClock } from '../../../runtime/clock.ts'

const blanked = (text: string): boolean => {
  const answer = { result: [{ price: text, other: '1.5' }] }
  blankLongNumbers(answer)
  expect(answer.result[0]?.other).to.equal('1.5')
  return answer.result[0]?.price === null
}

describe('numbers of an answer', () => {
  it('are taken out when ccxt would compute with them for seconds', () => {
    for (const text of [
      ...[
        '1e-30000000',
        '1E30000000',
        '-1.5e+30000000',
        '1e 30000000',
        '1e0x1c9c380',
        '1e30000000abc',
        '0x1e-30000000',
        'e30000000',
      ],
      ...[
        '9'.repeat(MAX_DIGITS + 1),
        `0.${'0'.repeat(MAX_DIGITS)}1`,
        `-${'9'.repeat(400_000)}`,
        `${'9'.repeat(400_000)}e1`,
      ],
    ]) {
      expect(blanked(text), text.slice(0, 100)).to.equal(true)
    }
  })

  it('stay what they are when they are a price, and so does what is no number', () => {
    for (const text of [
      ...['0.000000000000000001', '1e-18', '2.5E+10', '1e99', '', '-', 'e', 'NaN'],
      ...[
        '9'.repeat(MAX_DIGITS),
        'IO-USDT',
        '2026-11-23T12:00:00.000Z',
        'a'.repeat(1_000),
        `1 ${'inch '.repeat(50)}`,
      ],
    ]) {
      expect(blanked(text), text.slice(0, 100)).to.equal(false)
    }
  })

  it('are looked at before an adapter computes, also those that stand there without quotes', async () => {
    const create = await adapterOf('bithumb')
    const adapter = new create({}) as Adapter
    observeRestCalls(adapter, { timeoutMs: 5_000, hashFrames: false, clock: systemClock })
    const data = '{"closing_price":1e-30000000,"opening_price":"1","max_price":"1","units_traded_24H":"1"}'
    const answer = adapter.parseJson(`{"status":"0000","data":${data}}`) as { data: unknown }
    const began = performance.now()
    const ticker = (adapter as unknown as { parseTicker(told: unknown): { last?: unknown } }).parseTicker(
      answer.data,
    )
    expect(ticker.last).to.equal(undefined)
    expect(performance.now() - began).to.be.below(500)
  })
})

describe('how many decimals a market has', () => {
  it('is refused before ccxt writes out as many zeros', async () => {
    const create = await adapterOf('binance')
    const adapter = new create({}) as Adapter
    refuseLongPrecisions(adapter)
    // Longer than the test would wait, and not so long that it ends the process.
    for (const told of ['20000000', '-20000000', 20_000_000, '0x1312d00']) {
      expect(() => adapter.parsePrecision(told), String(told)).to.throw(TooLargeError)
      expect(() => adapter.integerPrecisionToAmount(told), String(told)).to.throw(TooLargeError)
    }
    for (const told of ['-2e7', '-2e0x7']) {
      expect(() => adapter.integerPrecisionToAmount(told), told).to.throw(TooLargeError)
    }
    expect(adapter.parsePrecision('2')).to.equal('0.01')
    expect(adapter.parsePrecision('-2')).to.equal('100')
    expect(adapter.integerPrecisionToAmount('-2')).to.equal('100')
    expect(adapter.parsePrecision(MAX_EXPONENT)).to.have.length(MAX_EXPONENT + 2)
    expect(adapter.parsePrecision(undefined)).to.equal(undefined)
    expect(adapter.integerPrecisionToAmount(undefined)).to.equal(undefined)
  })
})
