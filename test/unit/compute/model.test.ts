import { keccak_256 } from '@noble/hashes/sha3.js'
import { expect } from 'chai'
import { clampInt8, integerRoot, normalise, project } from '../../../compute/model/arithmetic.ts'
import {
  type CompletionRequest,
  complete,
  generate,
  promptTokens,
  refuseRequest,
} from '../../../compute/model/complete.ts'
import { ANSWER_TOKENS, BUILT_IN_MODEL, modelHash, unitsPerToken } from '../../../compute/model/spec.ts'
import { verifyCompletion } from '../../../compute/model/verify.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { hashOf } from '../../support/compute/challenge.ts'

const model = loadModel(BUILT_IN_MODEL)
const ask = (prompt: string, maxTokens = 32): CompletionRequest => ({ prompt, maxTokens })

describe('the built-in model', () => {
  it('gives a known answer, so that no change of its arithmetic goes unseen', () => {
    expect(modelHash(BUILT_IN_MODEL)).to.equal(
      '0x086bd0053e735891e12bf0092d3395592c996f2b03cd9464db87808c871f091d',
    )
    expect(complete(model, ask('What is one IO worth?'))).to.deep.equal({
      text: 'nnnqd gbg , gwnnqnrqbzqxwdcnr',
      promptTokens: 22,
      completionTokens: 29,
      finish: 'stop',
      units: 3_468n,
    })
  })

  it('gives known answers to a hundred prompts', () => {
    const answers = Array.from({ length: 100 }, (_, i) => complete(model, ask(`question ${i}`)).text)
    expect(hexOf(keccak_256(new TextEncoder().encode(answers.join('\n'))))).to.equal(
      '0x6da8d49c39a16d19fd1d919347409beb74d28c243856822d530a3636e98367f9',
    )
  })

  it('gives the same answer every time, from freshly drawn weights too', () => {
    const again = complete(loadModel(BUILT_IN_MODEL), ask('hello'))
    expect(again).to.deep.equal(complete(model, ask('hello')))
  })

  it('gives different answers to different prompts', () => {
    const prompts = ['', 'a', 'b', 'ab', 'ba', 'hello', 'Hello', 'hello ', 'What is IO?', 'What is IOSD?']
    const answers = prompts.map(prompt => complete(model, ask(prompt)).text)
    expect(new Set(answers).size).to.equal(prompts.length)
  })

  it('gives another answer with other weights', () => {
    const other = loadModel({ ...BUILT_IN_MODEL, seed: hashOf(1) })
    expect(complete(other, ask('hello')).text).to.not.equal(complete(model, ask('hello')).text)
    expect(modelHash(other.spec)).to.not.equal(modelHash(BUILT_IN_MODEL))
  })

  it('writes its answer piece by piece, the same as at once', () => {
    const pieces = generate(model, ask('stream'))
    let text = ''
    for (const piece of pieces) text += piece
    expect(text).to.equal(complete(model, ask('stream')).text)
    expect(new TextEncoder().encode(text).every(byte => ANSWER_TOKENS.includes(byte))).to.equal(true)
  })

  it('charges every token read and written alike', () => {
    const { units, promptTokens: read, completionTokens: written } = complete(model, ask('four'))
    expect(read).to.equal(5)
    expect(written).to.be.within(1, 32)
    expect(units).to.equal(BigInt(read + written) * unitsPerToken(model.spec))
    expect(unitsPerToken(model.spec)).to.equal(68n)
  })

  it('writes no more than was asked for', () => {
    expect(complete(model, ask('hello', 1))).to.deep.include({ completionTokens: 1, finish: 'length' })
  })

  it('ends when its context is full', () => {
    const small = loadModel({ ...BUILT_IN_MODEL, context: 16 })
    const { promptTokens: read, completionTokens, finish } = complete(small, ask('0123456789', 100))
    expect({ read, finish }).to.deep.equal({ read: 11, finish: 'length' })
    expect(completionTokens).to.be.at.most(6)
  })

  it('refuses what it cannot answer', () => {
    expect(refuseRequest(model, ask('x'.repeat(1_022)))).to.equal(undefined)
    expect(refuseRequest(model, ask('x'.repeat(1_023)))).to.equal('PROMPT_TOO_LONG')
    expect(refuseRequest(model, ask('é'.repeat(512)))).to.equal('PROMPT_TOO_LONG')
    for (const count of [0, -1, 1.5, Number.NaN]) {
      expect(refuseRequest(model, ask('x', count))).to.equal('BAD_MAX_TOKENS')
    }
    expect(() => complete(model, ask('x', 0))).to.throw(RangeError)
  })

  it('reads a prompt as its bytes behind a start token', () => {
    expect([...promptTokens('é')]).to.deep.equal([0, 0xc3, 0xa9])
  })
})

describe('an answer', () => {
  const request = ask('verify me')
  const answer = complete(model, request)

  it('holds when running the model again gives it', () => {
    expect(verifyCompletion(model, request, answer)).to.deep.equal({ ok: true })
  })

  it('is refused at the first character that differs', () => {
    const wrong = `${answer.text.slice(0, 3)}!${answer.text.slice(4)}`
    expect(verifyCompletion(model, request, { ...answer, text: wrong })).to.deep.equal({
      ok: false,
      code: 'WRONG_TEXT',
      at: 3,
    })
    expect(verifyCompletion(model, request, { ...answer, text: answer.text.slice(0, -1) })).to.deep.equal({
      ok: false,
      code: 'WRONG_TEXT',
      at: answer.text.length - 1,
    })
  })

  it('is refused when it was charged or counted otherwise', () => {
    const refused = (change: object): unknown => verifyCompletion(model, request, { ...answer, ...change })
    expect(refused({ units: answer.units + 1n })).to.deep.equal({ ok: false, code: 'WRONG_UNITS' })
    expect(refused({ promptTokens: 99 })).to.deep.equal({ ok: false, code: 'WRONG_COUNT' })
    expect(refused({ completionTokens: 99 })).to.deep.equal({ ok: false, code: 'WRONG_COUNT' })
    const otherFinish = answer.finish === 'stop' ? 'length' : 'stop'
    expect(refused({ finish: otherFinish })).to.deep.equal({ ok: false, code: 'WRONG_FINISH' })
  })

  it('is refused when the request itself cannot be answered', () => {
    expect(verifyCompletion(model, ask('x', 0), answer)).to.deep.equal({ ok: false, code: 'BAD_MAX_TOKENS' })
  })
})

describe('integer arithmetic', () => {
  it('finds whole roots, rounded down', () => {
    for (const n of [0, 1, 2, 3, 4, 8, 9, 15, 16, 24, 25, 65_535, 65_536, 2 ** 31 - 1]) {
      const root = integerRoot(n)
      expect(root * root <= n && (root + 1) * (root + 1) > n, `root of ${n}`).to.equal(true)
    }
  })

  it('clamps on both sides', () => {
    expect([-1_000, -128, -127, 0, 127, 128].map(clampInt8)).to.deep.equal([-127, -127, -127, 0, 127, 127])
  })

  it('brings a vector to one size, and leaves zero alone', () => {
    expect([...normalise(Int32Array.of(3, -4, 0, 5))]).to.deep.equal([40, -53, 0, 66])
    expect([...normalise(Int32Array.of(0, 0))]).to.deep.equal([0, 0])
  })

  it('rounds when it shifts', () => {
    expect([...project(Int8Array.of(1, 0, 0, 1, -1, 0), Int8Array.of(3, 2), 2)]).to.deep.equal([1, 1, -1])
  })
})
