/**
 * A thread that computes. Between two products it looks at its messages, so that openings, which others wait for,
 * need not wait for the end of a window; and between two characters of an answer, for which nobody may wait any more.
 */
import { parentPort } from 'node:worker_threads'
import { drawOpenings } from '../../compute/challenge/draw.ts'
import { encodeOpenings } from '../../compute/challenge/openings.ts'
import { extendChain, openDrawn, startChain } from '../../compute/challenge/prove.ts'
import type { Kernel } from '../../compute/matrix/kernel.ts'
import { createWasmKernel } from '../../compute/matrix/wasm-kernel.ts'
import { type Completion, generate } from '../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../compute/model/spec.ts'
import { loadModel, type Model } from '../../compute/model/weights.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { CompleteJob, FromThread, Job, OpenJob, ProductsJob, Results, ToThread } from './messages.ts'

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
    await readMessages()
  }
  return chain.roots
}

/** Until messages that have come meanwhile have been read. */
function readMessages(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

async function answer(id: number, job: CompleteJob): Promise<Completion> {
  model ??= loadModel(BUILT_IN_MODEL)
  const pieces = generate(model, job)
  for (;;) {
    await readMessages()
    if (ended.has(id)) throw new Error('nobody waits for the answer any more')
    const step = pieces.next()
    if (step.done === true) return step.value
  }
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
      return answer(id, job)
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
  const tell = (content: FromThread): void => port.postMessage(content)
  run(id, message.job)
    .then(
      result => tell({ id, result }),
      (error: unknown) => tell({ id, error: error instanceof Error ? error.message : String(error) }),
    )
    .finally(() => {
      running.delete(id)
      ended.delete(id)
    })
})
