/**
 * Runs a share of the answers again, when nothing else is to be done, and reports workers whose answer was wrong.
 * Payers are charged for every answer, so a worker that saves itself the work must not get far.
 */
import type { Completion, CompletionRequest } from '../../compute/model/complete.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { Verifier } from './verifier.ts'

export interface Sample {
  readonly worker: Address
  readonly request: CompletionRequest
  readonly answer: Completion
}

export type SampleOutcome = 'right' | 'wrong' | 'failed'

export interface Sampler extends Service {
  /** Perhaps takes it as a sample. */
  offer(sample: Sample): void
}

export interface SamplerOptions {
  /** Of all answers, 0 … 1. */
  readonly share: number
  /** Uniform in [0, 1), unknown to workers. */
  readonly random: () => number
  /** Whether requests leave the machine idle. */
  readonly idle: () => boolean
  readonly wrong: (worker: Address, code: string) => void
  readonly count: (outcome: SampleOutcome) => void
}

/** Under steady load nothing is ever idle: then one sample is run in this time. */
const LONGEST_WAIT_MS = 10_000
/** A minute's worth; the newest stay, as they say most about what the worker does now. */
const MAX_SAMPLES = 32
const LOOK_EVERY_MS = 500

export function createSampler(
  options: SamplerOptions,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly verifier: Verifier },
): Sampler {
  const { clock, logger, verifier } = deps
  const samples: Sample[] = []
  let lastRunMs = clock.monotonic()

  const run = async (): Promise<void> => {
    const waited = clock.monotonic() - lastRunMs >= LONGEST_WAIT_MS
    if (samples.length === 0 || !(options.idle() || waited)) return
    const sample = samples.shift()
    if (sample === undefined) return
    lastRunMs = clock.monotonic()
    const { worker, request, answer } = sample
    const verdict = await verifier.verify({ request, answer }).catch((error: unknown) => {
      options.count('failed')
      throw error
    })
    options.count(verdict.ok ? 'right' : 'wrong')
    if (!verdict.ok) options.wrong(worker, verdict.code)
  }
  const loop = createLoop({
    name: 'answer samples',
    everyMs: LOOK_EVERY_MS,
    longRuns: true,
    clock,
    logger,
    run,
  })

  return {
    name: 'answer samples',
    offer: sample => {
      if (options.random() >= options.share) return
      samples.push(sample)
      if (samples.length > MAX_SAMPLES) samples.shift()
    },
    start: signal => loop.start(signal),
    stop: async () => {
      // First the thread: the loop waits for its run.
      await verifier.stop()
      await loop.stop()
    },
  }
}
