/**
 * Asks a gateway and pays for the answer: offer, receipt, answer, statement.
 *
 * The gateway is trusted with nothing: an offer is signed for only within the payer's limits, and the worker's
 * statement is checked before it is believed.
 */
import { type Address, bytesOf, type Hash, hexOf } from '../protocol/bytes.ts'
import { type AcceptedHold, encodeAcceptedHold } from '../protocol/usage/hold.ts'
import { encodeSignedReceipt } from '../protocol/usage/receipt.ts'
import type { Statement } from '../protocol/usage/statement.ts'
import { type Asset, NOBODY, WORK_KIND } from '../protocol/usage/wire.ts'
import { inferenceWorkHash } from '../protocol/usage/work-hash.ts'
import { parseAnswer, requestJson } from './http.ts'
import { countField, hashField, hexField, listField, objectOf, textField } from './json.ts'
import { type GatewayOffer, PAYMENT_HEADERS, readGatewayOffer } from './offer-json.ts'
import type { PayerBook, ReceiptLimits } from './payer.ts'
import { ProblemError } from './problem.ts'

/** What the next request needs. */
export interface HoldNeed {
  readonly payee: Address
  readonly asset: Asset
  /** Wei that the hold must have left. */
  readonly leastWei: bigint
  /** The epoch until which it must last at least. */
  readonly untilEpoch: number
  /** Why the gateway would not take the one it was shown: another one is needed. */
  readonly refused: string | undefined
}

export interface GatewayClientOptions {
  readonly url: string
  /** Its address, as the registry lists it. Without it, what its first offer says holds for this client's life. */
  readonly gateway?: Address
  readonly book: PayerBook
  /** Wei of IO that one answer may cost at most, and that all lost answers of this gateway may. */
  readonly limits: ReceiptLimits
  /** For one HTTP request, the model's work included. */
  readonly timeoutMs: number
  /** A hold that a relayer has accepted: the current one, or a new one. What it throws ends the request. */
  hold(need: HoldNeed): Promise<AcceptedHold>
  /** Called when a receipt is about to leave: the moment to store the book. */
  readonly beforePaying?: () => void | Promise<void>
}

export interface ServedModel {
  readonly id: Hash
  readonly version: number
}

export interface CompletionRequest {
  readonly model: ServedModel
  readonly prompt: string
  readonly maxTokens: number
}

export interface PaidCompletion {
  readonly text: string
  readonly finish: 'stop' | 'length'
  readonly promptTokens: number
  readonly completionTokens: number
  /** What was charged for, and wei of IO: by the worker's statement. */
  readonly units: bigint
  readonly chargedWei: bigint
  readonly worker: Address
  readonly statement: Statement
}

export type PaymentErrorCode = 'OFFER_REFUSED' | 'STATEMENT_REFUSED' | 'TOO_MANY_OFFERS'

/**
 * What a payer checks of an offer before its book does. WRONG_MODEL, WRONG_KIND: not what was asked for. WRONG_PAYEE:
 * hold or receipt would be for somebody else than this gateway. HOLD_ABOVE_LIMIT: more is to be set aside than
 * the request may cost. BEYOND_HOLD: the receipt would count longer than the hold.
 */
export type OfferFault = 'WRONG_MODEL' | 'WRONG_KIND' | 'WRONG_PAYEE' | 'HOLD_ABOVE_LIMIT' | 'BEYOND_HOLD'

/**
 * The payer's own rules stopped a request. `rule`: an {@link OfferFault}, the book's code, or the gateway's last one.
 */
export class PaymentError extends Error {
  readonly code: PaymentErrorCode
  readonly rule: string
  constructor(code: PaymentErrorCode, rule: string) {
    super(`${SENTENCES[code]} (${rule})`)
    this.name = 'PaymentError'
    this.code = code
    this.rule = rule
  }
}

const SENTENCES: Record<PaymentErrorCode, string> = {
  OFFER_REFUSED: 'the offer is not one that this payer signs: look at its limits',
  STATEMENT_REFUSED: 'the answer came with a statement that is not believed',
  TOO_MANY_OFFERS: 'the gateway asked for another payment again and again',
}

/** Both methods throw {@link ProblemError} when the gateway refuses or cannot be reached. */
export interface GatewayClient {
  models(signal?: AbortSignal): Promise<ServedModel[]>
  /** @throws {PaymentError} */
  complete(request: CompletionRequest, signal?: AbortSignal): Promise<PaidCompletion>
}

/** An offer and a hold may each turn out to be out of date, and once more because of the other. */
const MAX_TRIES = 5
const MAX_MODELS = 1_024

export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  const { book } = options
  // A gateway that could change its name would have limits and holds of each name anew.
  let gateway = options.gateway
  const target = { url: options.url.replace(/\/+$/, ''), timeoutMs: options.timeoutMs }

  const post = (
    { model, prompt, maxTokens }: CompletionRequest,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<unknown> =>
    requestJson(target, {
      method: 'POST',
      path: '/v1/completions',
      headers: { 'content-type': 'application/json', [PAYMENT_HEADERS.payer]: book.payer, ...headers },
      body: JSON.stringify({ model: model.id, prompt, max_tokens: maxTokens }),
      signal,
    })

  const pay = async (
    offer: GatewayOffer,
    model: ServedModel,
    refused: string | undefined,
  ): Promise<Record<string, string>> => {
    // First: what one of the payer's own rules refuses must not cost a hold.
    const { limits } = options
    const refusal = faultOf(offer, model, gateway, limits) ?? book.refusalOf(offer.terms, limits)
    if (refusal !== undefined) throw new PaymentError('OFFER_REFUSED', refusal)
    const { holdPayee: payee, asset, minHoldWei: leastWei, terms } = offer
    gateway = payee
    const hold = await options.hold({ payee, asset, leastWei, untilEpoch: terms.validUntilEpoch, refused })
    // A receipt without a hold behind it waits for the payer's next one to be charged.
    if (terms.validUntilEpoch > hold.hold.expiresEpoch) throw new PaymentError('OFFER_REFUSED', 'BEYOND_HOLD')
    const answer = await book.receiptFor(terms, limits)
    if (!answer.ok) throw new PaymentError('OFFER_REFUSED', answer.code)
    await options.beforePaying?.()
    return {
      [PAYMENT_HEADERS.offer]: offer.offerId,
      [PAYMENT_HEADERS.receipt]: hexOf(encodeSignedReceipt(answer.signed)),
      [PAYMENT_HEADERS.hold]: hexOf(encodeAcceptedHold(hold)),
    }
  }

  const complete = async (request: CompletionRequest, signal?: AbortSignal): Promise<PaidCompletion> => {
    let payment: Record<string, string> = {}
    let offer: GatewayOffer | undefined
    let lastCode = ''
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const reply = await post(request, payment, signal).catch(asPaymentProblem)
      if (!(reply instanceof ProblemError)) return read(reply, request, offer)
      lastCode = reply.code
      const holdRefused = reply.code.startsWith('HOLD_') ? reply.code : undefined
      offer = offerOf(reply) ?? (holdRefused === undefined ? undefined : offer)
      if (offer === undefined) throw reply
      payment = await pay(offer, request.model, holdRefused)
    }
    throw new PaymentError('TOO_MANY_OFFERS', lastCode)
  }

  const read = (
    body: unknown,
    request: CompletionRequest,
    offer: GatewayOffer | undefined,
  ): PaidCompletion => {
    const { statement, ...answer } = parseAnswer(() => readCompletion(body))
    const workHash = inferenceWorkHash(request.prompt, request.maxTokens, answer.text)
    const taken = book.accept(statement, workHash)
    if (!taken.ok) throw new PaymentError('STATEMENT_REFUSED', taken.code)
    if (taken.statement.worker !== offer?.terms.worker)
      throw new PaymentError('STATEMENT_REFUSED', 'WRONG_WORKER')
    const { chargedWei, units } = taken
    return { ...answer, units, chargedWei, worker: taken.statement.worker, statement: taken.statement }
  }

  return {
    complete,
    models: async signal => {
      const body = await requestJson(target, { method: 'GET', path: '/v1/models', signal })
      return parseAnswer(() => listField(objectOf(body), 'data', MAX_MODELS, readModel))
    },
  }
}

/** What makes an offer another thing than the price of this request. */
function faultOf(
  { terms, holdPayee, minHoldWei }: GatewayOffer,
  model: ServedModel,
  gateway: Address | undefined,
  { maxChargeWei }: ReceiptLimits,
): OfferFault | undefined {
  if (terms.id !== model.id || terms.version !== model.version) return 'WRONG_MODEL'
  if (terms.kind !== WORK_KIND.inference) return 'WRONG_KIND'
  const isNamed = terms.gateway === holdPayee && holdPayee !== NOBODY
  if (!isNamed || holdPayee !== (gateway ?? holdPayee)) return 'WRONG_PAYEE'
  return minHoldWei > maxChargeWei ? 'HOLD_ABOVE_LIMIT' : undefined
}

/** 402 is the one refusal that leads on. */
function asPaymentProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError && error.status === 402) return error
  throw error
}

function offerOf({ problem }: ProblemError): GatewayOffer | undefined {
  if (problem === undefined || problem['offer'] === undefined) return undefined
  return parseAnswer(() => readGatewayOffer(objectOf(problem['offer'])))
}

function readModel(value: unknown): ServedModel {
  const model = objectOf(value)
  return { id: hashField(model, 'id'), version: countField(model, 'version') }
}

function readCompletion(
  body: unknown,
): Omit<PaidCompletion, 'units' | 'chargedWei' | 'statement' | 'worker'> & { statement: Uint8Array } {
  const completion = objectOf(body)
  const [choice] = listField(completion, 'choices', 1, objectOf)
  if (choice === undefined) throw new TypeError('there is no answer')
  const finish = textField(choice, 'finish_reason')
  if (finish !== 'stop' && finish !== 'length') throw new TypeError('finish_reason is none that is known')
  const usage = objectOf(completion['usage'])
  const io = objectOf(completion['io'])
  return {
    text: textField(choice, 'text'),
    finish,
    promptTokens: countField(usage, 'prompt_tokens'),
    completionTokens: countField(usage, 'completion_tokens'),
    statement: bytesOf(hexField(io, 'statement')),
  }
}
