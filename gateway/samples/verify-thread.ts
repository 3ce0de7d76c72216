/** Runs the model again in a thread of its own: a long answer takes most of a second. */
import { parentPort } from 'node:worker_threads'
import type { Completion, CompletionRequest } from '../../compute/model/complete.ts'
import { BUILT_IN_MODEL } from '../../compute/model/spec.ts'
import { type CompletionVerdict, verifyCompletion } from '../../compute/model/verify.ts'
import { loadModel } from '../../compute/model/weights.ts'

export interface VerifyQuestion {
  readonly request: CompletionRequest
  readonly answer: Completion
}

const model = loadModel(BUILT_IN_MODEL)

// Absent only for who imports this file, which nobody does but for its types.
parentPort?.on('message', ({ request, answer }: VerifyQuestion) => {
  const verdict: CompletionVerdict = verifyCompletion(model, request, answer)
  parentPort?.postMessage(verdict)
})
