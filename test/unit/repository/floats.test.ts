import { expect } from 'chai'
import { floatsOf, unusedOf } from '../../../scripts/check-floats.ts'

const ALLOWED = [{ file: 'a.ts', line: 'Math.floor(nowMs', why: 'a time' }]

describe('the check for floats in the price path', () => {
  const makers = [
    'const price = Number(text)',
    'const price = parseFloat(text)',
    'return price.toFixed(8)',
    'return value.toPrecision(15)',
    'const mid = Math.round(bid)',
  ]
  for (const line of makers) {
    it(`refuses "${line}" and says where it stands`, () => {
      const [problem] = floatsOf('a.ts', `const a = 1n\n${line}\n`, ALLOWED)
      expect(problem).to.match(/^a\.ts:2: /)
      expect(problem).to.include(line)
    })
  }

  it('lets whole numbers, bounds and comments be', () => {
    const source = [
      '// never Number(price)',
      ' * as parseFloat( does',
      'const at = Math.max(a, b) // Number(x)',
      'Number.isSafeInteger(t)',
      'const n = BigInt(text)',
    ]
    expect(floatsOf('a.ts', source.join('\n'), ALLOWED)).to.deep.equal([])
  })

  it('lets a line be that gives its reason, in its own file alone', () => {
    const line = 'const second = Math.floor(nowMs / 1_000)'
    expect(floatsOf('a.ts', line, ALLOWED)).to.deep.equal([])
    expect(floatsOf('b.ts', line, ALLOWED)).to.have.length(1)
  })

  it('wants a reason gone when its line is', () => {
    expect(unusedOf(new Map([['a.ts', 'Math.floor(nowMs / 1)']]), ALLOWED)).to.deep.equal([])
    expect(unusedOf(new Map([['a.ts', 'nothing']]), ALLOWED)).to.have.length(1)
  })
})
