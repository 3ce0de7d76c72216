/** The feed over HTTP. Each route is described where it is made, and the description is what is served of it. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Allowance } from './allowance.ts'
import { serveEvents } from './event-stream.ts'
import { openApiOf, type RouteSpec } from './openapi.ts'
import { sendProblem } from './problems.ts'
import type { Readers } from './readers.ts'
import type { Order, ReportRow, ReportStore } from './report-store.ts'
import {
  MAX_PAGE_BYTES,
  type PageQuery,
  pageQuery,
  type ReportPage,
  roundParams,
  streamQuery,
} from './schemas.ts'
import { WebSockets } from './web-socket.ts'

const PREFIX = '/v1'
/** May have changed since: ask whether it has. */
const ASK_AGAIN = 'no-cache'
/** A year, as RFC 9111 suggests for what never changes. */
const FOREVER = 'public, max-age=31536000, immutable'
const FIVE_MINUTES = 'public, max-age=300'
const JSON_TYPE = 'application/json'

const EVENTS =
  'Events `report` (schema Report, its id is the round), `update` (Update), `gap` (Gap) and `end` (End); a comment every 15 s.'
const MESSAGES =
  'Messages of the schema StreamMessage. Without `after` in the query, a first message {"after":ROUND} within a second says where to begin.'

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

export function addRoutes(
  app: FastifyInstance,
  {
    store,
    readers,
    allowance,
  }: { readonly store: ReportStore; readonly readers: Readers; readonly allowance: Allowance },
): void {
  const specs: RouteSpec[] = []
  const route = (spec: RouteSpec, handler: Handler): void => {
    specs.push({ ...spec, problems: [...spec.problems, 'TOO_MANY_REQUESTS'] })
    app.get(spec.path, { onRequest: limited }, handler)
  }
  const limited = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const refused = allowance.request(request.ip)
    if (refused === undefined) done()
    else sendProblem(reply, refused.problem, refused)
  }
  const sendReport = (request: FastifyRequest, reply: FastifyReply, report: ReportJson, cache: string) => {
    if (isKnown(request, reply, etagOf([store.id, versionOf(report)]), cache)) return reply.code(304).send()
    return reply.type(JSON_TYPE).send(JSON.stringify(report))
  }

  route(
    {
      path: `${PREFIX}/reports/latest`,
      summary: 'The newest report',
      answer: { status: 200, description: 'The report.', type: JSON_TYPE, schema: 'Report' },
      conditional: true,
      problems: ['NO_REPORT_YET'],
    },
    (request, reply) => {
      const [latest] = store.descending(1)
      if (latest === undefined) return sendProblem(reply, 'NO_REPORT_YET')
      return sendReport(request, reply, latest, ASK_AGAIN)
    },
  )
  route(
    {
      path: `${PREFIX}/reports/:round`,
      summary: 'The report of a round',
      description:
        'Never changes, but for `onChain`; once no report as old can come on chain any more, it may be cached for ever.',
      params: roundParams,
      answer: { status: 200, description: 'The report.', type: JSON_TYPE, schema: 'Report' },
      conditional: true,
      problems: ['BAD_ROUND', 'NOT_CERTIFIED', 'NOT_KEPT'],
    },
    (request, reply) => {
      const params = roundParams.safeParse(request.params)
      if (!params.success) return sendProblem(reply, 'BAD_ROUND')
      const { round } = params.data
      const report = store.byRound(round)
      if (report !== undefined)
        return sendReport(request, reply, report, isFinal(report, store) ? FOREVER : ASK_AGAIN)
      if (round > store.prunedUpTo()) return sendProblem(reply, 'NOT_CERTIFIED')
      return sendProblem(reply, 'NOT_KEPT', {
        detail: `Ask for round ${store.oldestRound()} or a later one.`,
      })
    },
  )
  route(
    {
      path: `${PREFIX}/reports`,
      summary: 'Reports, page by page',
      description:
        'Newest first; with `after`, oldest first. Follow `next` until it is null; a page of large reports ends before `limit`.',
      query: pageQuery,
      answer: { status: 200, description: 'A page.', type: JSON_TYPE, schema: 'ReportPage' },
      conditional: true,
      problems: ['BAD_QUERY', 'BUSY'],
    },
    (request, reply) => {
      const query = pageQuery.safeParse(request.query)
      if (!query.success) return sendProblem(reply, 'BAD_QUERY', { detail: advice(query.error) })
      const outline = outlineOf(store, query.data)
      if (outline.next !== null) reply.header('link', `<${outline.next}>; rel="next"`)
      const etag = etagOf([store.id, outline.next, outline.oldest, ...outline.rows.map(versionOf)])
      if (isKnown(request, reply, etag, ASK_AGAIN)) return reply.code(304).send()
      const refused = allowance.page(request.ip)
      if (refused !== undefined)
        return sendProblem(reply.removeHeader('etag').removeHeader('link'), refused.problem, refused)
      const text = JSON.stringify(pageOf(store, query.data, outline))
      allowance.spent(request.ip, text.length)
      return reply.type(JSON_TYPE).send(text)
    },
  )
  route(
    {
      path: `${PREFIX}/stream`,
      summary: 'Reports as they are certified, as Server-Sent Events',
      description: EVENTS,
      query: streamQuery,
      headers: { 'Last-Event-ID': 'Goes on after this round; wins over `after`.' },
      answer: { status: 200, description: EVENTS, type: 'text/event-stream' },
      conditional: false,
      problems: ['BAD_QUERY', 'TOO_MANY_STREAMS', 'TOO_MANY_READERS'],
    },
    (request, reply) => serveEvents(readers, request, reply),
  )
  route(
    {
      path: `${PREFIX}/ws`,
      summary: 'Reports as they are certified, over a WebSocket',
      description: MESSAGES,
      query: streamQuery,
      answer: { status: 101, description: MESSAGES },
      conditional: false,
      problems: ['BAD_QUERY', 'TOO_MANY_STREAMS', 'TOO_MANY_READERS', 'UPGRADE_REQUIRED'],
    },
    (_request, reply) => sendProblem(reply, 'UPGRADE_REQUIRED'),
  )
  route(
    {
      path: `${PREFIX}/openapi.json`,
      summary: 'This document',
      answer: { status: 200, description: 'OpenAPI 3.1.', type: JSON_TYPE },
      conditional: true,
      problems: [],
    },
    (request, reply) => {
      if (isKnown(request, reply, documentTag, FIVE_MINUTES)) return reply.code(304).send()
      return reply.type(JSON_TYPE).send(document)
    },
  )
  const document = JSON.stringify(openApiOf(specs))
  const documentTag = etagOf([document])

  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'NOT_FOUND'))
  app.setErrorHandler((error, _request, reply) => {
    const status = z.object({ statusCode: z.int() }).safeParse(error).data?.statusCode ?? 500
    return sendProblem(reply, status < 500 ? 'BAD_REQUEST' : 'INTERNAL')
  })
  const sockets = new WebSockets(`${PREFIX}/ws`, readers, allowance)
  sockets.attach(app.server)
  // Before the server closes: it would wait for every open stream.
  app.addHook('preClose', async () => {
    readers.stop()
    await sockets.close()
  })
}

/**
 * A report comes on chain before every later one or never: the contract takes rounds in ascending order only. Below what
 * final blocks hold, nothing changes any more.
 */
function isFinal(report: ReportJson, store: Pick<ReportStore, 'settledUpTo'>): boolean {
  return report.onChain || report.round < store.settledUpTo()
}

/** What a page holds, before any of it is read. */
interface Outline {
  readonly rows: readonly ReportRow[]
  readonly next: string | null
  readonly oldest: number | null
}

function outlineOf(store: ReportStore, { limit, before, after }: PageQuery): Outline {
  const between = { before, after }
  // One more than is given, to know whether there is a next page.
  const found = store.rows(orderOf(after), limit + 1, between)
  let bytes = 0
  const tooLong = found.findIndex((row, index) => {
    bytes += row.bytes
    return index > 0 && bytes > MAX_PAGE_BYTES
  })
  const rows = found.slice(0, tooLong === -1 ? limit : Math.min(limit, tooLong))
  const last = rows.at(-1)
  const next = found.length > rows.length && last !== undefined ? nextPath(limit, between, last.round) : null
  return { rows, next, oldest: store.oldestRound() ?? null }
}

/** Reports were given their shape when they were stored: once, and not with every answer. */
function pageOf(
  store: ReportStore,
  { before, after }: PageQuery,
  { rows, next, oldest }: Outline,
): ReportPage {
  const reports = store[orderOf(after)](rows.length, { before, after })
  return { reports, next, oldest }
}

function orderOf(after: number | undefined): Order {
  return after === undefined ? 'descending' : 'ascending'
}

/** Of a report only this changes. */
function versionOf({ round, onChain }: Pick<ReportJson, 'round' | 'onChain'>): string {
  return `${round}${onChain ? '+' : ''}`
}

function nextPath(
  limit: number,
  { before, after }: Pick<PageQuery, 'before' | 'after'>,
  last: number,
): string {
  const query = new URLSearchParams({ limit: String(limit) })
  if (after === undefined) query.set('before', String(last))
  else query.set('after', String(last))
  if (after !== undefined && before !== undefined) query.set('before', String(before))
  return `${PREFIX}/reports?${query}`
}

/** Which parameter is wrong, and how. */
function advice(error: z.ZodError): string {
  const told = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  return `${told}. Give limit from 1 to 300, and before or after as rounds.`
}

/** Of what an answer is made of, so that it need not be made to know it. */
function etagOf(parts: readonly (string | number | null)[]): string {
  return `"${createHash('sha256').update(parts.join()).digest('base64url').slice(0, 22)}"`
}

/** Says which version this is; whether it is one that the reader has. */
function isKnown(request: FastifyRequest, reply: FastifyReply, etag: string, cache: string): boolean {
  reply.headers({ etag, 'cache-control': cache, 'access-control-expose-headers': 'etag, link, retry-after' })
  const known = request.headers['if-none-match']?.split(',').map(tag => tag.trim().replace(/^W\//, ''))
  return known?.includes(etag) === true
}
