/** Answers prompts for those who pay: terms, work, charge, answer. Nothing is charged for what is not answered. */
import { type Completion, type CompletionRequest, refuseRequest } from '../../compute/model/complete.ts'
import type { Model } from '../../compute/model/weights.ts'
import { type Address, type Hash, hexOf } from '../../protocol/bytes.ts'
import { type AcceptedHold, encodeAcceptedHold } from '../../protocol/usage/hold.ts'
import {
  type Channel,
  channelKey,
  encodeSignedReceipt,
  type SignedReceipt,
} from '../../protocol/usage/receipt.ts'
import type { SignedStatement } from '../../protocol/usage/statement.ts'
import { WORK_KIND } from '../../protocol/usage/wire.ts'
import { inferenceWorkHash } from '../../protocol/usage/work-hash.ts'
import type { Ledger } from '../channels/ledger.ts'
import type { TakeReceipt } from '../channels/take-receipt.ts'
import { mayBeGateway, type Offer, PRICE_ASSET, refuseTerms, type TermsContext } from '../channels/terms.ts'
import type { Computer } from '../compute/compute-thread.ts'
import type { Occupancy } from '../occupancy.ts'
import { RefusedError } from '../refused.ts'
import { costOf, mostOf } from './pricing.ts'

export interface InferenceOptions {
  readonly worker: Address
  readonly model: { readonly id: Hash; readonly version: number }
  /** Wei. */
  readonly ioPerThousandUnits: bigint
}

export interface InferenceDeps {
  readonly weights: Model
  readonly ledger: Ledger
  readonly occupancy: Occupancy
  readonly computer: Computer
  readonly terms: Pick<TermsContext, 'domain' | 'crypto' | 'isRelayer' | 'isGateway'>
  readonly takeReceipt: TakeReceipt
  /** The epoch until which a receipt must be valid, by block time. @throws {RefusedError} NOT_READY */
  readonly mustLastUntil: () => number
  /** @throws {RefusedError} NOT_READY, BACKLOG */
  readonly admit: () => void
}

export interface PaidRequest extends CompletionRequest {
  readonly receipt: SignedReceipt
  readonly hold: AcceptedHold
}

export interface Answer {
  readonly completion: Completion
  /** Wei of IO for this answer. */
  readonly charged: bigint
  readonly statement: SignedStatement
}

/** Answers kept for payers whose connection broke: they have been charged, and ask again with the same receipt. */
const KEPT_ANSWERS = 256

export class Inference {
  readonly #options: InferenceOptions
  readonly #deps: InferenceDeps
  readonly #answers = new Map<string, Answer>()

  constructor(options: InferenceOptions, deps: InferenceDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** What a receipt must say at least. @throws {RefusedError} */
  offer(payer: Address, gateway: Address, request: CompletionRequest): Offer {
    this.#check(request)
    if (!mayBeGateway(gateway, this.#deps.terms)) throw new RefusedError('UNKNOWN_GATEWAY')
    this.#deps.admit()
    this.#deps.occupancy.admit(payer)
    return this.#offer(this.#channel(payer, gateway), request)
  }

  /** @param signal aborted when nobody waits for the answer any more @throws {RefusedError} */
  async infer(request: PaidRequest, signal: AbortSignal): Promise<Answer> {
    this.#check(request)
    const { payer, gateway } = request.receipt.receipt
    const channel = this.#channel(payer, gateway)
    const name = requestName(request)
    const known = this.#answers.get(name)
    if (known !== undefined) return known
    this.#deps.admit()
    this.#deps.occupancy.admit(payer)
    // Looked at before it queues, and again when its turn comes: the channel may have been charged meanwhile.
    this.#checkTerms(channel, request)
    await this.#deps.takeReceipt(request.receipt)
    return this.#deps.occupancy.inTurn(payer, async () => {
      if (signal.aborted) throw new RefusedError('GONE')
      const again = this.#answers.get(name)
      if (again !== undefined) return again
      this.#checkTerms(channel, request)
      const answer = await this.#answer(channel, request, signal)
      // Before the next turn begins: it may be the same request.
      this.#remember(name, answer)
      return answer
    })
  }

  async #answer(channel: Channel, request: PaidRequest, signal: AbortSignal): Promise<Answer> {
    const { prompt, maxTokens, receipt, hold } = request
    const completion = await this.#deps.computer.run({ kind: 'complete', prompt, maxTokens }, signal)
    if (signal.aborted) throw new RefusedError('GONE')
    const cost = costOf(completion.units, this.#options.ioPerThousandUnits)
    const workHash = inferenceWorkHash(prompt, maxTokens, completion.text)
    const statement = this.#deps.ledger.charge(channel, { ...cost, receipt, hold, workHash })
    return { completion, charged: cost.charge, statement }
  }

  #checkTerms(channel: Channel, request: PaidRequest): void {
    const { ledger, terms } = this.#deps
    const offer = this.#offer(channel, request)
    const refusal = refuseTerms(offer, request.receipt, request.hold, {
      ...terms,
      asset: PRICE_ASSET.inference,
      holdUsed: ledger.usedOf(request.hold),
      mostCost: this.#most(request).charge,
    })
    if (refusal === 'UNKNOWN_GATEWAY') throw new RefusedError(refusal)
    if (refusal !== undefined) throw new RefusedError(refusal, { offer })
  }

  #offer(channel: Channel, request: CompletionRequest): Offer {
    return this.#deps.ledger.offer(channel, this.#most(request), this.#deps.mustLastUntil())
  }

  #most(request: CompletionRequest) {
    return mostOf(this.#deps.weights.spec, request, this.#options.ioPerThousandUnits)
  }

  #check(request: CompletionRequest): void {
    const refusal = refuseRequest(this.#deps.weights, request)
    if (refusal !== undefined) throw new RefusedError(refusal)
  }

  #channel(payer: Address, gateway: Address): Channel {
    const { worker, model } = this.#options
    return { payer, worker, gateway, kind: WORK_KIND.inference, id: model.id, version: model.version }
  }

  #remember(name: string, answer: Answer): void {
    this.#answers.set(name, answer)
    if (this.#answers.size <= KEPT_ANSWERS) return
    const oldest = this.#answers.keys().next()
    if (oldest.done !== true) this.#answers.delete(oldest.value)
  }
}

/** The same question under the same receipt and hold is the same request: it is answered and charged once. */
function requestName({ prompt, maxTokens, receipt, hold }: PaidRequest): string {
  const parts = [
    channelKey(receipt.receipt),
    hexOf(encodeSignedReceipt(receipt)),
    hexOf(encodeAcceptedHold(hold)),
  ]
  return JSON.stringify([...parts, maxTokens, prompt])
}
