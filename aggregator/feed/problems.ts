/** Refusals of the feed as problem details (RFC 9457): what is wrong, and what to do about it. */
import type { FastifyReply } from 'fastify'
import { PROBLEM_TYPE, problemBody } from '../../runtime/problem.ts'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** What to do, for people. */
  readonly advice: string
  readonly retryAfterSec?: number
}

export const FEED_PROBLEMS = {
  BAD_QUERY: {
    status: 400,
    title: 'The query is not what this takes.',
    advice: 'Give limit from 1 to 300, and before or after as rounds.',
  },
  BAD_ROUND: {
    status: 400,
    title: 'This is no round.',
    advice: 'Give the start of a round in deciseconds since 1970, or "latest".',
  },
  BAD_REQUEST: {
    status: 400,
    title: 'The request cannot be read.',
    advice: 'Check it against /v1/openapi.json.',
  },
  NO_REPORT_YET: {
    status: 404,
    title: 'Nothing has been certified yet.',
    advice: 'Try again in a second; /health says whether the network is at work.',
    retryAfterSec: 1,
  },
  NOT_CERTIFIED: {
    status: 404,
    title: 'There is no report of this round here.',
    advice:
      'Not every round is certified, and one just begun may yet be: find rounds with /v1/reports, or ask another aggregator.',
  },
  NOT_KEPT: {
    status: 410,
    title: 'Reports this old have been deleted here.',
    advice: 'Ask for newer rounds; reports that went on chain stand in its transactions.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'There is nothing at this path.',
    advice: '/v1/openapi.json lists every path.',
  },
  TOO_MANY_READERS: {
    status: 503,
    title: 'As many readers are connected as this aggregator serves.',
    advice: 'Try again in some seconds, or follow another aggregator.',
    retryAfterSec: 5,
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    title: 'From this address comes more than this aggregator serves one address.',
    advice: 'Wait as long as Retry-After says. Follow /v1/stream instead of asking again and again.',
    retryAfterSec: 1,
  },
  TOO_MANY_STREAMS: {
    status: 429,
    title: 'As many streams are open from this address as one address gets.',
    advice: 'Close one, or share one among your programs.',
    retryAfterSec: 5,
  },
  BUSY: {
    status: 503,
    title: 'All readers together ask for more than this aggregator serves.',
    advice: 'Wait as long as Retry-After says, or ask another aggregator.',
    retryAfterSec: 1,
  },
  UPGRADE_REQUIRED: {
    status: 426,
    title: 'This path speaks WebSocket.',
    advice: 'Connect with a WebSocket client, or read /v1/stream.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong in the aggregator.',
    advice: 'Try again later, or ask another aggregator.',
    retryAfterSec: 5,
  },
} as const satisfies Record<string, ProblemKind>

export type FeedProblem = keyof typeof FEED_PROBLEMS

export interface RenderedProblem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What replaces the general advice where more is known. */
export interface ProblemDetails {
  readonly detail?: string | undefined
  readonly retryAfterSec?: number
}

export function renderProblem(code: FeedProblem, details: ProblemDetails = {}): RenderedProblem {
  const kind: ProblemKind = FEED_PROBLEMS[code]
  const { status, advice } = kind
  const { detail, retryAfterSec = kind.retryAfterSec } = details
  return {
    status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...(retryAfterSec === undefined ? {} : { 'retry-after': String(retryAfterSec) }),
      // What RFC 9110 asks of an answer 426.
      ...(code === 'UPGRADE_REQUIRED' ? { upgrade: 'websocket', connection: 'Upgrade' } : {}),
    },
    body: problemBody(code, kind, detail ?? advice),
  }
}

export function sendProblem(
  reply: FastifyReply,
  code: FeedProblem,
  details: ProblemDetails = {},
): FastifyReply {
  const { status, headers, body } = renderProblem(code, details)
  return reply.code(status).headers(headers).send(body)
}
