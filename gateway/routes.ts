/** The gateway's HTTP API: OpenAI's shapes for models and completions, with payment in header fields. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Address, Hex } from '../protocol/bytes.ts'
import type { Logger } from '../runtime/logger.ts'
import type { ServedModel } from '../sdk/gateway-client.ts'
import { PAYMENT_HEADERS } from '../sdk/offer-json.ts'
import { PROBLEM_TYPE } from '../sdk/problem.ts'
import { type Completions, type DeliveredCompletion, type PaidRequest, statementHex } from './completions.ts'
import { readPayment } from './payments/payment.ts'
import { type GatewayRefusal, RefusedError } from './refusals.ts'

export interface RoutesOptions {
  readonly served: ServedModel
  readonly gateway: Address
  /** Unix seconds since when the model is served. */
  readonly servedSinceSec: number
}

export interface RoutesDeps {
  readonly completions: Completions
  readonly logger: Logger
  readonly nowMs: () => number
  readonly newId: () => string
  readonly count: (outcome: 'delivered' | 'failed' | GatewayRefusal) => void
}

const bodySchema = z.object({
  model: z.string().max(128),
  prompt: z.string(),
  /** OpenAI's own default. */
  max_tokens: z.number().default(16),
  n: z.literal(1).optional(),
  stream: z.literal(false).optional(),
})
const payerSchema = z.string().regex(/^0x[0-9a-fA-F]{40}$/)
const offerIdSchema = z.string().regex(/^[0-9a-f]{1,64}$/)

/** Each holds a socket and a little memory; workers answer one at a time anyway. */
const MAX_AT_ONCE = 64
const RETRY_AFTER_SEC = 1

export function addRoutes(app: FastifyInstance, options: RoutesOptions, deps: RoutesDeps): void {
  const { served } = options
  let atOnce = 0

  app.setErrorHandler((error, _request, reply) => refuse(reply, error, deps))
  app.get('/v1/models', async () => ({
    object: 'list',
    data: [
      {
        id: served.id,
        object: 'model',
        created: options.servedSinceSec,
        owned_by: options.gateway,
        version: served.version,
      },
    ],
  }))
  app.post('/v1/completions', async (request, reply) => {
    if (atOnce >= MAX_AT_ONCE) throw new RefusedError('BUSY')
    const left = new AbortController()
    // Nobody is asked for an asker that has gone; what is with a worker already is its to finish.
    const onClose = (): void => {
      if (!reply.raw.writableFinished) left.abort(new RefusedError('WORKER_LOST'))
    }
    reply.raw.once('close', onClose)
    atOnce++
    try {
      return await complete(request, served, deps, left.signal)
    } finally {
      atOnce--
      reply.raw.off('close', onClose)
    }
  })
}

async function complete(
  request: FastifyRequest,
  served: ServedModel,
  deps: RoutesDeps,
  signal: AbortSignal,
): Promise<unknown> {
  const body = bodySchema.safeParse(request.body)
  if (!body.success) throw new RefusedError('BAD_REQUEST', { detail: z.prettifyError(body.error) })
  const { model, prompt, max_tokens: maxTokens } = body.data
  if (model.toLowerCase() !== served.id) throw new RefusedError('MODEL_NOT_FOUND')
  const payer = payerSchema.safeParse(request.headers[PAYMENT_HEADERS.payer])
  if (!payer.success) throw new RefusedError('BAD_PAYER')
  const address = payer.data.toLowerCase() as Address
  const question = { prompt, maxTokens }
  const paid = paymentOf(request)
  if (paid === undefined) return deps.completions.askToPay(address, question, signal)
  const delivered = await deps.completions.deliver(address, question, paid, signal)
  deps.count('delivered')
  return completionJson(delivered, model, deps)
}

/** undefined when neither receipt nor hold is there: the asker wants to know what it costs. */
function paymentOf({ headers }: FastifyRequest): PaidRequest | undefined {
  const receipt = headers[PAYMENT_HEADERS.receipt]
  const hold = headers[PAYMENT_HEADERS.hold]
  if (receipt === undefined && hold === undefined) return undefined
  const payment = readPayment(String(receipt), String(hold))
  if (typeof payment === 'string') throw new RefusedError(payment)
  const offerId = offerIdSchema.safeParse(headers[PAYMENT_HEADERS.offer])
  return { ...payment, offerId: offerId.success ? offerId.data : undefined }
}

interface CompletionJson {
  readonly id: string
  readonly io: {
    readonly statement: Hex
    readonly chargedWei: string
    readonly units: string
    readonly worker: Address
  }
  readonly [field: string]: unknown
}

function completionJson(
  { answer, worker }: DeliveredCompletion,
  model: string,
  deps: RoutesDeps,
): CompletionJson {
  return {
    id: `cmpl-${deps.newId()}`,
    object: 'text_completion',
    created: Math.floor(deps.nowMs() / 1_000),
    model,
    choices: [{ index: 0, text: answer.text, logprobs: null, finish_reason: answer.finish }],
    usage: {
      prompt_tokens: answer.promptTokens,
      completion_tokens: answer.tokens,
      total_tokens: answer.promptTokens + answer.tokens,
    },
    io: {
      statement: statementHex(answer),
      chargedWei: String(answer.chargedWei),
      units: String(answer.units),
      worker,
    },
  }
}

function refuse(reply: FastifyReply, error: unknown, deps: RoutesDeps): FastifyReply {
  const refused = asRefused(error)
  deps.count(refused?.code ?? 'failed')
  if (refused === undefined) {
    deps.logger.error('a request failed', { error })
    return reply.code(500).send({
      type: 'about:blank',
      title: 'FAILED',
      status: 500,
      detail: 'the gateway failed',
      code: 'FAILED',
    })
  }
  if (refused.status === 503) void reply.header('retry-after', String(RETRY_AFTER_SEC))
  return reply.code(refused.status).type(PROBLEM_TYPE).send(refused.problem)
}

/** What Fastify itself refuses (no JSON, too long) is a bad request like any other. */
function asRefused(error: unknown): RefusedError | undefined {
  if (error instanceof RefusedError) return error
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' && status < 500 ? new RefusedError('BAD_REQUEST') : undefined
}
