import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import type { JsonQuoteTrace } from '../../../protocol/sources/quote-trace.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { startTraceServer, type TraceServer } from '../../support/oracle-node/trace-server.ts'
import { tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { allVenues, NOW_MS } from '../../support/sources/build.ts'

describe('the traces that an oracle node serves', () => {
  let directory: TemporaryDirectory
  let server: TraceServer
  const first = tracedQuote()
  const last = tracedQuote({ nowMs: NOW_MS + 2_000, values: allVenues('2.6') })

  before(async () => {
    directory = temporaryDirectory()
    server = await startTraceServer(directory.path)
  })
  after(async () => {
    await server.stop()
    directory.remove()
  })

  const get = async (round: string | number) => {
    const response = await fetch(`${server.url}/v1/rounds/${round}/trace`)
    const header = (name: string) => response.headers.get(name)
    return {
      status: response.status,
      type: header('content-type'),
      cache: header('cache-control'),
      body: (await response.json()) as JsonQuoteTrace & Record<string, unknown>,
    }
  }

  it('are none at first', async () => {
    const { status, body } = await get(first.round)
    expect({ status, kept: body['kept'] }).to.deep.equal({ status: 404, kept: null })
  })

  it('are what the quote was made from, and may be kept for ever', async () => {
    await server.keep([first, last])
    for (const trace of [first, last]) {
      expect(await get(trace.round)).to.deep.equal({
        status: 200,
        type: 'application/json; charset=utf-8',
        cache: 'public, max-age=31536000, immutable',
        body: trace,
      })
    }
  })

  it('say which rounds there are when there is none of a round, which is not to be remembered', async () => {
    expect(await get(first.round + 10)).to.deep.equal({
      status: 404,
      type: 'application/problem+json; charset=utf-8',
      cache: 'no-store',
      body: {
        type: 'urn:ionet:problem:no-such-trace',
        title: 'this node has no trace of that round: it has not quoted in it, or no longer keeps it',
        status: 404,
        detail: 'this node has no trace of that round: it has not quoted in it, or no longer keeps it',
        code: 'NO_SUCH_TRACE',
        kept: { first: first.round, last: last.round },
      },
    })
  })

  it('are not there when what is on the disk is damaged, and are never half there', async () => {
    const damaged = tracedQuote({ nowMs: NOW_MS + 4_000 })
    await server.keep([damaged])
    const database = new Database(join(directory.path, 'traces.sqlite'))
    database
      .prepare('UPDATE traces SET body = substr(body, 1, length(body) - 20) WHERE round = ?')
      .run(damaged.round)
    database.close()
    const { status, type, cache, body } = await get(damaged.round)
    expect({ status, type, cache, code: body['code'] }).to.deep.equal({
      status: 404,
      type: 'application/problem+json; charset=utf-8',
      cache: 'no-store',
      code: 'NO_SUCH_TRACE',
    })
    expect((await get(last.round)).status).to.equal(200)
  })

  it('are of rounds only', async () => {
    for (const round of ['latest', '-1', '1.5', '1e3', '0x10', '1099511627776', '9'.repeat(40)]) {
      const { status, type, body } = await get(round)
      expect({ status, type, code: body['code'] }, round).to.deep.equal({
        status: 400,
        type: 'application/problem+json; charset=utf-8',
        code: 'BAD_ROUND',
      })
    }
    expect((await get('1099511627775')).status).to.equal(404)
  })

  it('are read so often and no more by one address', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 150 }, async () => (await get(first.round)).status),
    )
    const refused = statuses.filter(status => status === 429).length
    expect(refused).to.be.within(10, 149)
    expect(statuses.filter(status => status === 200)).to.have.length(150 - refused)
  })
})
