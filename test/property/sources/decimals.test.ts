import { expect } from 'chai'
import { formatDecimal, parseDecimal } from '../../../protocol/units.ts'

const CASES = 1_000_000
const SEED = 20_261_123

/** mulberry32: a million cases of fast-check would take a minute. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
}

describe('decimals', function () {
  this.timeout(60_000)

  it('of a million random strings of up to 18 places come back as they went in', () => {
    const random = generator(SEED)
    const digits = (count: number): string => {
      let text = ''
      while (text.length < count) text += String(random()).padStart(10, '0')
      return text.slice(text.length - count)
    }
    for (let i = 0; i < CASES; i += 1) {
      const whole = digits(random() % 21)
      const fraction = digits(random() % 19)
      if (whole === '' && fraction === '') continue
      const sign = random() % 4 === 0 ? '-' : ''
      const text = `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
      const back = formatDecimal(parseDecimal(text))
      const expected = canonical(sign, whole, fraction)
      // chai's comparison would cost more than all that is compared.
      if (back !== expected) expect(back, `seed ${SEED}, case ${i}: ${text}`).to.equal(expected)
    }
  })

  it('are the same written with an exponent', () => {
    const random = generator(SEED + 1)
    for (let i = 0; i < 100_000; i += 1) {
      const value = BigInt(random()) * BigInt(random())
      const exponent = -18 + (random() % 19)
      const places = -exponent
      const text = value.toString().padStart(places + 1, '0')
      const plain = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`
      const scientific = `${value}${random() % 2 === 0 ? 'e' : 'E'}${exponent}`
      if (parseDecimal(scientific) !== parseDecimal(plain)) {
        expect(parseDecimal(scientific), `seed ${SEED + 1}, case ${i}: ${scientific}`).to.equal(
          parseDecimal(plain),
        )
      }
    }
  })

  it('of JSON numbers are the shortest ones that read back as the same number', () => {
    const random = generator(SEED + 2)
    const words = new Uint32Array(2)
    const double = new Float64Array(words.buffer)
    for (let i = 0; i < 100_000; i += 1) {
      words[0] = random()
      // Exponents of prices: 2^-30 to 2^30.
      words[1] = ((1023 - 30 + (random() % 60)) << 20) | (random() & 0xfffff)
      const value = double[0] ?? 0
      const text = String(value)
      if (text.length > 20) continue
      const places = text.split('.')[1]?.length ?? 0
      if (places > 18 || text.includes('e')) continue
      const back = Number(formatDecimal(parseDecimal(text)))
      if (back !== value) expect(back, `seed ${SEED + 2}, case ${i}`).to.equal(value)
    }
  })
})

/** By text alone: no leading zeros, no trailing ones, no negative zero. */
function canonical(sign: string, whole: string, fraction: string): string {
  const left = whole.replace(/^0+/, '') || '0'
  const right = fraction.replace(/0+$/, '')
  const isZero = left === '0' && right === ''
  return `${isZero ? '' : sign}${left}${right === '' ? '' : `.${right}`}`
}
