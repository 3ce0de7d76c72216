/**
 * Brings evidence of equivocation to the registry.
 *
 * Who saw both quotes leaves a member out, who missed one does not, and a restart forgets: only the registry makes
 * all views the same again.
 */
import { isAlreadySuspended, type Judgement } from '../../chain/evidence.ts'
import { type Membership, memberBySlot } from '../../protocol/membership.ts'
import type { Equivocation } from '../../protocol/round/quote-book.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop, type Loop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { EvidenceEnd, EvidenceStore } from './evidence-store.ts'

export type EvidenceOutcome = EvidenceEnd | 'FAILED'

export interface EvidenceSubmitterDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: EvidenceStore
  readonly membership: () => Membership | undefined
  /** Resolves with what the registry did when the transaction is in a block. */
  readonly send: (
    evidence: Equivocation,
    signal: AbortSignal,
  ) => Promise<{ readonly judgement: Judgement; readonly transaction: string }>
  readonly count: (outcome: EvidenceOutcome) => void
}

/** A few rounds: long enough for an endpoint to recover, short enough for the members' views to be one again soon. */
const RETRY_MS = 5_000

export class EvidenceSubmitter implements Service {
  readonly name = 'evidence'
  readonly #deps: EvidenceSubmitterDeps
  readonly #loop: Loop
  #running: AbortController | undefined
  #busy: Promise<void> | undefined

  constructor(deps: EvidenceSubmitterDeps) {
    this.#deps = deps
    this.#loop = createLoop({
      name: 'evidence',
      everyMs: RETRY_MS,
      clock: deps.clock,
      logger: deps.logger,
      // Not waited for: a transaction may take longer than a tick.
      run: async () => this.#attend(),
    })
  }

  /** Keeps verified evidence durably and sends it; without effect for a member that has some in this key epoch. */
  submit(evidence: Equivocation): void {
    if (!this.#deps.store.add(evidence)) return
    this.#deps.logger.warn('a member signed two different quotes for one round', fieldsOf(evidence))
    this.#attend()
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#running = new AbortController()
    await this.#loop.start(signal)
  }

  /** Ends the wait for a transaction that is on its way; it is mined all the same, and the next start finds it. */
  async stop(): Promise<void> {
    this.#running?.abort(new Error('stopping'))
    this.#running = undefined
    await this.#loop.stop()
    await this.#busy
  }

  /** One after the other; while that goes on, what is new waits for the next tick. */
  #attend(): void {
    const signal = this.#running?.signal
    if (signal === undefined || this.#busy !== undefined) return
    this.#busy = this.#submitPending(signal)
      .catch((error: unknown) => {
        this.#deps.logger.error('evidence cannot be read or written, check the data directory', { error })
      })
      .finally(() => {
        this.#busy = undefined
      })
  }

  async #submitPending(signal: AbortSignal): Promise<void> {
    const { store, membership } = this.#deps
    for (const evidence of store.pending()) {
      const current = membership()
      if (current === undefined) return
      const ended = outcomeInView(evidence, current) ?? (await this.#send(evidence, signal))
      if (signal.aborted) return
      if (ended !== 'FAILED') store.end(evidence, ended)
      this.#deps.count(ended)
    }
    const keyEpoch = membership()?.keyEpoch
    if (keyEpoch !== undefined) store.forgetBefore(keyEpoch)
  }

  async #send(evidence: Equivocation, signal: AbortSignal): Promise<EvidenceOutcome> {
    const { send, logger } = this.#deps
    const fields = fieldsOf(evidence)
    try {
      const { judgement, transaction } = await untilAborted(send(evidence, signal), signal)
      logger.warn('evidence of equivocation is on chain', { ...fields, judgement, transaction })
      return judgement
    } catch (error) {
      if (isAlreadySuspended(error)) return 'ALREADY_SUSPENDED'
      if (!signal.aborted)
        logger.warn('evidence could not be put on chain, it is tried again', { ...fields, error })
      return 'FAILED'
    }
  }
}

/** The end that evidence has come to without a transaction of ours, as far as we have seen the registry. */
function outcomeInView({ slot }: Equivocation, current: Membership): EvidenceEnd | undefined {
  return memberBySlot(current, slot)?.suspended === true ? 'ALREADY_SUSPENDED' : undefined
}

function fieldsOf({ slot, signer, first }: Equivocation): Record<string, unknown> {
  return { slot, signer, keyEpoch: first.quote.keyEpoch, round: first.quote.round }
}

/** The account's transactions wait in line, and one that is not ours must not hold up our stop. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
