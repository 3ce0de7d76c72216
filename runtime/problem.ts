/** Errors over HTTP as problem details (RFC 9457). */
import type { FastifyReply } from 'fastify'

export const PROBLEM_TYPE = 'application/problem+json'

/** The body, as JSON. @param detail what to do about this one, for people */
export function problemBody(
  code: string,
  { title, status }: { readonly title: string; readonly status: number },
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): string {
  const type = `urn:ionet:problem:${code.toLowerCase().replaceAll('_', '-')}`
  return JSON.stringify({ type, title, status, detail, code, ...members })
}

/** Of a closed union of codes: the status, and a sentence for people that never varies. */
export type Problems<Code extends string> = Readonly<Record<Code, readonly [status: number, title: string]>>

/**
 * Answers with the problem of a code, for services whose problems need no more than a sentence.
 *
 * @param members more that a program may read: what is there instead, for example
 */
export function sendProblemOf<Code extends string>(
  reply: FastifyReply,
  problems: Problems<Code>,
  code: Code,
  members: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  const [status, title] = problems[code]
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problemBody(code, { title, status }, title, members))
}
