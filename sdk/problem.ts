/** Errors as this network's HTTP services answer them: problem details (RFC 9457) with a code to decide by. */

export const PROBLEM_TYPE = 'application/problem+json'

/** The body of such an answer. Members beyond these depend on the code, such as the offer behind a 402. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** From a closed union of the service. */
  readonly code: string
  readonly [member: string]: unknown
}

/** Codes of what went wrong before a service could answer with its own. */
export const TRANSPORT_CODES = ['UNREACHABLE', 'TIMEOUT', 'BAD_ANSWER'] as const
export type TransportCode = (typeof TRANSPORT_CODES)[number]

/** A request that a service did not fulfil. `status` is 0 when there was no answer at all. */
export class ProblemError extends Error {
  readonly code: string
  readonly status: number
  /** The whole body; undefined when the answer was no problem details. */
  readonly problem: Problem | undefined
  constructor(
    message: string,
    fields: { readonly code: string; readonly status: number; readonly problem?: Problem },
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'ProblemError'
    this.code = fields.code
    this.status = fields.status
    this.problem = fields.problem
  }

  /** Whether the same request may succeed later: the service did not answer, or could not do it now. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === 'BAD_ANSWER'
  }
}

/** Answers of services are small; more than this is not read. */
export const MAX_PROBLEM_CHARS = 64 * 1024

/** What an answer that is not a success says. @param text the body, as far as it was read */
export function problemOf(status: number, text: string): ProblemError {
  const problem = parseProblem(text)
  if (problem === undefined) {
    return new ProblemError(`the service answered ${status} without saying why`, {
      code: 'BAD_ANSWER',
      status,
    })
  }
  return new ProblemError(problem.detail === '' ? problem.title : problem.detail, {
    code: problem.code,
    status,
    problem,
  })
}

function parseProblem(text: string): Problem | undefined {
  if (text.length > MAX_PROBLEM_CHARS) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { type, title, status, detail, code, ...rest } = value as Record<string, unknown>
  if (typeof code !== 'string') return undefined
  return {
    ...rest,
    type: typeof type === 'string' ? type : 'about:blank',
    title: typeof title === 'string' ? title : code,
    status: typeof status === 'number' ? status : 0,
    detail: typeof detail === 'string' ? detail : '',
    code,
  }
}
