/**
 * Errors as the relayer answers them: problem details (RFC 9457). `code` is what programs decide by, `title` a sentence
 * that never varies, `detail` says what to do about this one.
 */
import type { FastifyError, FastifyReply } from 'fastify'
import { PROBLEM_TYPE, problemBody } from '../runtime/problem.ts'

export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** What to do, for people. */
  readonly advice: string
  /** Seconds after which the same request may succeed. */
  readonly retryAfterSec?: number
}

/** What a closed union of refusals means to who asked over HTTP. */
export type ProblemKinds<Code extends string> = Readonly<Record<Code, ProblemKind>>

/** Answers with a problem; `detail` replaces the kind's advice where more is known. */
export function sendProblem(
  reply: FastifyReply,
  code: string,
  kind: ProblemKind,
  detail: string = kind.advice,
): FastifyReply {
  if (kind.retryAfterSec !== undefined) reply.header('retry-after', String(kind.retryAfterSec))
  return reply
    .code(kind.status)
    .type(PROBLEM_TYPE)
    .send(problemBody(code, kind, detail))
}

const FAULTS = {
  TOO_LARGE: {
    status: 413,
    title: 'The body is larger than any valid request.',
    advice: 'Send less at once.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is not of the type that this takes.',
    advice: 'Send application/octet-stream.',
  },
  BAD_REQUEST: {
    status: 400,
    title: 'The request cannot be read.',
    advice: 'Check path, query and body.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong in the relayer.',
    advice: 'Try again later; nothing of this request has been kept.',
    retryAfterSec: 5,
  },
} as const satisfies Record<string, ProblemKind>

/** What fastify itself refuses, and what a handler threw, as problems. Says nothing of the inside. */
export function sendFault(reply: FastifyReply, error: FastifyError): FastifyReply {
  const code = faultOf(error.statusCode ?? 500)
  return sendProblem(reply, code, FAULTS[code])
}

/** For paths and queries that are not what a route takes. */
export function sendBadRequest(reply: FastifyReply, detail: string): FastifyReply {
  return sendProblem(reply, 'BAD_REQUEST', FAULTS.BAD_REQUEST, detail)
}

function faultOf(status: number): keyof typeof FAULTS {
  if (status === 413) return 'TOO_LARGE'
  if (status === 415) return 'UNSUPPORTED_MEDIA_TYPE'
  return status < 500 ? 'BAD_REQUEST' : 'INTERNAL'
}
