import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { WebSocket } from 'ws'
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from '../../../cli/lean-memory.ts'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'
import { type OddVenues, startOddVenues } from '../../support/sources/odd-venues.ts'

const MEGABYTE = 1_000_000
const BOMB_MB = 200
/** Two hundred megabytes unfolded, and two hundred kilobytes as they come. */
const BOMB = gzipSync(Buffer.alloc(BOMB_MB * MEGABYTE, ' '))
const CHUNK = Buffer.alloc(MEGABYTE, ' ')
/** Tickers of as many markets that nobody asked for, and how long each is. */
const STRANGERS = 6_000
const STRANGER_BYTES = 50_000

/** Each unfolds to 200 kB, of a kilobyte as it comes, and takes long to read. */
const FOLDED = gzipSync(`{"a":[${'[],'.repeat(66_000)}0]}`)
const MANY = 20_000
/** All that comes at once of a stream, parsed on a busy machine; unbounded, each flood takes many seconds. */
const MAX_FLOOD_CPU_MS = 2_500

/** Less than what ccxt's client refuses by itself. */
const LONG_FRAME_MB = 80

/** What the process may take more at its worst. */
const MAX_GROWN_MB = 160

/** What the process says of one attack. */
interface Attack {
  readonly way: string
  readonly venue: string
  readonly outcome: string
  readonly grownMb: number
  readonly cpuMs: number
}

const isTicker = (path: string): boolean => /ticker|detail\/merged/.test(path)
const isMarkets = (path: string): boolean => /instruments|currency_pairs/.test(path)

describe('venues that send far more than a price takes', function () {
  this.timeout(120_000)
  let simulator: VenueSimulator
  let venues: OddVenues
  let child: Spawned | undefined

  before(async () => {
    simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'bombs', clock: systemClock })
    await simulator.start(new AbortController().signal)
    venues = await startOddVenues({
      'zipped-frame': { stream: (_, client) => client.send(BOMB) },
      'deflated-frame': { stream: (_, client) => sendInParts(client, true) },
      'long-frame': { stream: (_, client) => sendInParts(client, false) },
      'zipped-ticker': { rest: (_, path, response) => isTicker(path) && answerZipped(response) },
      'long-ticker': { rest: (_, path, response) => isTicker(path) && answerAtLength(response) },
      'zipped-markets': { rest: (_, path, response) => isMarkets(path) && answerZipped(response) },
      'many-markets': { rest: (_, path, response) => isMarkets(path) && answerWithMany(response) },
      'many-zipped-frames': { stream: (_, client) => sendMany(client, FOLDED) },
      'many-short-frames': { stream: (_, client) => sendMany(client, '{}') },
      'many-pings': { stream: (_, client) => pingOften(client) },
      'strange-markets': { stream: (_, client) => sendStrangers(client) },
    })
  })
  after(async () => {
    child?.process.kill('SIGKILL')
    await venues?.stop()
    await simulator?.stop()
  })

  it('are cut off, while the process stays small and another venue goes on', async () => {
    const good = `http://127.0.0.1:${simulator.port}`
    // Started as a node starts itself.
    const lean = { ...LEAN_ENVIRONMENT, NODE_OPTIONS: LEAN_FLAGS.join(' ') }
    child = spawnNode('test/support/sources/bomb-process.ts', [good, venues.endpoint('').slice(0, -1)], lean)
    expect(await child.ended, child.stderr()).to.equal(0)
    expect(child.stderr()).to.equal('')
    process.stdout.write(child.stdout())
    const lines = child.stdout().trimEnd().split('\n')
    const { longestGapMs, updates } = JSON.parse(lines.pop() ?? '')
    const attacks = lines.map(line => JSON.parse(line) as Attack)
    expect(attacks.map(({ way, venue, outcome }) => `${way} ${venue} ${outcome}`)).to.deep.equal([
      'zipped-frame htx NETWORK',
      'zipped-frame bingx NETWORK',
      'zipped-frame coinex NETWORK',
      'deflated-frame binance NETWORK',
      'deflated-frame gate NETWORK',
      'long-frame binance NETWORK',
      'long-frame gate NETWORK',
      'zipped-ticker htx BAD_ANSWER',
      'zipped-ticker okx BAD_ANSWER',
      'long-ticker okx BAD_ANSWER',
      'long-ticker gate BAD_ANSWER',
      'strange-markets binance BAD_ANSWER',
      'zipped-markets okx BAD_ANSWER',
      'zipped-markets gate BAD_ANSWER',
      'many-markets okx BAD_ANSWER',
      'many-markets gate BAD_ANSWER',
      'many-zipped-frames htx BAD_ANSWER',
      'many-zipped-frames bingx BAD_ANSWER',
      'many-zipped-frames coinex BAD_ANSWER',
      'many-short-frames binance BAD_ANSWER',
      'many-short-frames gate BAD_ANSWER',
      'many-pings binance BAD_ANSWER',
    ])
    for (const { way, venue, grownMb, cpuMs } of attacks) {
      if (way.startsWith('many')) expect(cpuMs, `${way} ${venue}`).to.be.below(MAX_FLOOD_CPU_MS)
      expect(grownMb, `${way} ${venue}`).to.be.below(MAX_GROWN_MB)
    }
    expect(updates).to.be.at.least(2 * lines.length)
    // It says something every 300 ms; the machine may be busy.
    expect(longestGapMs).to.be.below(5_000)
  })
})

/** One message of {@link LONG_FRAME_MB} megabytes. */
function sendInParts(client: WebSocket, compress: boolean): void {
  for (let part = 1; part <= LONG_FRAME_MB; part += 1) {
    client.send(CHUNK, { binary: false, compress, fin: part === LONG_FRAME_MB }, () => {})
  }
}

function answerZipped(response: ServerResponse): true {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  response.end(BOMB)
  return true
}

/** A short list of more markets than any venue has, in the form of either. */
function answerWithMany(response: ServerResponse): true {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(Array.from({ length: MANY }, (_, nth) => ({ id: `X${nth}_USDT` }))))
  return true
}

function sendMany(client: WebSocket, frame: string | Uint8Array): void {
  for (let nth = 0; nth < MANY; nth += 1) client.send(frame)
}

function pingOften(client: WebSocket): void {
  for (let nth = 0; nth < MANY; nth += 1) client.ping()
}

function answerAtLength(response: ServerResponse): true {
  response.writeHead(200, { 'content-type': 'application/json' })
  const more = (left: number): void => {
    if (left > 0 && !response.destroyed) response.write(CHUNK, () => more(left - 1))
  }
  more(BOMB_MB)
  return true
}

const PADDING = 'x'.repeat(STRANGER_BYTES)

/** Tickers of markets that are not the plan's, then one that is. */
function sendStrangers(client: WebSocket): void {
  const tickerOf = (symbol: string): string =>
    JSON.stringify({ e: '24hrTicker', E: Date.now(), s: symbol, b: '2', a: '2', c: '2', v: '1', p: PADDING })
  const more = (nth: number): void => {
    if (nth === STRANGERS) client.send(tickerOf('IOUSDT'))
    else client.send(tickerOf(`S${nth}USDT`), () => more(nth + 1))
  }
  more(0)
}
