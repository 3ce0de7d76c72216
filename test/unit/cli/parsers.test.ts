import { expect } from 'chai'
import { amount, duration, integer, url } from '../../../cli/parsers.ts'

describe('command line values', () => {
  it('reads times with their unit', () => {
    expect([duration('500ms'), duration('60s'), duration('1.5m'), duration('1h')]).to.deep.equal([
      500, 60_000, 90_000, 3_600_000,
    ])
  })

  it('reads amounts exactly', () => {
    expect(amount('0.000000000000000001')).to.equal(1n)
    expect(amount('10')).to.equal(10n * 10n ** 18n)
  })

  for (const [name, parse, wrong] of [
    ['time', duration, ['60', 's', '-1s', '1d', '']],
    ['amount', amount, ['0', '-1', '1e3', 'ten', '']],
    ['whole number', integer(1, 20), ['0', '21', '1.5', '0x1', '']],
    ['address', url, ['127.0.0.1:80', 'ftp://x', 'http://', '']],
  ] as const) {
    it(`refuses what is not a ${name}, and says what is`, () => {
      for (const text of wrong) expect(() => parse(text), text).to.throw(/^Give /)
    })
  }
})
