/**
 * Keeps one worker hired: begins a lease, raises its ceiling every few seconds by no more than the time that has
 * passed, ends it before its hold expires, and begins again. What a process that was killed has left behind ends by
 * itself some seconds later, when nothing covers it any more.
 */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { type AcceptedHold, holdId } from '../../protocol/usage/hold.ts'
import { MAX_LEASE_END_SEC } from '../../protocol/usage/lease-end.ts'
import type { SignedReceipt } from '../../protocol/usage/receipt.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../protocol/usage/wire.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { Offer, PayerBook } from '../../sdk/payer.ts'
import type { PayerChannel } from '../../sdk/payer-state.ts'
import { ProblemError } from '../../sdk/problem.ts'
import { offerOfProblem, type WorkerClient } from '../../sdk/worker-client.ts'
import type { Holds } from './holds.ts'
import { AHEAD_SEC, isAtEnd, type Lease, leaseId, offerAt, raisedOffer, startOf } from './lease.ts'

export interface HiringDeps {
  readonly domain: Domain
  readonly worker: WorkerClient
  readonly book: PayerBook
  readonly holds: Holds
  readonly save: () => void
  readonly ready: () => boolean
  readonly epoch: () => number
  /** Seconds that a new hold is for. */
  readonly holdSec: () => number
  /** Wei of IOSD that a hold may have at most. */
  readonly maxHoldWei: () => bigint
  readonly clock: Clock
  readonly logger: Logger
}

const FEED_EVERY_MS = 3_000
const END_TIMEOUT_MS = 2_000
/** Half of what a worker takes at most: clocks differ. */
const END_VALID_SEC = MAX_LEASE_END_SEC / 2

export function createHiring(deps: HiringDeps): Service {
  const hiring = new Hiring(deps)
  const loop = createLoop({
    name: 'hire',
    everyMs: FEED_EVERY_MS,
    longRuns: true,
    clock: deps.clock,
    logger: deps.logger,
    run: async signal => {
      if (!deps.ready()) return
      await hiring.goOn(signal).catch((error: unknown) => {
        signal.throwIfAborted()
        deps.logger.debug('the hire does not go on for now', { error })
      })
    },
  })
  return {
    name: 'hire',
    start: signal => loop.start(signal),
    stop: async () => {
      await loop.stop()
      await hiring.end(AbortSignal.timeout(END_TIMEOUT_MS)).catch((error: unknown) => {
        deps.logger.debug('the worker was not told that the hire is over', { error })
      })
    },
  }
}

class Hiring {
  readonly #deps: HiringDeps
  #lease: Lease | undefined
  #holdRefused: string | undefined

  constructor(deps: HiringDeps) {
    this.#deps = deps
  }

  /** One step; what it throws may be over with the next one. */
  async goOn(signal: AbortSignal): Promise<void> {
    const { clock, epoch } = this.#deps
    try {
      if (this.#lease !== undefined && isAtEnd(this.#lease, epoch(), clock.monotonic()))
        await this.end(signal)
      if (this.#lease === undefined) await this.#begin(signal)
      else await this.#feed(this.#lease, signal)
    } catch (error) {
      if (error instanceof ProblemError && isAboutHold(error)) this.#holdRefused = error.code
      throw error
    }
  }

  /** Ends the lease there is, if any, and takes in what it cost. */
  async end(signal: AbortSignal): Promise<void> {
    const { book, holds, logger } = this.#deps
    const lease = this.#lease
    if (lease === undefined) return
    this.#lease = undefined
    const { statement } = await this.#tellEnd(lease, signal)
    const taken = book.accept(statement)
    if (!taken.ok) {
      logger.warn('the worker stated something about the hire that is not believed', { code: taken.code })
      return
    }
    holds.spent({ payee: lease.worker, kind: WORK_KIND.hire }, taken.chargedWei)
    this.#deps.save()
    const iosd = formatDecimal(taken.chargedWei)
    logger.info('ended a hire', { worker: lease.worker, seconds: taken.units, iosd })
  }

  async #tellEnd({ worker: address, id: lease, hold }: Lease, signal: AbortSignal) {
    const { worker, book, clock } = this.#deps
    const validUntil = Math.floor(clock.now() / 1_000) + END_VALID_SEC
    return worker.endHire(await book.endLease({ worker: address, lease, hold, validUntil }), signal)
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { worker, book, clock, logger } = this.#deps
    const profile = await worker.profile(signal)
    if (profile.state === 'hired') return
    const { iosdPerSec } = profile.price
    const id = leaseId(book.payer, profile.worker)
    const hold = await this.#hold(profile.worker, iosdPerSec, signal)
    const { maxAmount: holdWei, expiresEpoch } = hold.hold
    const lease: Lease = {
      hold: holdId(this.#deps.domain, hold.hold),
      ...startOf(this.#known(profile.worker)),
      id,
      worker: profile.worker,
      iosdPerSec,
      beganMs: clock.monotonic(),
      holdWei,
      expiresEpoch,
    }
    if (!(await this.#hire(lease, hold, signal))) return
    this.#lease = lease
    logger.info('hired a worker', {
      worker: profile.worker,
      lease: id,
      iosdPerSec: formatDecimal(iosdPerSec),
      untilEpoch: expiresEpoch,
    })
  }

  /** The worker may want to see more than it was shown when the lease ended; then that is signed. */
  async #hire(lease: Lease, hold: AcceptedHold, signal: AbortSignal): Promise<boolean> {
    const { worker } = this.#deps
    const offer = this.#offer(lease)
    const receipt = await this.#sign(lease, offer)
    if (receipt === undefined) return false
    try {
      await worker.hire(hold, receipt, signal)
      return true
    } catch (error) {
      const wanted = error instanceof ProblemError ? offerOfProblem(error)?.cumulativeUnits : undefined
      const raised = wanted === undefined ? undefined : raisedOffer(offer, wanted, lease)
      if (raised === undefined) throw error
      const better = await this.#sign(lease, raised)
      if (better === undefined) return false
      await worker.hire(hold, better, signal)
      return true
    }
  }

  async #feed(lease: Lease, signal: AbortSignal): Promise<void> {
    const { worker, logger } = this.#deps
    const receipt = await this.#sign(lease, this.#offer(lease))
    if (receipt === undefined) {
      await this.end(signal)
      return
    }
    try {
      await worker.extendHire(lease.id, receipt, signal)
    } catch (error) {
      if (!(error instanceof ProblemError) || error.retryable) throw error
      logger.info('the lease is over', { lease: lease.id, code: error.code })
      // Where the worker still has it, its statement is to be had; else the next lease brings one.
      if (error.status === 402) await this.end(signal)
      this.#lease = undefined
      throw error
    }
  }

  async #hold(payee: Address, iosdPerSec: bigint, signal: AbortSignal) {
    const wanted = iosdPerSec * BigInt(this.#deps.holdSec())
    const most = this.#deps.maxHoldWei()
    const refused = this.#holdRefused
    const hold = await this.#deps.holds.get(
      {
        payee,
        kind: WORK_KIND.hire,
        asset: ASSET.iosd,
        leastWei: iosdPerSec * BigInt(AHEAD_SEC),
        amountWei: wanted < most ? wanted : most,
        refused,
      },
      signal,
    )
    this.#holdRefused = undefined
    return hold
  }

  #offer(lease: Lease): Offer {
    return offerAt(lease, this.#known(lease.worker), this.#deps.clock.monotonic())
  }

  async #sign(lease: Lease, offer: Offer): Promise<SignedReceipt | undefined> {
    const { book, logger } = this.#deps
    const holdSec = this.#deps.holdSec()
    const answer = await book.receiptFor(offer, {
      // A feed may be late, and the next one makes up for it.
      maxChargeWei: lease.iosdPerSec * BigInt(holdSec),
      maxUnprovenWei: lease.iosdPerSec * BigInt(3 * holdSec),
    })
    if (!answer.ok) {
      logger.warn('no more is signed for this worker, it is not hired', { code: answer.code })
      return undefined
    }
    this.#deps.save()
    return answer.signed
  }

  #known(worker: Address): PayerChannel | undefined {
    const id = leaseId(this.#deps.book.payer, worker)
    return this.#deps.book.channel({ worker, gateway: NOBODY, kind: WORK_KIND.hire, id, version: 0 })
  }
}

/** Another hold helps: this one is used up, or the worker's relayer does not know it. */
function isAboutHold({ code, problem }: ProblemError): boolean {
  return code.startsWith('HOLD_') || (code === 'RECEIPT_REFUSED' && problem?.['relayerCode'] === 'NO_HOLD')
}
