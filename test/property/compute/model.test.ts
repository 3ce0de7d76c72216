import { expect } from 'chai'
import fc from 'fast-check'
import { integerRoot, normalise } from '../../../compute/model/arithmetic.ts'
import { complete } from '../../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../../compute/model/spec.ts'
import { verifyCompletion } from '../../../compute/model/verify.ts'
import { loadModel } from '../../../compute/model/weights.ts'

const model = loadModel(BUILT_IN_MODEL)

describe('the built-in model, whatever it is asked', () => {
  it('gives an answer that verifies, and that fails when one character is another', () => {
    const cases = fc.record({
      prompt: fc.string({ unit: 'grapheme', maxLength: 40 }),
      maxTokens: fc.integer({ min: 1, max: 12 }),
    })
    fc.assert(
      fc.property(cases, fc.nat(), (request, place) => {
        const answer = complete(model, request)
        expect(answer.completionTokens).to.be.at.most(request.maxTokens)
        expect(verifyCompletion(model, request, answer)).to.deep.equal({ ok: true })
        const at = place % Math.max(1, answer.text.length)
        const text = `${answer.text.slice(0, at)}?${answer.text.slice(at + 1)}`
        expect(verifyCompletion(model, request, { ...answer, text })).to.deep.equal({
          ok: false,
          code: 'WRONG_TEXT',
          at,
        })
      }),
      { numRuns: 25 },
    )
  })

  it('answers nearly all of many prompts differently', () => {
    const answers = Array.from({ length: 60 }, (_, i) =>
      complete(model, { prompt: `question ${i}`, maxTokens: 32 }),
    )
    expect(new Set(answers.map(answer => answer.text)).size).to.be.at.least(54)
  })

  it('finds the whole root of any number below 2^31', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), n => {
        const root = integerRoot(n)
        expect(root * root <= n && (root + 1) * (root + 1) > n).to.equal(true)
      }),
    )
  })

  it('never leaves int8 when it normalises', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5_000, max: 5_000 }), { minLength: 64, maxLength: 64 }),
        values => {
          const out = normalise(Int32Array.from(values))
          expect(out.every(value => value >= -127 && value <= 127)).to.equal(true)
        },
      ),
    )
  })
})
