/** Errors as a worker answers them: problem details (RFC 9457), with a code to decide by. */
import type { FastifyError, FastifyReply } from 'fastify'
import type { Logger } from '../../runtime/logger.ts'
import { PROBLEM_TYPE } from '../../sdk/problem.ts'
import { ComputeError } from '../compute/compute-thread.ts'
import { RefusedError } from '../refused.ts'

/** Seconds after which somebody who found the worker busy may ask again. */
const RETRY_AFTER_SEC = 1

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  402: 'Payment required',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  503: 'Not now',
}

export function sendError(reply: FastifyReply, error: FastifyError | Error, logger: Logger): FastifyReply {
  if (error instanceof RefusedError)
    return sendProblem(reply, error.status, error.code, error.message, error.members)
  const status = 'statusCode' in error && error.statusCode !== undefined ? error.statusCode : 500
  if (status < 500) return sendProblem(reply, status, 'MALFORMED', 'the request cannot be read', {})
  if (error instanceof ComputeError)
    return sendProblem(reply, 503, 'BUSY', 'the computation failed: ask again', {})
  logger.error('a request failed', { error })
  return sendProblem(reply, 500, 'INTERNAL', 'something went wrong here; nothing was charged', {})
}

function sendProblem(
  reply: FastifyReply,
  status: number,
  code: string,
  detail: string,
  members: Readonly<Record<string, unknown>>,
): FastifyReply {
  if (status === 503) reply.header('retry-after', String(RETRY_AFTER_SEC))
  const type = `urn:ionet:problem:${code.toLowerCase().replaceAll('_', '-')}`
  const body = { type, title: TITLES[status] ?? 'Error', status, detail, code, ...members }
  const text = JSON.stringify(body, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return reply.code(status).type(PROBLEM_TYPE).send(text)
}
