/** The process's side of a compute thread: jobs in, results out, a new thread when one has died. */
import { Worker } from 'node:worker_threads'
import type { Logger } from '../../runtime/logger.ts'
import type { Service } from '../../runtime/service.ts'
import type { FromThread, Job, Results, ToThread } from './messages.ts'

/** Matrices lie in WebAssembly's own memory; what is left is hashes, and a young generation that stays small. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4 }

/** Runs jobs outside the event loop, which serves HTTP meanwhile. */
export interface Computer {
  /**
   * An abort ends products early: they resolve with what there is. It ends an answer between two of its characters,
   * and rejects when the thread has let go of it. Of openings it gives up on the result only.
   *
   * @throws {ComputeError}
   */
  run<J extends Job>(job: J, signal?: AbortSignal): Promise<Results[J['kind']]>
}

/** A job came to nothing. A retry makes sense: the thread is replaced. */
export class ComputeError extends Error {
  readonly code = 'COMPUTE_FAILED'
  constructor(reason: string) {
    super(`the computation failed: ${reason}`)
    this.name = 'ComputeError'
  }
}

interface Waiting {
  resolve(result: Results[Job['kind']]): void
  reject(error: Error): void
}

/** @param name for logs: what this thread is for */
export function createComputeThread(
  name: string,
  { logger }: { readonly logger: Logger },
): Computer & Service {
  let thread: Worker | undefined
  let nextId = 0
  let stopped = true
  const waiting = new Map<number, Waiting>()

  const failAll = (reason: string): void => {
    for (const each of waiting.values()) each.reject(new ComputeError(reason))
    waiting.clear()
  }
  const spawn = (): Worker => {
    const made = new Worker(new URL('./thread.ts', import.meta.url), { resourceLimits: LIMITS })
    made.on('message', (message: FromThread) => {
      const job = waiting.get(message.id)
      waiting.delete(message.id)
      if ('error' in message) job?.reject(new ComputeError(message.error))
      else job?.resolve(message.result)
    })
    made.on('error', error => logger.error('a compute thread has failed', { thread: name, error }))
    made.on('exit', () => {
      if (thread !== made) return
      thread = undefined
      failAll('the thread has ended')
    })
    return made
  }

  return {
    name: `${name} thread`,
    run: <J extends Job>(job: J, signal?: AbortSignal) => {
      if (stopped) return Promise.reject(new ComputeError('the worker is stopping'))
      if (signal?.aborted) return Promise.reject(signal.reason)
      thread ??= spawn()
      const running = thread
      const id = nextId++
      const post = (message: ToThread): void => running.postMessage(message)
      return new Promise<Results[J['kind']]>((resolve, reject) => {
        const onAbort = (): void => {
          if (job.kind !== 'open') post({ id, end: true })
          else if (waiting.delete(id)) reject(signal?.reason)
        }
        const settled = (): void => signal?.removeEventListener('abort', onAbort)
        waiting.set(id, {
          resolve: result => {
            settled()
            if (job.kind === 'complete' && signal?.aborted === true) reject(signal.reason)
            else resolve(result as Results[J['kind']])
          },
          reject: error => {
            settled()
            reject(job.kind === 'complete' && signal?.aborted === true ? signal.reason : error)
          },
        })
        signal?.addEventListener('abort', onAbort, { once: true })
        post({ id, job })
      })
    },
    start: async () => {
      stopped = false
    },
    stop: async () => {
      stopped = true
      const last = thread
      thread = undefined
      failAll('the worker is stopping')
      await last?.terminate()
    },
  }
}
