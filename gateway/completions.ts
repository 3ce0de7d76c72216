/**
 * One completion from question to paid answer: finds a worker, asks to be paid, checks the payment, sets the hold's
 * part aside, has the work done, and checks what the worker says it charged.
 */
import { type CompletionRequest, promptTokens, refuseRequest } from '../compute/model/complete.ts'
import type { Model } from '../compute/model/weights.ts'
import { type Address, type Hex, hexOf } from '../protocol/bytes.ts'
import type { Domain } from '../protocol/domain.ts'
import { type EpochClock, epochOf } from '../protocol/epoch/time.ts'
import type { IdentityCrypto } from '../protocol/identity.ts'
import { mulDivUp } from '../protocol/units.ts'
import { holdId } from '../protocol/usage/hold.ts'
import { channelKey } from '../protocol/usage/receipt.ts'
import type { Statement } from '../protocol/usage/statement.ts'
import { ASSET } from '../protocol/usage/wire.ts'
import { inferenceWorkHash } from '../protocol/usage/work-hash.ts'
import type { Logger } from '../runtime/logger.ts'
import type { ServedModel } from '../sdk/gateway-client.ts'
import { type GatewayOffer, gatewayOfferJson } from '../sdk/offer-json.ts'
import type { Offer } from '../sdk/payer.ts'
import { ProblemError } from '../sdk/problem.ts'
import { type InferenceAnswer, offerOfProblem } from '../sdk/worker-client.ts'
import type { HoldBook, Reservation } from './payments/hold-book.ts'
import type { OfferTable } from './payments/offer-table.ts'
import { type Payment, refusePayment } from './payments/payment.ts'
import { readStatement, refuseStatement } from './payments/statement.ts'
import { type GatewayRefusal, RefusedError } from './refusals.ts'
import type { Sampler } from './samples/sampler.ts'
import { Turns } from './turns.ts'
import { wasNotBegun } from './workers/failures.ts'
import type { ModelUse } from './workers/model-use.ts'
import type { KnownWorker, Roster } from './workers/roster.ts'

export interface CompletionsOptions {
  readonly domain: Domain
  /** The gateway's own address: the payee of holds. */
  readonly gateway: Address
  readonly served: ServedModel
  readonly model: Model
  readonly clock: EpochClock
}

export interface CompletionsDeps {
  readonly roster: Roster
  readonly offers: OfferTable
  readonly holds: HoldBook
  readonly sampler: Sampler
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly logger: Logger
  /** Newest block's time; undefined before the first one is seen. */
  readonly blockSec: () => number | undefined
  readonly modelUse: ModelUse
  readonly isRelayer: (address: Address) => boolean | undefined
  readonly nowMs: () => number
  readonly newOfferId: () => string
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal
}

export interface PaidRequest extends Payment {
  readonly offerId: string | undefined
}

export interface DeliveredCompletion {
  readonly answer: InferenceAnswer
  readonly worker: Address
}

/** A worker's word for what another hold puts right, and ours: it may see another epoch, or less left, than we do. */
const HOLD_REFUSALS: Readonly<Record<string, GatewayRefusal>> = {
  HOLD_EXPIRES: 'HOLD_EXPIRED',
  HOLD_USED_UP: 'HOLD_USED_UP',
  NO_RELAYER: 'HOLD_NOT_ACCEPTED',
}
/** Workers asked for one offer: more would let a dead network hold up the asker. */
const MAX_WORKERS_ASKED = 3

/** The way to an offer: whom not to ask, and whether somebody was there who may not work yet. */
interface Search {
  readonly except: Set<Address>
  notReady: boolean
}

export class Completions {
  readonly #options: CompletionsOptions
  readonly #deps: CompletionsDeps
  readonly #turns = new Turns()

  constructor(options: CompletionsOptions, deps: CompletionsDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** @throws {RefusedError} always: with an offer, where a worker makes one */
  async askToPay(payer: Address, request: CompletionRequest, signal: AbortSignal): Promise<never> {
    this.#requireAnswerable(request)
    return this.#passOn(payer, request, signal, this.#search(payer))
  }

  /** @throws {RefusedError} */
  async deliver(
    payer: Address,
    request: CompletionRequest,
    paid: PaidRequest,
    signal: AbortSignal,
  ): Promise<DeliveredCompletion> {
    this.#requireAnswerable(request)
    const { offers, nowMs } = this.#deps
    const made = paid.offerId === undefined ? undefined : offers.find(paid.offerId, payer, nowMs())
    this.#requirePayment(payer, paid, made?.terms)
    const leave = await this.#turns.take(channelKey(paid.receipt.receipt))
    try {
      // While it waited, its asker or the gateway may have gone.
      signal.throwIfAborted()
      this.#deps.stopping.throwIfAborted()
      return await this.#inTurn(payer, request, paid, signal)
    } finally {
      leave()
    }
  }

  async #inTurn(
    payer: Address,
    request: CompletionRequest,
    paid: PaidRequest,
    signal: AbortSignal,
  ): Promise<DeliveredCompletion> {
    const { roster, holds, offers } = this.#deps
    const { receipt } = paid.receipt
    const worker = roster.byAddress(receipt.worker)
    const search = this.#search(payer)
    // It was there when it made the offer: another one may be.
    if (worker === undefined || search.except.has(receipt.worker))
      return this.#passOn(payer, request, signal, search)

    const { hold } = paid.hold
    const held = { id: holdId(this.#options.domain, hold), ...hold }
    const reservation = holds.reserve(held, receipt, this.#costAtMost(worker, request))
    if (reservation === undefined) throw new RefusedError('HOLD_USED_UP')
    const done = roster.busy(worker.profile.worker)
    try {
      // Not ended with its asker: the worker finishes, and only its answer says what the hold was charged.
      const question = { ...request, receipt: paid.receipt, hold: paid.hold }
      const answer = await worker.client.infer(question, this.#deps.stopping)
      const statement = this.#requireStatement(worker, request, paid, answer)
      this.#requireAccount(worker, reservation, statement, answer)
      if (paid.offerId !== undefined) offers.remove(paid.offerId)
      this.#sample(worker, request, answer)
      return { answer, worker: worker.profile.worker }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      if (wasNotBegun(error)) holds.giveBack(reservation)
      return await this.#explain(error, worker, payer, request, signal)
    } finally {
      done()
    }
  }

  #requireAnswerable(request: CompletionRequest): void {
    const refusal = refuseRequest(this.#options.model, request)
    if (refusal !== undefined) throw new RefusedError(refusal)
    if (request.maxTokens > this.#options.model.spec.context) throw new RefusedError('BAD_MAX_TOKENS')
  }

  #requirePayment(payer: Address, paid: PaidRequest, offer: Offer | undefined): void {
    const { domain, gateway, served, clock } = this.#options
    const { blockSec, isRelayer, crypto } = this.#deps
    const nowSec = blockSec()
    if (nowSec === undefined || isRelayer(gateway) === undefined) throw new RefusedError('NOT_READY')
    const refusal = refusePayment(
      paid,
      {
        domain,
        gateway,
        model: served,
        payer,
        offer,
        clock,
        nowSec,
        isRelayer: address => isRelayer(address) === true,
      },
      crypto,
    )
    if (refusal !== undefined) throw new RefusedError(refusal)
    this.#deps.holds.forgetBefore(epochOf(clock, nowSec))
  }

  /** An offer of some worker's, asked for until one makes it. */
  async #passOn(
    payer: Address,
    request: CompletionRequest,
    signal: AbortSignal,
    search: Search,
  ): Promise<never> {
    const { roster } = this.#deps
    const { except } = search
    for (let asked = 0; asked < MAX_WORKERS_ASKED; asked++) {
      const worker = roster.pick(except)
      if (worker === undefined) break
      const address = worker.profile.worker
      except.add(address)
      try {
        const question = { ...request, payer, gateway: this.#options.gateway }
        const terms = await worker.client.offer(question, signal)
        if (terms.worker !== address || terms.gateway !== this.#options.gateway) {
          roster.dropUrl(address)
          continue
        }
        throw this.#offer('PAYMENT_REQUIRED', payer, worker, request, terms)
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        search.notReady ||= error.code === 'NOT_READY'
        this.#noteAbsence(worker, error)
      }
    }
    throw search.notReady ? await this.#notReady() : new RefusedError('NO_WORKER')
  }

  #search(payer: Address): Search {
    return { except: this.#deps.holds.closedFor(payer), notReady: false }
  }

  /** Workers say the same of a missing device and of a model that does not count yet: the chain knows which it is. */
  async #notReady(): Promise<RefusedError> {
    const nowSec = this.#deps.blockSec()
    const epoch = nowSec === undefined ? undefined : epochOf(this.#options.clock, nowSec)
    const use = epoch === undefined ? undefined : await this.#deps.modelUse(epoch)
    if (epoch === undefined || use?.usable !== false) return new RefusedError('NO_WORKER')
    return new RefusedError('MODEL_NOT_USABLE', { usableFromEpoch: use.usableNext ? epoch + 1 : null })
  }

  #offer(
    code: 'PAYMENT_REQUIRED' | 'RECEIPT_TOO_LOW',
    payer: Address,
    worker: KnownWorker,
    request: CompletionRequest,
    terms: Offer,
  ): RefusedError {
    const offer: GatewayOffer = {
      terms,
      offerId: this.#deps.newOfferId(),
      holdPayee: this.#options.gateway,
      asset: ASSET.io,
      minHoldWei: this.#costAtMost(worker, request),
      ioPerThousandUnitsWei: worker.profile.price.ioPerThousandUnits,
    }
    this.#deps.offers.add({ payer, offer }, this.#deps.nowMs())
    return new RefusedError(code, { offer: gatewayOfferJson(offer) })
  }

  /** Wei of IO for the question and the longest answer. */
  #costAtMost({ profile }: KnownWorker, { prompt, maxTokens }: CompletionRequest): bigint {
    const asked = promptTokens(prompt).length
    // The last token written needs no room in the context.
    const tokens = Math.min(asked + maxTokens, this.#options.model.spec.context + 1)
    return mulDivUp(BigInt(tokens) * profile.model.unitsPerToken, profile.price.ioPerThousandUnits, 1_000n)
  }

  /** The worker's signed statement about this answer. A worker whose statement does not hold is asked no more. */
  #requireStatement(
    worker: KnownWorker,
    { prompt, maxTokens }: CompletionRequest,
    { receipt }: Payment,
    answer: InferenceAnswer,
  ): Statement {
    const { roster, logger } = this.#deps
    const { worker: address } = worker.profile
    const signed = readStatement(answer.statement)
    const workHash = inferenceWorkHash(prompt, maxTokens, answer.text)
    const code =
      signed === undefined
        ? 'MALFORMED'
        : refuseStatement(signed, receipt.receipt, workHash, this.#options.domain, this.#deps.crypto)
    if (signed !== undefined && code === undefined) return signed.statement
    // Only what the worker has signed speaks against it; the rest may be somebody's who goes by its name.
    if (code === 'ABOVE_RECEIPT' || code === 'WRONG_WORK') roster.drop(address)
    else roster.dropUrl(address)
    logger.warn('a worker gave a statement that is not believed, it is asked no more', {
      worker: address,
      url: worker.client.url,
      code,
    })
    throw new RefusedError('WORKER_FAULT')
  }

  /**
   * Puts the statement in the reservation's place. One that does not fit the last one costs the worker this payer only:
   * a payer who goes to the worker directly, past this gateway, can bring that about.
   */
  #requireAccount(
    { profile }: KnownWorker,
    reservation: Reservation,
    statement: Statement,
    { units, chargedWei }: InferenceAnswer,
  ): void {
    const code = this.#deps.holds.settle(reservation, { statement, units, chargedWei })
    if (code === undefined) return
    const { payer } = statement
    this.#deps.logger.warn('a statement does not fit the last one, this payer gets another worker', {
      worker: profile.worker,
      payer,
      code,
    })
    throw new RefusedError('WORKER_FAULT')
  }

  #sample(worker: KnownWorker, request: CompletionRequest, answer: InferenceAnswer): void {
    const { text, finish, promptTokens: asked, tokens: completionTokens, units } = answer
    this.#deps.sampler.offer({
      worker: worker.profile.worker,
      request,
      answer: { text, finish, promptTokens: asked, completionTokens, units },
    })
  }

  /** Turns a worker's refusal into one of ours: another offer, where there can be one. */
  async #explain(
    error: ProblemError,
    worker: KnownWorker,
    payer: Address,
    request: CompletionRequest,
    signal: AbortSignal,
  ): Promise<never> {
    const holdRefusal = HOLD_REFUSALS[error.code]
    if (error.status === 402 && holdRefusal !== undefined) throw new RefusedError(holdRefusal)
    const terms = offerOfProblem(error)
    const { worker: address } = worker.profile
    if (terms !== undefined && terms.worker === address)
      throw this.#offer('RECEIPT_TOO_LOW', payer, worker, request, terms)
    this.#noteAbsence(worker, error)
    if (wasNotBegun(error)) {
      const search = this.#search(payer)
      search.except.add(address)
      search.notReady = error.code === 'NOT_READY'
      return this.#passOn(payer, request, signal, search)
    }
    throw new RefusedError('WORKER_LOST')
  }

  #noteAbsence({ profile, client }: KnownWorker, error: ProblemError): void {
    const { roster, logger } = this.#deps
    logger.debug('a worker did not take a request', {
      url: client.url,
      code: error.code,
      status: error.status,
    })
    if (error.status === 409) roster.hired(profile.worker)
    else if (error.status === 0 || error.code === 'BAD_ANSWER') roster.missed(profile.worker)
  }
}

/** For answers: bytes as JSON carries them. */
export function statementHex(answer: InferenceAnswer): Hex {
  return hexOf(answer.statement)
}
