/** The model, to be run again: in a thread that is started with the first question. */
import { Worker } from 'node:worker_threads'
import type { CompletionVerdict } from '../../compute/model/verify.ts'
import type { VerifyQuestion } from './verify-thread.ts'

export interface Verifier {
  /** One question at a time. Rejects when the thread ends first. */
  verify(question: VerifyQuestion): Promise<CompletionVerdict>
  stop(): Promise<void>
}

/** The model's weights are a few hundred kilobytes, and a session's memory is as much again. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

export function createVerifier(): Verifier {
  let thread: Worker | undefined

  const start = (): Worker => {
    const started = new Worker(new URL('./verify-thread.ts', import.meta.url), { resourceLimits: LIMITS })
    // A process that ends does not wait for a sample.
    started.unref()
    started.once('exit', () => {
      if (thread === started) thread = undefined
    })
    return started
  }

  return {
    verify: question =>
      new Promise((resolve, reject) => {
        thread ??= start()
        const asked = thread
        const done = (): void => {
          asked.off('message', onMessage)
          asked.off('error', onError)
          asked.off('exit', onExit)
        }
        const onMessage = (verdict: CompletionVerdict): void => {
          done()
          resolve(verdict)
        }
        const onError = (error: unknown): void => {
          done()
          reject(error)
        }
        const onExit = (): void => onError(new Error('the thread that runs the model ended'))
        asked.on('message', onMessage)
        asked.on('error', onError)
        asked.on('exit', onExit)
        asked.postMessage(question)
      }),
    stop: async () => {
      await thread?.terminate()
      thread = undefined
    },
  }
}
