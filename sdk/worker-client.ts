/** A worker, as gateways and payers call it. Answers are parsed and bounded; statements are the caller's to check. */
import { type Address, bytesOf, type Hash, hexOf } from '../protocol/bytes.ts'
import { type AcceptedHold, encodeAcceptedHold } from '../protocol/usage/hold.ts'
import { encodeSignedReceipt, type SignedReceipt } from '../protocol/usage/receipt.ts'
import { parseAnswer, request, requestJson } from './http.ts'
import {
  addressField,
  countField,
  hashField,
  hexField,
  type JsonObject,
  objectOf,
  textField,
} from './json.ts'
import { amountField, readOffer } from './offer-json.ts'
import type { Offer, SignedLeaseEnd } from './payer.ts'
import type { ProblemError } from './problem.ts'

export interface WorkerModel {
  readonly id: Hash
  readonly version: number
  /** Of architecture and weights, as registered. */
  readonly hash: Hash
  readonly unitsPerToken: bigint
}

/** What a worker says of itself. */
export interface WorkerProfile {
  readonly worker: Address
  readonly device: Hash
  readonly state: 'idle' | 'hired'
  readonly model: WorkerModel
  /** Wei of IO for a thousand units of inference, wei of IOSD for a second of hire. */
  readonly price: { readonly ioPerThousandUnits: bigint; readonly iosdPerSec: bigint }
}

export interface InferenceQuestion {
  readonly prompt: string
  readonly maxTokens: number
}

export interface InferenceAnswer {
  readonly text: string
  readonly finish: 'stop' | 'length'
  readonly promptTokens: number
  readonly tokens: number
  readonly units: bigint
  readonly chargedWei: bigint
  /** Bytes of a signed statement. */
  readonly statement: Uint8Array
}

/** Every method throws {@link ProblemError} when the worker refuses or cannot be reached. */
export interface WorkerClient {
  readonly url: string
  profile(signal?: AbortSignal): Promise<WorkerProfile>
  /** What a receipt for this question must say at least. */
  offer(
    question: InferenceQuestion & { readonly payer: Address; readonly gateway: Address },
    signal?: AbortSignal,
  ): Promise<Offer>
  infer(
    question: InferenceQuestion & { readonly receipt: SignedReceipt; readonly hold: AcceptedHold },
    signal?: AbortSignal,
  ): Promise<InferenceAnswer>
  /** Begins a hire. @returns the lease, which is the id of the receipt's channel */
  hire(hold: AcceptedHold, receipt: SignedReceipt, signal?: AbortSignal): Promise<Hash>
  /** Raises the ceiling of a hire that goes on. */
  extendHire(lease: Hash, receipt: SignedReceipt, signal?: AbortSignal): Promise<void>
  endHire(
    end: SignedLeaseEnd,
    signal?: AbortSignal,
  ): Promise<{ readonly chargedWei: bigint; readonly statement: Uint8Array }>
}

export function createWorkerClient(options: {
  readonly url: string
  readonly timeoutMs: number
}): WorkerClient {
  const target = { url: options.url.replace(/\/+$/, ''), timeoutMs: options.timeoutMs }

  const ask = async <T>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
    read: (from: JsonObject) => T,
  ): Promise<T> => {
    const answer = await requestJson(target, { method, path, signal, ...jsonBody(body) })
    return parseAnswer(() => read(objectOf(answer)))
  }

  return {
    url: target.url,
    profile: signal => ask('GET', '/v1/offer', undefined, signal, readProfile),
    offer: (question, signal) => ask('POST', '/v1/inferences/offer', question, signal, readOffer),
    infer: ({ prompt, maxTokens, receipt, hold }, signal) => {
      const body = { prompt, maxTokens, ...paymentJson(hold, receipt) }
      return ask('POST', '/v1/inferences', body, signal, readAnswer)
    },
    hire: (hold, receipt, signal) =>
      ask('POST', '/v1/hires', paymentJson(hold, receipt), signal, from => hashField(from, 'lease')),
    extendHire: async (lease, receipt, signal) => {
      const body = { receipt: hexOf(encodeSignedReceipt(receipt)) }
      await request(target, {
        method: 'POST',
        path: `/v1/hires/${lease}/receipts`,
        signal,
        ...jsonBody(body),
      })
    },
    endHire: ({ lease, validUntil, signature }, signal) => {
      const body = { validUntil, signature: hexOf(signature) }
      return ask('POST', `/v1/hires/${lease}/end`, body, signal, from => ({
        chargedWei: amountField(from, 'chargedWei'),
        statement: bytesOf(hexField(from, 'statement')),
      }))
    },
  }
}

/** The offer that a worker's 402 carries: what the receipt should have said. */
export function offerOfProblem({ status, problem }: ProblemError): Offer | undefined {
  if (status !== 402 || problem === undefined) return undefined
  try {
    return readOffer(objectOf(problem['offer']))
  } catch {
    return undefined
  }
}

function jsonBody(body: unknown): { body?: string; headers?: Record<string, string> } {
  if (body === undefined) return {}
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

function paymentJson(hold: AcceptedHold, receipt: SignedReceipt): { hold: string; receipt: string } {
  return { hold: hexOf(encodeAcceptedHold(hold)), receipt: hexOf(encodeSignedReceipt(receipt)) }
}

function readProfile(from: JsonObject): WorkerProfile {
  const state = textField(from, 'state')
  if (state !== 'idle' && state !== 'hired') throw new TypeError('state is none that is known')
  const model = objectOf(from['model'])
  const price = objectOf(from['price'])
  return {
    worker: addressField(from, 'worker'),
    device: hashField(from, 'device'),
    state,
    model: {
      id: hashField(model, 'id'),
      version: countField(model, 'version'),
      hash: hashField(model, 'hash'),
      unitsPerToken: amountField(model, 'unitsPerToken'),
    },
    price: {
      ioPerThousandUnits: amountField(price, 'ioPerThousandUnitsWei'),
      iosdPerSec: amountField(price, 'iosdPerSecWei'),
    },
  }
}

function readAnswer(from: JsonObject): InferenceAnswer {
  const finish = textField(from, 'finish')
  if (finish !== 'stop' && finish !== 'length') throw new TypeError('finish is none that is known')
  return {
    text: textField(from, 'text'),
    finish,
    promptTokens: countField(from, 'promptTokens'),
    tokens: countField(from, 'tokens'),
    units: amountField(from, 'units'),
    chargedWei: amountField(from, 'chargedWei'),
    statement: bytesOf(hexField(from, 'statement')),
  }
}
