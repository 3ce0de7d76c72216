/** The feed over HTTP. Each route is described where it is made, and the description is what is served of it. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ReportJson } from '../../protocol/report-json.ts'
import { serveEvents } from './event-stream.ts'
import { openApiOf, type RouteSpec } from './openapi.ts'
import { sendProblem } from './problems.ts'
import type { Readers } from './readers.ts'
import type { ReportStore } from './report-store.ts'
import { type PageQuery, pageQuery, type ReportPage, roundParams, streamQuery } from './schemas.ts'
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
  { store, readers }: { readonly store: ReportStore; readonly readers: Readers },
): void {
  const specs: RouteSpec[] = []
  const route = (spec: RouteSpec, handler: Handler): void => {
    specs.push(spec)
    app.get(spec.path, handler)
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
      return sendJson(request, reply, latest, ASK_AGAIN)
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
        return sendJson(request, reply, report, isFinal(report, store) ? FOREVER : ASK_AGAIN)
      if (round > store.prunedUpTo()) return sendProblem(reply, 'NOT_CERTIFIED')
      return sendProblem(reply, 'NOT_KEPT', `Ask for round ${store.oldestRound()} or a later one.`)
    },
  )
  route(
    {
      path: `${PREFIX}/reports`,
      summary: 'Reports, page by page',
      description: 'Newest first; with `after`, oldest first. Follow `next` until it is null.',
      query: pageQuery,
      answer: { status: 200, description: 'A page.', type: JSON_TYPE, schema: 'ReportPage' },
      conditional: true,
      problems: ['BAD_QUERY'],
    },
    (request, reply) => {
      const query = pageQuery.safeParse(request.query)
      if (!query.success) return sendProblem(reply, 'BAD_QUERY', advice(query.error))
      const page = pageOf(store, query.data)
      if (page.next !== null) reply.header('link', `<${page.next}>; rel="next"`)
      return sendJson(request, reply, page, ASK_AGAIN)
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
      problems: ['BAD_QUERY', 'TOO_MANY_READERS'],
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
      problems: ['BAD_QUERY', 'TOO_MANY_READERS', 'UPGRADE_REQUIRED'],
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
    (request, reply) => sendJson(request, reply, document, FIVE_MINUTES),
  )
  const document = openApiOf(specs)

  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'NOT_FOUND'))
  app.setErrorHandler((error, _request, reply) => {
    const status = z.object({ statusCode: z.int() }).safeParse(error).data?.statusCode ?? 500
    return sendProblem(reply, status < 500 ? 'BAD_REQUEST' : 'INTERNAL')
  })
  const sockets = new WebSockets(`${PREFIX}/ws`, readers)
  sockets.attach(app.server)
  // Before the server closes: it would wait for every open stream.
  app.addHook('preClose', async () => {
    readers.stop()
    await sockets.close()
  })
}

/** A report comes on chain before every later one or never: the contract takes rounds in ascending order only. */
function isFinal(report: ReportJson, store: Pick<ReportStore, 'highestOnChain'>): boolean {
  return report.onChain || report.round < store.highestOnChain()
}

/** Reports were given their shape when they were stored: once, and not with every answer. */
function pageOf(store: ReportStore, { limit, before, after }: PageQuery): ReportPage {
  const between = { before, after }
  // One more than is given, to know whether there is a next page.
  const found =
    after === undefined ? store.descending(limit + 1, between) : store.ascending(limit + 1, between)
  const reports = found.slice(0, limit)
  const last = reports.at(-1)
  const next = found.length > limit && last !== undefined ? nextPath(limit, between, last.round) : null
  return { reports, next, oldest: store.oldestRound() ?? null }
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

function sendJson(request: FastifyRequest, reply: FastifyReply, value: unknown, cache: string): FastifyReply {
  const text = JSON.stringify(value)
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
  reply.headers({ etag, 'cache-control': cache, 'access-control-expose-headers': 'etag, link, retry-after' })
  const known = request.headers['if-none-match']?.split(',').map(tag => tag.trim().replace(/^W\//, ''))
  if (known?.includes(etag)) return reply.code(304).send()
  return reply.type(JSON_TYPE).send(text)
}
