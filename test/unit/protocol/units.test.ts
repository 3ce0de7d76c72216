import { expect } from 'chai'
import {
  DecimalError,
  distanceBps,
  formatDecimal,
  ioForIosd,
  iosdForIo,
  MAX_PRICE,
  mulDivDown,
  mulDivUp,
  ONE,
  type Price,
  parseDecimal,
  type Wei,
} from '../../../protocol/units.ts'

describe('a decimal', () => {
  it('is read exactly, to the 18th place', () => {
    const cases: [string, bigint][] = [
      ['0', 0n],
      ['1', ONE],
      ['-1.5', -(ONE + ONE / 2n)],
      ['+2', 2n * ONE],
      ['.5', ONE / 2n],
      ['5.', 5n * ONE],
      ['0.000000000000000001', 1n],
      ['1e-18', 1n],
      ['12.34E+2', 1_234n * ONE],
      ['9007199254740993.1', 9_007_199_254_740_993n * ONE + ONE / 10n],
    ]
    expect(cases.map(([text]) => parseDecimal(text))).to.deep.equal(cases.map(([, value]) => value))
  })

  it('is cut towards zero after the 18th place', () => {
    expect(parseDecimal('0.0000000000000000019')).to.equal(1n)
    expect(parseDecimal('-0.0000000000000000019')).to.equal(-1n)
  })

  it('is refused when it is no number', () => {
    const texts = [
      '',
      '.',
      '-',
      'e5',
      '1e',
      '1,5',
      '0x10',
      'NaN',
      'Infinity',
      ' 1',
      '1 ',
      '1_000',
      '1.2.3',
      '１',
    ]
    for (const text of texts) expect(() => parseDecimal(text), text).to.throw(DecimalError)
  })

  it('is refused when it is too long or its exponent too large to be a price', () => {
    expect(() => parseDecimal('1'.repeat(121))).to.throw(DecimalError)
    expect(() => parseDecimal('1e61')).to.throw(DecimalError)
    expect(() => parseDecimal('1e-61')).to.throw(DecimalError)
    expect(parseDecimal('1e-60')).to.equal(0n)
  })

  it('is written without trailing zeros', () => {
    expect([0n, ONE, -ONE / 2n, 1n, 1_234n * ONE].map(formatDecimal)).to.deep.equal([
      '0',
      '1',
      '-0.5',
      '0.000000000000000001',
      '1234',
    ])
  })
})

describe('division', () => {
  it('names its rounding', () => {
    expect(mulDivDown(7n, 1n, 2n)).to.equal(3n)
    expect(mulDivUp(7n, 1n, 2n)).to.equal(4n)
    expect(mulDivUp(8n, 1n, 2n)).to.equal(4n)
    expect(mulDivUp(0n, 5n, 3n)).to.equal(0n)
  })

  it('measures a distance in basis points, rounded up, on both sides alike', () => {
    expect(distanceBps(10_001n, 10_000n)).to.equal(1n)
    expect(distanceBps(9_999n, 10_000n)).to.equal(1n)
    expect(distanceBps(1_000_001n, 1_000_000n)).to.equal(1n)
    expect(distanceBps(ONE, ONE)).to.equal(0n)
  })
})

describe('IOSD for IO', () => {
  it('is the amount times the price, cut down', () => {
    expect(iosdForIo((2n * ONE) as Wei, (ONE / 4n) as Price)).to.equal(ONE / 2n)
    expect(iosdForIo(1n as Wei, (ONE - 1n) as Price)).to.equal(0n)
  })

  it('loses nothing at the highest price a report can carry', () => {
    expect(iosdForIo(ONE as Wei, MAX_PRICE as Price)).to.equal(2n ** 80n - 1n)
  })
})

describe('IO for IOSD', () => {
  it('is the amount over the price, rounded up against who burns', () => {
    expect(ioForIosd(parseDecimal('5') as Wei, parseDecimal('5') as Price)).to.equal(ONE)
    expect(ioForIosd(1n as Wei, parseDecimal('5') as Price)).to.equal(1n)
    expect(ioForIosd(6n as Wei, parseDecimal('5') as Price)).to.equal(2n)
    expect(ioForIosd(0n as Wei, 1n as Price)).to.equal(0n)
  })

  it('never buys more than it gives back', () => {
    for (const price of [1n, 3n, ONE - 1n, ONE + 1n, MAX_PRICE] as Price[]) {
      for (const iosd of [1n, 7n, ONE] as Wei[]) {
        const io = ioForIosd(iosd, price)
        expect(iosdForIo(io, price) >= iosd).to.equal(true)
        expect(iosdForIo((io - 1n) as Wei, price) < iosd).to.equal(true)
      }
    }
  })
})
