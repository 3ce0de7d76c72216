/**
 * The feed of certified reports, as an aggregator serves it. With `verify`, no report is handed on whose price,
 * confidence, time and round are not certified by the network. What else is told, an aggregator can invent: a report's
 * quotes, signers, proposer, latency and `onChain`; updates; gaps; where pages end. And it can be silent, or late: `now`
 * and `maxAgeSec` show that.
 */
import type { ReportJson } from '../protocol/report-json.ts'
import { readEvents, type WireEvent } from './event-lines.ts'
import { type HttpTarget, parseAnswer, requestJson } from './http.ts'
import { countField } from './json.ts'
import { MAX_PROBLEM_CHARS, ProblemError, problemOf } from './problem.ts'
import {
  type GapJson,
  type ReportPage,
  readGap,
  readPage,
  readReport,
  readUpdate,
  type UpdateJson,
} from './report-json.ts'
import { type ReportFault, type VerifyReportOptions, verifyReport } from './verify-report.ts'

export interface FeedClientOptions {
  /** Checks every report; called anew for each, so that key and time are those of that moment. */
  readonly verify?: () => VerifyReportOptions
  /** For one request, and for a stream to begin. */
  readonly timeoutMs?: number
  /** A stream that says nothing for this long is opened again; aggregators send something every 15 s. */
  readonly silenceMs?: number
  /** The pause before a broken stream is opened again; doubles up to 32 times as much while that fails. */
  readonly retryMs?: number
}

export interface PageOptions {
  readonly limit?: number
  /** Only rounds below it, newest first. */
  readonly before?: number
  /** Only rounds above it, oldest first. */
  readonly after?: number
}

export interface StreamOptions {
  /** Begins with the first report above this round; without it, with the next one that is certified. */
  readonly after?: number
  readonly signal?: AbortSignal
}

export type FeedEvent =
  | { readonly type: 'report'; readonly report: ReportJson }
  | { readonly type: 'update'; readonly update: UpdateJson }
  /** Reports between are no longer there. */
  | { readonly type: 'gap'; readonly gap: GapJson }

export interface FeedClient {
  readonly url: string
  /** @throws {ProblemError} `NO_REPORT_YET` while nothing has been certified */
  latest(signal?: AbortSignal): Promise<ReportJson>
  /** @throws {ProblemError} `NOT_CERTIFIED`, `NOT_KEPT` */
  byRound(round: number, signal?: AbortSignal): Promise<ReportJson>
  /** At most `limit` reports, in order and within the bounds; fewer do not mean that it is the last page. */
  page(options?: PageOptions, signal?: AbortSignal): Promise<ReportPage>
  /** Page after page, until there is none. */
  pages(options?: PageOptions, signal?: AbortSignal): AsyncGenerator<ReportPage>
  /**
   * Every report above `after`, once and in order, through broken connections and restarts of the aggregator. Ends when
   * the signal aborts; throws {@link ProblemError} when the aggregator refuses for good.
   */
  stream(options?: StreamOptions): AsyncGenerator<FeedEvent>
}

/** An aggregator served something that does not hold. Another one may do better. */
export class UnverifiedReportError extends Error {
  readonly code: ReportFault
  readonly report: ReportJson
  constructor(code: ReportFault, sentence: string, report: ReportJson) {
    super(`the report of round ${report.round} cannot be believed: ${sentence}`)
    this.name = 'UnverifiedReportError'
    this.code = code
    this.report = report
  }
}

const TIMEOUT_MS = 10_000
const SILENCE_MS = 45_000
const RETRY_MS = 250
const MAX_BACKOFF = 32
/** A page of 300 reports of 128 members with a quote each. */
const MAX_PAGE_BYTES = 32 * 1024 * 1024

/** Every method throws {@link ProblemError} as all clients here do, and {@link UnverifiedReportError} with `verify`. */
export function createFeedClient(url: string, options: FeedClientOptions = {}): FeedClient {
  const target: HttpTarget = { url: url.replace(/\/+$/, ''), timeoutMs: options.timeoutMs ?? TIMEOUT_MS }

  const checked = (report: ReportJson): ReportJson => {
    if (options.verify === undefined) return report
    const result = verifyReport(report, options.verify())
    if (!result.ok) throw new UnverifiedReportError(result.reason, result.sentence, report)
    return report
  }
  const get = async (path: string, signal: AbortSignal | undefined): Promise<unknown> =>
    requestJson(target, { method: 'GET', path, signal, maxBytes: MAX_PAGE_BYTES })
  const one = async (path: string, signal: AbortSignal | undefined): Promise<ReportJson> => {
    const value = await get(path, signal)
    return checked(parseAnswer(() => readReport(value)))
  }
  const byRound = async (round: number, signal: AbortSignal | undefined): Promise<ReportJson> => {
    const report = await one(`/v1/reports/${round}`, signal)
    return parseAnswer(() => {
      if (report.round !== round) throw new TypeError(`it is of round ${report.round}, not of ${round}`)
      return report
    })
  }
  const pageAt = async (asked: PageOptions, signal: AbortSignal | undefined): Promise<ReportPage> => {
    const value = await get(pathOf(asked), signal)
    const page = parseAnswer(() => pageAsAsked(readPage(value), asked))
    page.reports.forEach(checked)
    return page
  }
  const pages = async function* (
    pageOptions: PageOptions = {},
    signal?: AbortSignal,
  ): AsyncGenerator<ReportPage> {
    let asked: PageOptions | undefined = pageOptions
    while (asked !== undefined) {
      const page: ReportPage = await pageAt(asked, signal)
      yield page
      const last: number | undefined = page.reports.at(-1)?.round
      // Where to go on is known here: whatever an aggregator calls the next page, each begins where one has ended.
      if (page.next === undefined || last === undefined) return
      asked = asked.after === undefined ? { ...asked, before: last } : { ...asked, after: last }
    }
  }
  const stream = async function* ({ after, signal }: StreamOptions = {}): AsyncGenerator<FeedEvent> {
    let cursor = after
    let failures = 0
    const aborted = (): boolean => signal?.aborted === true
    while (!aborted()) {
      try {
        for await (const event of connection(target, cursor, options.silenceMs ?? SILENCE_MS, signal)) {
          failures = 0
          if (event.type === 'begin') {
            // A place to begin for who has none. Nobody is moved by it.
            cursor ??= event.after
            continue
          }
          if (event.type === 'report') {
            // An aggregator that repeats itself or goes back is not followed there.
            if (cursor !== undefined && event.report.round <= cursor) continue
            checked(event.report)
            cursor = event.report.round
          }
          yield event
        }
      } catch (error) {
        if (aborted()) return
        if (!(error instanceof ProblemError) || !error.retryable) throw error
      }
      const backoff = Math.min(2 ** failures, MAX_BACKOFF)
      failures += 1
      await pause((options.retryMs ?? RETRY_MS) * backoff, signal)
    }
  }

  return {
    url: target.url,
    latest: signal => one('/v1/reports/latest', signal),
    byRound: (round, signal) => byRound(round, signal),
    page: (pageOptions = {}, signal) => pageAt(pageOptions, signal),
    pages,
    stream,
  }
}

const NEXT_PATH = /^\/v1\/reports\?[\w=&]*$/

/** @throws {TypeError} when it is another page than was asked for */
function pageAsAsked(page: ReportPage, { limit, before, after }: PageOptions): ReportPage {
  const { reports, next } = page
  if (limit !== undefined && reports.length > limit) throw new TypeError('more reports than were asked for')
  let last = after ?? before
  for (const { round } of reports) {
    const inOrder = last === undefined || (after === undefined ? round < last : round > last)
    if (!inOrder) throw new TypeError(`round ${round} is not where it belongs`)
    if (before !== undefined && round >= before) throw new TypeError(`round ${round} was not asked for`)
    last = round
  }
  if (next !== undefined && !NEXT_PATH.test(next)) throw new TypeError('the next page is none of this feed')
  if (next !== undefined && reports.length === 0) throw new TypeError('an empty page has no next one')
  return page
}

function pathOf(options: PageOptions): string {
  const query = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  return query.length === 0 ? '/v1/reports' : `/v1/reports?${query.join('&')}`
}

/** Where a stream begins that was told nothing: known even if it breaks before its first report. */
interface Begin {
  readonly type: 'begin'
  readonly after: number
}

/** One connection. Ends when the other side ends it; every other end is a {@link ProblemError}. */
async function* connection(
  { url, timeoutMs }: HttpTarget,
  after: number | undefined,
  silenceMs: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<FeedEvent | Begin> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), timeoutMs)
  try {
    const response = await fetch(`${url}/v1/stream${after === undefined ? '' : `?after=${after}`}`, {
      redirect: 'error',
      headers: { accept: 'text/event-stream' },
      signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok) throw problemOf(response.status, (await response.text()).slice(0, MAX_PROBLEM_CHARS))
    const heard = async function* (body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
      const decoder = new TextDecoder()
      for await (const bytes of body) {
        clearTimeout(timer)
        yield decoder.decode(bytes, { stream: true })
        // What the reader takes for an event is not the aggregator's silence.
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), silenceMs)
      }
    }
    if (response.body === null) return
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), silenceMs)
    for await (const wire of readEvents(heard(response.body))) {
      const read = parseAnswer(() => readEvent(wire))
      if (read === 'end') return
      if (read !== undefined) yield read
    }
  } catch (error) {
    if (error instanceof ProblemError) throw error
    signal?.throwIfAborted()
    const code = silence.signal.aborted ? 'TIMEOUT' : 'UNREACHABLE'
    throw new ProblemError('the stream is broken', { code, status: 0 }, error)
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

/** Undefined for events that this client does not know: later ones may be added. */
function readEvent({ event, id, data }: WireEvent): FeedEvent | Begin | 'end' | undefined {
  if (data === undefined)
    return id === undefined ? undefined : { type: 'begin', after: countField({ id: Number(id) }, 'id') }
  if (event === 'report') return { type: 'report', report: readReport(JSON.parse(data)) }
  if (event === 'update') return { type: 'update', update: readUpdate(JSON.parse(data)) }
  if (event === 'gap') return { type: 'gap', gap: readGap(JSON.parse(data)) }
  return event === 'end' ? 'end' : undefined
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
