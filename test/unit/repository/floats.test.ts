import { expect } from 'chai'
import { floatsOf } from '../../../scripts/check-floats.ts'

/** What may be spoken of in the lines below. */
const NAMES = `
  declare const text: string
  declare const prices: readonly string[]
  declare const price: bigint
  declare const bid: number
  declare const said: string | number | undefined
  declare const nowMs: number
  declare const any: any
  declare const view: DataView
  declare const adapter: { safeNumber(of: object, key: string): number | undefined; digits(of: bigint): number }
`
/** Files in no folder that is there. */
const fileOf = (index: number) => `protocol/sources/line-${index}.ts`
const sourceOf = (line: string) => `export {}\n${NAMES}\n${line}\n`
const LINE = sourceOf('').split('\n').length - 1

const REFUSED: readonly string[] = [
  'const p = Number(text)',
  'const p = Number (text)',
  'const p = Number\n(text)',
  '/* why */ const p = Number(text)',
  "const url = 'a // b'; const p = Number(text)",
  'const p = parseFloat(text)',
  'const p = Number.parseFloat(text)',
  'const p = +text',
  'const p = -text',
  'const p = prices.map(Number)',
  'const make = Number',
  'const { round } = Math',
  'const p = Math.round(bid)',
  "const p = Math['round'](bid)",
  'const p = bid.toFixed(8)',
  "const p = bid['toPrecision'](15)",
  'const mid = (bid * 1 + bid * 1) / 2',
  'let mid = bid; mid /= 2',
  'const p = bid * 1.5',
  'const p = bid ** nowMs',
  'const p = any * 1',
  'const p = any - 0',
  'const p = any | 0',
  'const p = new Float64Array(1)',
  'const p = view.getFloat64(0)',
  'const p = JSON.parse(text)',
  "const p = adapter.safeNumber({}, 'price')",
  'const p = adapter.digits(price)',
]
const TAKEN: readonly string[] = [
  '// never Number(price)',
  '/** as parseFloat( does */ const n = BigInt(text)',
  'const at = Math.max(bid, nowMs) // Number(x)',
  'const is = Number.isSafeInteger(bid) && bid <= Number.MAX_SAFE_INTEGER',
  'const p = (price * 3n) / 2n - 1n',
  'const p = -price + (price << 2n)',
  'const d = bid - nowMs * 1_000',
  'const most = 2 ** 40 - 1',
  "const at = text.indexOf('.') + text.length",
  'const of = new Map<string, number>().get(text)',
  'const s = String(said)',
  'interface Adapter { number: Number }',
]

describe('the check for floats in the price path', function () {
  // The compiler may take its time on a busy machine.
  this.timeout(60_000)
  let found: readonly string[]
  before(() => {
    const lines = [...REFUSED, ...TAKEN]
    found = floatsOf(new Map(lines.map((line, i) => [fileOf(i), sourceOf(line)])), [])
  })
  const problemsOf = (index: number) => found.filter(problem => problem.startsWith(`${fileOf(index)}:`))

  for (const [index, line] of REFUSED.entries()) {
    it(`refuses "${line.replace('\n', '↵')}" and says where it stands`, () => {
      const [problem] = problemsOf(index)
      expect(problem).to.match(new RegExp(`^${fileOf(index)}:${LINE}: \\S`))
    })
  }

  for (const [index, line] of TAKEN.entries()) {
    it(`takes "${line}"`, () => {
      expect(problemsOf(REFUSED.length + index)).to.deep.equal([])
    })
  }

  describe('lets an expression be', () => {
    const second = { file: fileOf(0), expression: 'Math.floor(nowMs / 1_000)', why: 'a time' }
    const check = (line: string, index = 0) => floatsOf(new Map([[fileOf(index), sourceOf(line)]]), [second])

    it('that gives its reason, however it is broken into lines', () => {
      expect(check('const s = Math.floor(nowMs / 1_000)')).to.deep.equal([])
      expect(check('const s = Math.floor(\n  nowMs / 1_000)')).to.deep.equal([])
    })

    it('but no other of the same line, nor another by the same name', () => {
      expect(check('const s = Math.floor(nowMs / 1_000) + Number(text)')).to.deep.equal([
        `${fileOf(0)}:${LINE}: Number(text)`,
      ])
      expect(check('const s = [Math.floor(nowMs / 1_000), Math.floor(bid / 1_000)]')).to.deep.equal([
        `${fileOf(0)}:${LINE}: Math.floor(bid / 1_000)`,
        `${fileOf(0)}:${LINE}: bid / 1_000`,
      ])
    })

    it('in its own file alone, and wants the reason gone when the expression is', () => {
      expect(check('const s = Math.floor(nowMs / 1_000)', 1)).to.deep.equal([
        `${fileOf(1)}:${LINE}: Math.floor(nowMs / 1_000)`,
        `${fileOf(1)}:${LINE}: nowMs / 1_000`,
        `${fileOf(0)}: nothing is the allowed "Math.floor(nowMs / 1_000)"`,
      ])
    })
  })
})
