/**
 * Venues that send what no venue should, one kind of it each, while another streams as it should. Says `still streaming`
 * when the good one has gone on through all of it.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { FORMATS } from '../../../devnet/venues/formats/index.ts'
import { createVenueSimulator } from '../../../devnet/venues/simulator.ts'
import { createExchange, VenueError } from '../../../oracle-node/sources/exchange.ts'
import { systemClock } from '../../../runtime/clock.ts'

const SYMBOL = 'IO/USDT'
const quote = { bid: '2', ask: '2', last: '2', bidSize: '1', askSize: '1', volume: '1' }
const options = { timeoutMs: 1_000, clock: systemClock, pairs: [SYMBOL] }

const simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'hostile', clock: systemClock })
await simulator.start(new AbortController().signal)
const good = createExchange('okx', { ...options, endpoint: `http://127.0.0.1:${simulator.port}` })
await good.loadMarkets()
await good.watch(SYMBOL)

const GARBAGE = [
  '{',
  'null',
  '[]',
  '[null]',
  '7',
  '"x"',
  '\u0000',
  '{"data":null}',
  '{"e":{},"s":[],"c":{"a":1}}',
]
/** What a client gets instead of prices. */
const KINDS: Record<string, (client: WebSocket) => void> = {
  garbage: client => GARBAGE.forEach(frame => void client.send(frame)),
  bytes: client => client.send(Buffer.from([0xff, 0x00, 0x1f, 0x8b])),
  'half open': client => client.pause(),
  reset: client => client.terminate(),
}

/** With tickers and with a book of ours. */
const VENUES = ['binance', 'bybit', 'gate'] as const
for (const [kind, attack] of Object.entries(KINDS)) {
  for (const venue of VENUES) {
    const server = createServer((request, response) => {
      const path = (request.url ?? '').replace(/^\/[a-z]+\/[^/]+/, '').replace(/\?.*$/, '')
      const view = { nowMs: Date.now(), listings: FORMATS[venue].listings, quote: () => quote }
      const asked = { path, query: new URLSearchParams(), method: 'GET', body: '', wsOrigin: '' }
      const answer = FORMATS[venue].rest(asked, view)
      response.writeHead(answer?.status ?? 404, { 'content-type': 'application/json' })
      // A ticker that never ends.
      if (path.includes('ticker')) response.write('{"data":['.padEnd(2_000_000, '0'))
      else response.end(JSON.stringify(answer?.body ?? {}))
    })
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', client => {
      client.on('error', () => {})
      client.on('message', () => attack(client))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const exchange = createExchange(venue, { ...options, endpoint })
    await exchange.loadMarkets()
    const outcomes = Promise.all([
      exchange.watch(SYMBOL).then(said, said),
      exchange.fetch(SYMBOL).then(said, said),
    ])
    await systemClock.sleep(250)
    await good.watch(SYMBOL)
    await exchange.close()
    process.stdout.write(`${kind} ${venue}: ${(await outcomes).join(', ')}\n`)
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}
await good.watch(SYMBOL)
await good.close()
await simulator.stop()
process.stdout.write('still streaming\n')

function said(outcome: unknown): string {
  return outcome instanceof VenueError ? outcome.code : 'a value'
}
