import { expect } from 'chai'
import { extendChain, startChain } from '../../../compute/challenge/prove.ts'
import { createWasmKernel } from '../../../compute/matrix/wasm-kernel.ts'
import { complete } from '../../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../../compute/model/spec.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createComputeThread } from '../../../worker/compute/compute-thread.ts'
import { contextOf } from '../../support/compute/challenge.ts'

describe('a compute thread', () => {
  const thread = createComputeThread('test', { logger: silentLogger })
  const context = contextOf()
  const products = { kind: 'products', context, maxProducts: 3, budgetMs: 60_000 } as const

  before(() => thread.start(new AbortController().signal))
  after(() => thread.stop())

  it('makes the products that this thread would have made', async () => {
    const kernel = await createWasmKernel()
    let chain = startChain(context)
    for (let i = 0; i < 3; i++) chain = extendChain(kernel, chain)
    expect(await thread.run(products)).to.deep.equal(chain.roots)
  })

  it('gives the answer that the model gives', async () => {
    const request = { prompt: 'hello', maxTokens: 12 }
    const expected = complete(loadModel(BUILT_IN_MODEL), request)
    expect(await thread.run({ kind: 'complete', ...request })).to.deep.equal(expected)
  })

  it('ends products early when asked, with what there is, and does other work between two of them', async () => {
    const stop = new AbortController()
    const endless = thread.run({ ...products, maxProducts: 1_000_000, budgetMs: 600_000 }, stop.signal)
    const request = { prompt: 'meanwhile', maxTokens: 3 }
    expect((await thread.run({ kind: 'complete', ...request })).text).to.have.length.within(0, 3)
    stop.abort(new Error('enough'))
    expect(await endless).to.have.length.above(0)
  })

  it('ends an answer between two characters when nobody waits for it, and says so when the thread has let go', async () => {
    const times = async (work: () => Promise<unknown>): Promise<number> => {
      const from = performance.now()
      await work()
      return performance.now() - from
    }
    const request = { kind: 'complete', prompt: 'o', maxTokens: 1_000 } as const
    await thread.run(request)
    const whole = await times(() => thread.run(request))
    const gone = new Error('gone')
    const abandoned = Array.from({ length: 30 }, async () => {
      const left = new AbortController()
      const running = thread.run(request, left.signal).catch((error: unknown) => error)
      left.abort(gone)
      expect(await running).to.equal(gone)
    })
    // Thirty that are computed to their ends would take thirty times as long.
    expect(await times(() => Promise.all(abandoned))).to.be.below(10 * whole + 50)
    expect(await times(() => thread.run(request))).to.be.below(10 * whole + 50)
  })

  it('begins no product that would not be done in time', async () => {
    expect(await thread.run({ ...products, budgetMs: -1 })).to.deep.equal([])
  })

  it('says that a job has failed, and does the next one', async () => {
    const failed = await thread.run({ kind: 'complete', prompt: '', maxTokens: 0 }).catch((e: unknown) => e)
    expect(failed).to.have.property('code', 'COMPUTE_FAILED')
    expect(await thread.run(products)).to.have.length(3)
  })

  it('gives up what runs when it is stopped', async () => {
    const other = createComputeThread('other', { logger: silentLogger })
    await other.start(new AbortController().signal)
    const running = other
      .run({ ...products, maxProducts: 1_000_000, budgetMs: 600_000 })
      .catch((e: unknown) => e)
    await other.stop()
    expect(await running).to.have.property('code', 'COMPUTE_FAILED')
  })
})
