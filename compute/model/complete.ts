/** From a prompt to an answer: always the likeliest token, so that one prompt has one answer. */
import { dotInt8 } from './arithmetic.ts'
import { Session } from './session.ts'
import { ANSWER_TOKENS, END_TOKEN, START_TOKEN, unitsPerToken } from './spec.ts'
import type { Model } from './weights.ts'

export interface CompletionRequest {
  readonly prompt: string
  /** Most tokens of the answer. */
  readonly maxTokens: number
}

export interface Completion {
  readonly text: string
  readonly promptTokens: number
  readonly completionTokens: number
  /** `stop`: the model ended its answer; `length`: the limit or the context did. */
  readonly finish: 'stop' | 'length'
  /** What is charged: all tokens times the model's units per token. */
  readonly units: bigint
}

export type RequestRefusal =
  /** The prompt leaves no room in the context for an answer. */
  | 'PROMPT_TOO_LONG'
  /** Not a whole number of at least one. */
  | 'BAD_MAX_TOKENS'

/** Tokens of a prompt: its UTF-8 bytes behind the start token. */
export function promptTokens(prompt: string): Uint8Array {
  return Uint8Array.from([START_TOKEN, ...new TextEncoder().encode(prompt)])
}

/** Whether the model can answer; the prompt's length in characters bounds its bytes from below, so it is looked at first. */
export function refuseRequest(model: Model, request: CompletionRequest): RequestRefusal | undefined {
  const { context } = model.spec
  if (!Number.isInteger(request.maxTokens) || request.maxTokens < 1) return 'BAD_MAX_TOKENS'
  const tooLong = request.prompt.length >= context || promptTokens(request.prompt).length >= context
  return tooLong ? 'PROMPT_TOO_LONG' : undefined
}

/** By how much the end must be likelier than all else: lets an answer run for some tens of tokens. */
const END_MARGIN = 8_000

/** Ties go to the earlier token of the list: part of the model. */
function likeliest(model: Model, state: Int8Array): number {
  const { width } = model.spec
  const score = (token: number): number => dotInt8(model.answers, token * width, state, 0, width)
  const scores = ANSWER_TOKENS.map(score)
  const best = scores.reduce((a, b) => Math.max(a, b))
  return score(END_TOKEN) > best + END_MARGIN ? END_TOKEN : (ANSWER_TOKENS[scores.indexOf(best)] ?? END_TOKEN)
}

/**
 * Answers piece by piece, one character each; the last thing returned is the whole completion.
 *
 * @throws {RangeError} for a request that `refuseRequest` refuses
 */
export function* generate(model: Model, request: CompletionRequest): Generator<string, Completion> {
  const refusal = refuseRequest(model, request)
  if (refusal !== undefined) throw new RangeError(`the model cannot answer: ${refusal}`)
  const session = new Session(model)
  const prompt = promptTokens(request.prompt)
  let state = prompt.reduce<Int8Array>((_, token) => session.take(token), new Int8Array())
  let text = ''
  const completion = (finish: Completion['finish']): Completion => ({
    text,
    promptTokens: prompt.length,
    completionTokens: text.length,
    finish,
    units: BigInt(prompt.length + text.length) * unitsPerToken(model.spec),
  })
  for (;;) {
    const token = likeliest(model, state)
    if (token === END_TOKEN) return completion('stop')
    const piece = String.fromCharCode(token)
    text += piece
    yield piece
    if (text.length >= request.maxTokens || session.length >= model.spec.context) return completion('length')
    state = session.take(token)
  }
}

/** The whole answer at once. @throws {RangeError} for a request that `refuseRequest` refuses */
export function complete(model: Model, request: CompletionRequest): Completion {
  const pieces = generate(model, request)
  let step = pieces.next()
  while (step.done !== true) step = pieces.next()
  return step.value
}
