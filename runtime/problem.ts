/** Errors over HTTP as problem details (RFC 9457), for services whose problems need no more than a sentence. */
import type { FastifyReply } from 'fastify'

export const PROBLEM_TYPE = 'application/problem+json'

/** Of a closed union of codes: the status, and a sentence for people that never varies. */
export type Problems<Code extends string> = Readonly<Record<Code, readonly [status: number, title: string]>>

/** Answers with the problem of a code. */
export function sendProblemOf<Code extends string>(
  reply: FastifyReply,
  problems: Problems<Code>,
  code: Code,
): FastifyReply {
  const [status, title] = problems[code]
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(
      JSON.stringify({
        type: `urn:ionet:problem:${code.toLowerCase().replaceAll('_', '-')}`,
        title,
        status,
        detail: title,
        code,
      }),
    )
}
