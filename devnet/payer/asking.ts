/** Asks the gateway one question after the other, pays, and does not take its word for the answers. */
import { verifyCompletion } from '../../compute/model/verify.ts'
import type { Model } from '../../compute/model/weights.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { GatewayClient, PaidCompletion, ServedModel } from '../../sdk/gateway-client.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { Question } from './prompts.ts'

export interface AskingOptions {
  readonly pauseMs: number
  readonly model: Model
}

export interface AskingDeps {
  readonly client: GatewayClient
  readonly question: () => Question
  readonly ready: () => boolean
  /** Called with each answer that was paid. */
  readonly paid: (answer: PaidCompletion) => void
  readonly count: (outcome: 'answered' | 'failed' | 'waiting' | 'wrong') => void
  readonly clock: Clock
  readonly logger: Logger
}

/** One answer in so many is run again. */
const CHECKED_EVERY = 10
const SUMMARY_EVERY_MS = 10_000
/** At the end, for a question that has been asked: the worker charges for its answer whether or not anybody waits. */
const LAST_ANSWER_MS = 1_500

export function createAsking(options: AskingOptions, deps: AskingDeps): Service {
  const { client, clock, logger } = deps
  const tally = new Tally(clock.monotonic())
  let served: ServedModel | undefined
  let answers = 0
  let isWaiting = false

  const check = (question: Question, answer: PaidCompletion): void => {
    const { text, finish, promptTokens, completionTokens, units, worker } = answer
    const verdict = verifyCompletion(options.model, question, {
      text,
      finish,
      promptTokens,
      completionTokens,
      units,
    })
    if (verdict.ok) return
    deps.count('wrong')
    logger.error('an answer that was paid for is wrong', { worker, code: verdict.code })
  }
  const ask = async (signal: AbortSignal): Promise<void> => {
    served ??= (await client.models(signal))[0]
    if (served === undefined) return
    const question = deps.question()
    signal.throwIfAborted()
    const request = { ...question, model: served }
    const answer = await lasting(signal, clock, longer => client.complete(request, longer))
    answers++
    isWaiting = false
    tally.answered(answer.chargedWei)
    deps.paid(answer)
    deps.count('answered')
    logger.debug('paid for an answer', {
      worker: answer.worker,
      tokens: answer.completionTokens,
      chargedWei: answer.chargedWei,
    })
    if (answers % CHECKED_EVERY === 0) check(question, answer)
  }

  return createLoop({
    name: 'inferences',
    everyMs: options.pauseMs,
    longRuns: true,
    clock,
    logger,
    run: async signal => {
      if (!deps.ready()) return
      await ask(signal).catch((error: unknown) => {
        signal.throwIfAborted()
        if (isNotUsableYet(error)) {
          deps.count('waiting')
          if (!isWaiting) logger.info('waits for the epoch from which the model can be used')
          isWaiting = true
          return
        }
        deps.count('failed')
        tally.failed(error)
        // What is refused once is refused at once again.
        logger.debug('a question was not answered', { error })
      })
      const summary = tally.due(clock.monotonic())
      if (summary !== undefined) logger.info('paid for inferences', summary)
    },
  })
}

/** Runs work under a signal that is aborted {@link LAST_ANSWER_MS} after `signal` is. */
async function lasting<T>(
  signal: AbortSignal,
  clock: Clock,
  work: (longer: AbortSignal) => Promise<T>,
): Promise<T> {
  const longer = new AbortController()
  const done = new AbortController()
  const onAbort = (): void => {
    void clock.sleep(LAST_ANSWER_MS, done.signal).then(
      () => longer.abort(signal.reason),
      () => {},
    )
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(longer.signal)
  } finally {
    signal.removeEventListener('abort', onAbort)
    done.abort(new Error('the work is done'))
  }
}

/** What happened since the last summary. */
class Tally {
  #sinceMs: number
  #answers = 0
  #failures = 0
  #wei = 0n
  #lastFailure: string | undefined

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  answered(wei: bigint): void {
    this.#answers++
    this.#wei += wei
  }

  failed(error: unknown): void {
    this.#failures++
    this.#lastFailure = codeOf(error)
  }

  due(nowMs: number): Record<string, unknown> | undefined {
    const spanMs = nowMs - this.#sinceMs
    if (spanMs < SUMMARY_EVERY_MS) return undefined
    const summary = {
      answers: this.#answers,
      failures: this.#failures,
      io: formatDecimal(this.#wei),
      perSec: Math.round((this.#answers * 100_000) / spanMs) / 100,
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
    }
    this.#sinceMs = nowMs
    this.#answers = 0
    this.#failures = 0
    this.#wei = 0n
    this.#lastFailure = undefined
    return summary
  }
}

/** A model counts from the epoch after its registration: until then nobody fails. */
function isNotUsableYet(error: unknown): boolean {
  return error instanceof ProblemError && error.code === 'MODEL_NOT_USABLE'
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  if ('rule' in error && typeof error.rule === 'string') return error.rule
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
