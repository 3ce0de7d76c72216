/**
 * A thread that computes. Between two products it looks at its messages, so that openings, which others wait for,
 * need not wait for the end of a window.
 */
import { parentPort } from 'node:worker_threads'
import { drawOpenings } from '../../compute/challenge/draw.ts'
import { encodeOpenings } from '../../compute/challenge/openings.ts'
import { extendChain, openDrawn, startChain } from '../../compute/challenge/prove.ts'
import type { Kernel } from '../../compute/matrix/kernel.ts'
import { createWasmKernel } from '../../compute/matrix/wasm-kernel.ts'
import { complete } from '../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../compute/model/spec.ts'
import { loadModel, type Model } from '../../compute/model/weights.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { FromThread, Job, OpenJob, ProductsJob, Results, ToThread } from './messages.ts'

const running = new Set<number>()
const ended = new Set<number>()
let kernel: Promise<Kernel> | undefined
let model: Model | undefined

function theKernel(): Promise<Kernel> {
  kernel ??= createWasmKernel()
  return kernel
}

async function products(id: number, job: ProductsJob): Promise<readonly Hash[]> {
  const startedAt = performance.now()
  const made = await theKernel()
  let chain = startChain(job.context)
  let lastMs = 0
  while (chain.roots.length < job.maxProducts && !ended.has(id)) {
    const at = performance.now()
    if (at - startedAt + lastMs > job.budgetMs) break
    chain = extendChain(made, chain)
    lastMs = performance.now() - at
    await new Promise(resolve => setImmediate(resolve))
  }
  return chain.roots
}

async function open({ context, roots, rule, drawBeacon, commitmentDigest }: OpenJob): Promise<Uint8Array> {
  const drawn = drawOpenings(rule, drawBeacon, commitmentDigest, roots.length, context.size)
  return encodeOpenings(openDrawn(await theKernel(), context, roots, drawn))
}

async function run(id: number, job: Job): Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'products':
      return products(id, job)
    case 'open':
      return open(job)
    case 'complete':
      model ??= loadModel(BUILT_IN_MODEL)
      return complete(model, job)
    default:
      return job satisfies never
  }
}

const port = parentPort
if (port === null) throw new Error('this file is the start of a thread')
port.on('message', (message: ToThread) => {
  const { id } = message
  if ('end' in message) {
    // It may have ended by itself meanwhile.
    if (running.has(id)) ended.add(id)
    return
  }
  running.add(id)
  const answer = (content: FromThread): void => port.postMessage(content)
  run(id, message.job)
    .then(
      result => answer({ id, result }),
      (error: unknown) => answer({ id, error: error instanceof Error ? error.message : String(error) }),
    )
    .finally(() => {
      running.delete(id)
      ended.delete(id)
    })
})
