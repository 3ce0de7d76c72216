/** What consumers see: every certified report, stored, served and streamed. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { ReportJson } from '../../protocol/report-json.ts'
import type { Round } from '../../protocol/rounds.ts'
import type { Logger } from '../../runtime/logger.ts'
import { EventStream } from './event-stream.ts'
import type { ReportStore } from './report-store.ts'

/** Five minutes of one-second rounds. Rows are parsed on the thread that also runs rounds: a few milliseconds. */
const MAX_PAGE = 300
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
  before: z.coerce.number().int().min(0).optional(),
})
const roundParam = z.object({ round: z.coerce.number().int().min(0) })

/** An update that stands in a block. */
export interface OnChainUpdate {
  readonly round: Round
  readonly txHash: string
  readonly price: string
}

export class Feed {
  readonly #store: ReportStore
  readonly #stream: EventStream
  /** Counted, not asked of the database each time. */
  #count = 0

  constructor(store: ReportStore, logger: Logger) {
    this.#store = store
    this.#stream = new EventStream(logger)
    this.#count = store.count()
  }

  get reports(): number {
    return this.#count
  }

  start(): void {
    this.#stream.start()
  }

  stop(): void {
    this.#stream.stop()
  }

  publish(report: ReportJson): void {
    if (this.#store.byRound(report.round) !== undefined) return
    this.#store.add(report)
    this.#count += 1
    this.#stream.send('report', report.round, report)
  }

  updated(update: OnChainUpdate): void {
    this.#store.markOnChain(update.round)
    this.#stream.send('update', update.round, update)
  }

  routes(app: FastifyInstance): void {
    this.#stream.route(app, '/v1/stream')
    app.get('/v1/reports/latest', (_request, reply) => {
      const [latest] = this.#store.newest(1)
      return latest === undefined ? reply.code(404).send({ error: 'NO_REPORT_YET' }) : reply.send(latest)
    })
    app.get('/v1/reports', (request, reply) => {
      const query = pageQuery.safeParse(request.query)
      if (!query.success)
        return reply.code(400).send({ error: 'BAD_QUERY', detail: z.prettifyError(query.error) })
      return reply.send(this.#store.newest(query.data.limit, query.data.before))
    })
    app.get('/v1/reports/:round', (request, reply) => {
      const params = roundParam.safeParse(request.params)
      if (!params.success) return reply.code(400).send({ error: 'BAD_ROUND' })
      const report = this.#store.byRound(params.data.round)
      return report === undefined ? reply.code(404).send({ error: 'NOT_CERTIFIED' }) : reply.send(report)
    })
  }
}
