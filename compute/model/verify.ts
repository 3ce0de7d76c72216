/** Checks an answer by giving it again. */
import {
  type Completion,
  type CompletionRequest,
  complete,
  type RequestRefusal,
  refuseRequest,
} from './complete.ts'
import type { Model } from './weights.ts'

export type CompletionRefusal = RequestRefusal | 'WRONG_TEXT' | 'WRONG_FINISH' | 'WRONG_COUNT' | 'WRONG_UNITS'

export type CompletionVerdict =
  | { readonly ok: true }
  /** `at`: the first character that differs. */
  | { readonly ok: false; readonly code: 'WRONG_TEXT'; readonly at: number }
  | { readonly ok: false; readonly code: Exclude<CompletionRefusal, 'WRONG_TEXT'> }

function firstDifference(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i
  return length
}

/** Whether `answer` is what the model says to `request`, to the last character and unit. */
export function verifyCompletion(
  model: Model,
  request: CompletionRequest,
  answer: Completion,
): CompletionVerdict {
  const refusal = refuseRequest(model, request)
  if (refusal !== undefined) return { ok: false, code: refusal }
  const own = complete(model, request)
  if (answer.text !== own.text) {
    return { ok: false, code: 'WRONG_TEXT', at: firstDifference(answer.text, own.text) }
  }
  if (answer.finish !== own.finish) return { ok: false, code: 'WRONG_FINISH' }
  const sameCounts =
    answer.promptTokens === own.promptTokens && answer.completionTokens === own.completionTokens
  if (!sameCounts) return { ok: false, code: 'WRONG_COUNT' }
  return answer.units === own.units ? { ok: true } : { ok: false, code: 'WRONG_UNITS' }
}
