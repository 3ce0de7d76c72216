/** What a quote of this node was made from, for whoever wants to make it again. */
import type { FastifyInstance } from 'fastify'
import { asRound, type Round } from '../../protocol/rounds.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type Problems, sendProblemOf } from '../../runtime/problem.ts'
import { RateLimit } from '../auditing/rate-limit.ts'
import type { TraceRange } from './trace-store.ts'

export interface TraceRoutesDeps {
  readonly clock: Clock
  readonly traces: {
    bodyOf(round: Round): string | undefined
    range(): TraceRange | undefined
  }
}

type ProblemCode = 'BAD_ROUND' | 'NO_SUCH_TRACE' | 'TOO_MANY_REQUESTS'

const PROBLEMS: Problems<ProblemCode> = {
  BAD_ROUND: [400, 'a round is the start of its slot in deciseconds since 1970, such as 17953630020'],
  NO_SUCH_TRACE: [
    404,
    'this node has no trace of that round: it has not quoted in it, or no longer keeps it',
  ],
  TOO_MANY_REQUESTS: [429, 'too many requests, from this address or from all together: wait a second'],
}

/** Reading is done on the thread that quotes: some 0.2 ms a trace, so all together take a twentieth of it at most. */
const LIMITS = { each: { perSec: 20, burst: 100 }, all: { perSec: 200, burst: 300 } }
/** A node quotes once a round. */
const FOREVER = 'public, max-age=31536000, immutable'
/** 40 bits have at most 13 digits. */
const ROUND = /^\d{1,13}$/
const MAX_ROUND = 2 ** 40 - 1

export function traceRoutes(app: FastifyInstance, { clock, traces }: TraceRoutesDeps): void {
  const limit = new RateLimit(LIMITS, clock)
  app.get<{ Params: { round: string } }>('/v1/rounds/:round/trace', async (request, reply) => {
    const text = request.params.round
    reply.header('cache-control', 'no-store')
    if (!ROUND.test(text) || Number(text) > MAX_ROUND) return sendProblemOf(reply, PROBLEMS, 'BAD_ROUND')
    if (!limit.allows(request.ip)) return sendProblemOf(reply, PROBLEMS, 'TOO_MANY_REQUESTS')
    const body = traces.bodyOf(asRound(Number(text)))
    if (body === undefined)
      return sendProblemOf(reply, PROBLEMS, 'NO_SUCH_TRACE', { kept: traces.range() ?? null })
    return reply.type('application/json; charset=utf-8').header('cache-control', FOREVER).send(body)
  })
}
