/** The worker's HTTP API: what it offers, inferences and hires. Wei and units are decimal strings. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { type Address, type Hash, hexOf } from '../../protocol/bytes.ts'
import { encodeSignedStatement } from '../../protocol/usage/statement.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Hires } from '../hires/hires.ts'
import type { Answer, Inference } from '../inference/inference.ts'
import type { Occupancy } from '../occupancy.ts'
import { RefusedError } from '../refused.ts'
import {
  hireBody,
  inferenceBody,
  leaseEndBody,
  leaseParameters,
  leaseReceiptBody,
  offerBody,
  parse,
} from './bodies.ts'
import { sendError } from './problems.ts'

export interface RoutesOptions {
  readonly worker: Address
  /** Its name in records and challenges. */
  readonly device: Hash
  readonly model: {
    readonly id: Hash
    readonly version: number
    readonly hash: Hash
    readonly unitsPerToken: bigint
  }
  /** Wei. */
  readonly price: { readonly ioPerThousandUnits: bigint; readonly iosdPerSec: bigint }
}

export interface RoutesDeps {
  readonly inference: Inference
  readonly hires: Hires
  readonly occupancy: Occupancy
  readonly logger: Logger
  readonly countInference: (outcome: string) => void
}

/** Requests answered at once; all but the few that compute take a millisecond. */
const MAX_AT_ONCE = 64

/** To be registered as a plugin: hooks and errors of these routes are theirs alone. */
export function workerRoutes(
  options: RoutesOptions,
  deps: RoutesDeps,
): (app: FastifyInstance) => Promise<void> {
  const { inference, hires, occupancy, logger } = deps
  return async app => {
    let atOnce = 0
    app.addHook('onRequest', async (_request, reply) => {
      atOnce++
      reply.raw.once('close', () => {
        atOnce--
      })
      if (atOnce > MAX_AT_ONCE) throw new RefusedError('BUSY')
    })
    app.setErrorHandler((error, _request, reply) => sendError(reply, error as Error, logger))

    app.get('/v1/offer', async () => ({
      worker: options.worker,
      device: options.device,
      state: occupancy.state,
      queued: occupancy.queued,
      model: options.model,
      price: {
        ioPerThousandUnitsWei: options.price.ioPerThousandUnits,
        iosdPerSecWei: options.price.iosdPerSec,
      },
    }))

    app.post('/v1/inferences/offer', async request => {
      const { payer, gateway, ...asked } = parse(offerBody, request.body)
      return inference.offer(payer, gateway, asked)
    })
    app.post('/v1/inferences', async (request, reply) => {
      try {
        const asked = parse(inferenceBody, request.body)
        const answer = await inference.infer(asked, goneSignal(reply))
        deps.countInference('answered')
        return answerJson(answer)
      } catch (error) {
        deps.countInference(error instanceof RefusedError ? error.code : 'failed')
        throw error
      }
    })

    app.post('/v1/hires', async request => {
      const { hold, receipt } = parse(hireBody, request.body)
      return { lease: await hires.begin(hold, receipt) }
    })
    app.post('/v1/hires/:lease/receipts', async (request, reply) => {
      const { lease } = parse(leaseParameters, request.params)
      await hires.extend(lease, parse(leaseReceiptBody, request.body).receipt)
      return reply.code(204).send()
    })
    app.post('/v1/hires/:lease/end', async request => {
      const { lease } = parse(leaseParameters, request.params)
      const { charged, statement } = hires.close(lease, parse(leaseEndBody, request.body))
      return { chargedWei: charged, statement: hexOf(encodeSignedStatement(statement)) }
    })
  }
}

/** Aborted when the connection closes before the answer is out. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new RefusedError('GONE'))
  })
  return gone.signal
}

function answerJson({ completion, charged, statement }: Answer) {
  return {
    text: completion.text,
    finish: completion.finish,
    promptTokens: completion.promptTokens,
    tokens: completion.completionTokens,
    units: completion.units,
    chargedWei: charged,
    statement: hexOf(encodeSignedStatement(statement)),
  }
}
