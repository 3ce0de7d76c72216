import { expect } from 'chai'
import { complete } from '../../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../../compute/model/spec.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { createSampler, type Sample, type Sampler } from '../../../gateway/samples/sampler.ts'
import { createVerifier } from '../../../gateway/samples/verifier.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { addressOf } from '../../support/epoch/cast.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const REQUEST = { prompt: 'hello', maxTokens: 8 }

function sample(name: string): Sample {
  return {
    worker: addressOf(name),
    request: REQUEST,
    answer: { text: 'a', finish: 'stop', promptTokens: 1, completionTokens: 1, units: 1n },
  }
}

describe('the sampler', () => {
  let sampler: Sampler
  let clock: FakeClock
  let idle: boolean
  let outcomes: string[]
  let wrong: string[]
  const start = async (share: number, verdict: { ok: true } | { ok: false; code: 'WRONG_FINISH' }) => {
    clock = new FakeClock()
    idle = true
    outcomes = []
    wrong = []
    sampler = createSampler(
      {
        share,
        random: () => 0.3,
        idle: () => idle,
        wrong: (worker, code) => wrong.push(`${worker} ${code}`),
        count: outcome => outcomes.push(outcome),
      },
      { clock, logger: silentLogger, verifier: { verify: async () => verdict, stop: async () => {} } },
    )
    await sampler.start(new AbortController().signal)
  }
  afterEach(() => sampler.stop())

  it('reports the worker of a wrong answer', async () => {
    await start(1, { ok: false, code: 'WRONG_FINISH' })
    sampler.offer(sample('liar'))
    await clock.advance(500)
    expect(wrong).to.deep.equal([`${addressOf('liar')} WRONG_FINISH`])
    expect(outcomes).to.deep.equal(['wrong'])
  })

  it('takes the share that it is told to', async () => {
    await start(0.3, { ok: true })
    sampler.offer(sample('a'))
    await clock.advance(500)
    expect(outcomes).to.deep.equal([])
  })

  it('waits until nothing else is to be done, but not for ever', async () => {
    await start(1, { ok: true })
    idle = false
    sampler.offer(sample('a'))
    await clock.advance(9_000)
    expect(outcomes).to.deep.equal([])
    await clock.advance(1_500)
    expect(outcomes).to.deep.equal(['right'])
  })

  it('keeps the newest of too many', async () => {
    await start(1, { ok: false, code: 'WRONG_FINISH' })
    for (let i = 0; i < 40; i++) sampler.offer(sample(`worker ${i}`))
    await clock.advance(60_000)
    expect(wrong.length).to.equal(32)
    expect(wrong[0]).to.equal(`${addressOf('worker 8')} WRONG_FINISH`)
  })
})

describe('the thread that runs the model again', () => {
  const verifier = createVerifier()
  after(() => verifier.stop())

  it('knows a right answer from a wrong one', async () => {
    const answer = complete(loadModel(BUILT_IN_MODEL), REQUEST)
    expect(await verifier.verify({ request: REQUEST, answer })).to.deep.equal({ ok: true })
    const text = `${answer.text.slice(0, -1)}!`
    expect(await verifier.verify({ request: REQUEST, answer: { ...answer, text } })).to.deep.equal({
      ok: false,
      code: 'WRONG_TEXT',
      at: text.length - 1,
    })
  })
})
