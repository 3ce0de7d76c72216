import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { READ } from '../../../dashboard/src/data/chain-reader.ts'
import { eventTopic, selectorOf } from '../../../dashboard/src/data/rpc.ts'
import type { Address } from '../../../protocol/bytes.ts'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'
import { ECONOMY_CONTRACTS, FakeEconomy, type FakeEpoch, type FakeLog, GENESIS, WORKERS } from './economy.ts'
import { dataWord, FEED_ID, KEY_EPOCH, TestNetwork } from './test-network.ts'

const CONTRACTS = {
  io: `0x${'a1'.repeat(20)}`,
  iosd: `0x${'a2'.repeat(20)}`,
  oracleRegistry: `0x${'a3'.repeat(20)}`,
  priceFeed: `0x${'a4'.repeat(20)}`,
  burner: `0x${'a5'.repeat(20)}`,
} as const
const KEPT_REPORTS = 1_000

/** Places of the servers in the list of ports. */
const RELAYER = 4
const GATEWAY = 5

interface Log extends FakeLog {
  blockNumber: string
  logIndex: string
}

/**
 * Everything the page talks to, in one process and on loopback: page server, two aggregators, a chain that is
 * some numbers and a list of logs, and, with an economy, a relayer and a gateway. Rounds, updates, burns and epochs
 * happen when the test says so.
 */
export class PageServer {
  readonly network: TestNetwork
  readonly reports: ReportJson[] = []
  burned = 0n
  iosd = 0n
  /** What the relayer answers; figures as decimal strings. */
  epochs: Record<string, unknown>[] = []
  stats = {
    usageRecordsAccepted: 0,
    batchesAccepted: 0,
    holdsAccepted: 0,
    receipts: 0,
    commitments: 0,
    windows: 0,
  }
  readonly economy: FakeEconomy | null
  readonly clock = { startSec: Math.floor(Date.now() / 1000) - 5, lengthSec: 40 }
  #block = 100
  #word = 0n
  #logs: Log[] = []
  readonly #folder: string
  readonly #venues: 'live' | 'simulated'
  readonly #streams: Set<ServerResponse>[] = [new Set(), new Set()]
  readonly #servers: (Server | null)[] = []
  readonly #ports: number[] = []

  constructor(
    folder: string,
    options: { nodes: number; venues: 'live' | 'simulated'; economy?: boolean; startedSec?: number },
  ) {
    this.#folder = folder
    this.economy = options.economy === true ? new FakeEconomy() : null
    this.clock.startSec -= options.startedSec ?? 0
    this.#venues = options.venues
    this.network = new TestNetwork(options.nodes, { chainId: 31337, registry: CONTRACTS.oracleRegistry })
    this.#logs.push({
      address: CONTRACTS.oracleRegistry,
      blockNumber: '0x5',
      logIndex: '0x0',
      topics: [eventTopic(READ.groupKeyRotated), `0x${dataWord(BigInt(KEY_EPOCH))}`],
      data: `0x${dataWord(this.network.groupKeyX)}`,
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports[0]}`
  }

  async start(): Promise<void> {
    await this.#listen(0, (request, response) => void this.#page(request, response))
    await this.#listen(1, (request, response) => void this.#chain(request, response))
    await this.startAggregator(0)
    await this.startAggregator(1)
    if (this.economy === null) return
    this.#log(this.economy.modelRegistered())
    await this.startRelayer()
    await this.#listen(GATEWAY, (_request, response) => json(response, { object: 'list', data: [] }))
  }

  async stop(): Promise<void> {
    for (const index of this.#servers.keys()) await this.#close(index)
  }

  async startAggregator(index: 0 | 1): Promise<void> {
    await this.#listen(2 + index, (request, response) => this.#aggregator(index, request, response))
  }

  /** The aggregator is gone: its port is closed and every stream breaks. */
  async stopAggregator(index: 0 | 1): Promise<void> {
    await this.#close(2 + index)
  }

  async startRelayer(): Promise<void> {
    await this.#listen(RELAYER, (request, response) => this.#relayer(request, response))
  }

  async stopRelayer(): Promise<void> {
    await this.#close(RELAYER)
  }

  /** The next epoch is settled on chain, and the relayer tells of it. Returns what it tells: a test may change it. */
  settle(epoch: FakeEpoch, told: Record<string, unknown> = {}): Record<string, unknown> {
    if (this.economy === null) throw new Error('this network has no economy')
    const { number, report, logs } = this.economy.settle(epoch)
    this.#block++
    for (const log of logs) this.#log(log)
    const endSec = this.clock.startSec + (number + 1) * this.clock.lengthSec
    const at = (phase: string, afterSec: number) => ({ phase, atSec: endSec + afterSec })
    const json = {
      ...this.openEpoch(number),
      phase: 'final',
      bundleHash: report['bundleHash'],
      bundleBytes: 48_211,
      priceUsd: '2.4137',
      recordsAccepted: 214,
      recordsCounted: 211,
      inferencesPaid: 37,
      workers: 3,
      scheduledWei: String(epoch.scheduled),
      netWei: String(epoch.net),
      releasedWei: '0',
      hiredPaidWei: String(epoch.hired),
      availabilityPaidWei: String(epoch.availability),
      debitIoWei: String(epoch.debitIo),
      debitIosdWei: String(epoch.debitIosd),
      reserveWei: String(this.economy.reserve),
      rewardRoot: report['rewardRoot'],
      debitRoot: report['debitRoot'],
      certificate: 'group',
      txHash: `0x${'7d'.repeat(32)}`,
      settledAtSec: endSec + 9,
      steps: [
        { phase: 'open', atSec: endSec - this.clock.lengthSec },
        at('sealed', 6),
        at('computed', 6),
        at('published', 7),
        at('certified', 8),
        at('active', 9),
        at('final', 10),
      ],
      ...told,
    }
    this.epochs = [json, ...this.epochs.filter(other => other['epoch'] !== number)]
    return json
  }

  /** What a relayer tells of an epoch that runs. */
  openEpoch(number: number): Record<string, unknown> {
    const startSec = this.clock.startSec + number * this.clock.lengthSec
    return {
      epoch: number,
      phase: 'open',
      attempt: 0,
      startSec,
      endSec: startSec + this.clock.lengthSec,
      ...Object.fromEntries(UNKNOWN.map(name => [name, null])),
      recordsAccepted: 96,
      steps: [{ phase: 'open', atSec: startSec }],
      refusals: [],
    }
  }

  claim(account: Address): void {
    if (this.economy === null) throw new Error('this network has no economy')
    this.#block++
    this.#log(this.economy.claim(account))
  }

  #log(log: FakeLog): void {
    this.#logs.push({
      ...log,
      blockNumber: `0x${this.#block.toString(16)}`,
      logIndex: `0x${this.#logs.length.toString(16)}`,
    })
  }

  /** A certified round, stored and streamed. */
  certify(
    round: number,
    prices: readonly (bigint | null)[],
    overrides: Parameters<TestNetwork['certify']>[2] = {},
  ): ReportJson {
    const report = this.network.certify(round, prices, overrides)
    this.reports.unshift(report)
    this.reports.length = Math.min(this.reports.length, KEPT_REPORTS)
    this.#send('report', report)
    return report
  }

  /** The newest report reaches the chain. */
  update(): void {
    const [report] = this.reports
    if (report === undefined) return
    this.#block++
    this.#word = BigInt(report.word)
    this.reports[0] = { ...report, onChain: true }
    this.#send('update', { round: report.round, txHash: `0x${'7c'.repeat(32)}`, price: report.price })
  }

  /** Burns at the price on chain; `error` is added to the IOSD made. */
  burn(io: bigint, error = 0n): void {
    const price = (this.#word >> 176n) as Price
    const iosd = iosdForIo(io as Wei, price) + error
    this.#block++
    this.burned += io
    this.iosd += iosd
    this.#log({
      address: CONTRACTS.burner,
      topics: [eventTopic(READ.burned), `0x${'00'.repeat(12)}${'c4'.repeat(20)}`, `0x${dataWord(4n)}`],
      data: `0x${[io, iosd, price, this.#word & ((1n << 40n) - 1n)].map(dataWord).join('')}`,
    })
  }

  #send(event: string, data: unknown): void {
    for (const stream of this.#streams.flatMap(set => [...set])) {
      stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    }
  }

  async #page(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname
    if (path === '/page.json') {
      const base = (index: number) => `http://127.0.0.1:${this.#ports[index]}`
      return json(response, {
        chainId: 31337,
        rpcUrl: base(1),
        contracts: this.economy === null ? CONTRACTS : { ...CONTRACTS, ...ECONOMY_CONTRACTS },
        ...(this.economy === null
          ? {}
          : { relayer: base(RELAYER), gateway: base(GATEWAY), epochs: this.clock }),
        feed: 'IO/USD',
        feedId: FEED_ID,
        roundMs: 1000,
        venues: this.#venues,
        aggregators: [base(2), base(3)],
        oracles: this.network.addresses.map((address, slot) => ({
          slot,
          address,
          name: `oracle-${slot}`,
          url: '',
        })),
      })
    }
    try {
      const file = await readFile(join(this.#folder, normalize(path === '/' ? '/index.html' : path)))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/html' }).end(file)
    } catch {
      response.writeHead(404).end()
    }
  }

  #aggregator(index: 0 | 1, request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url)
    if (url.pathname === '/v1/reports')
      json(response, { reports: this.reports.slice(0, Number(url.searchParams.get('limit'))), next: null })
    else if (url.pathname === '/v1/stream') this.#stream(index, response)
    else response.writeHead(404, CORS).end()
  }

  #relayer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '/', this.url).pathname
    const account = this.economy?.account(path.replace('/v1/accounts/', ''))
    if (path === '/v1/epochs') json(response, { epochs: this.epochs })
    else if (path === '/v1/workers') json(response, { workers: this.#workers() })
    else if (path === '/v1/stats') json(response, this.stats)
    else if (account !== undefined) json(response, account)
    else response.writeHead(404, CORS).end()
  }

  #workers(): unknown[] {
    return WORKERS.map((worker, index) => ({
      worker,
      devices: 1 + index,
      records: 412 * (index + 1),
      products: 1_208 * (index + 1),
      earnedWei: String(this.economy?.earned(worker) ?? 0n),
    }))
  }

  #stream(index: 0 | 1, response: ServerResponse): void {
    response.writeHead(200, { ...CORS, 'content-type': 'text/event-stream' })
    response.write(': hello\n\n')
    const streams = this.#streams[index]
    streams?.add(response)
    response.on('close', () => streams?.delete(response))
  }

  async #chain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { ...CORS, 'access-control-allow-headers': 'content-type' }).end()
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const calls: { id: number; method: string; params: [{ to: string; data: string }] }[] = JSON.parse(
      Buffer.concat(chunks).toString(),
    )
    json(
      response,
      calls.map(({ id, method, params }) => ({
        jsonrpc: '2.0',
        id,
        result: this.#answer(method, params[0]),
      })),
    )
  }

  #answer(
    method: string,
    query: { to?: string; data?: string; address?: string | string[]; fromBlock?: string },
  ): unknown {
    if (method === 'eth_getBlockByNumber') {
      const timestamp = `0x${Math.floor(Date.now() / 1000).toString(16)}`
      return { number: `0x${this.#block.toString(16)}`, timestamp }
    }
    if (method === 'eth_getLogs') {
      return this.#logs.filter(
        log =>
          [query.address].flat().includes(log.address) && Number(log.blockNumber) >= Number(query.fromBlock),
      )
    }
    const said = this.economy?.call(query.to ?? '', query.data ?? '')
    if (said !== undefined) return said
    const minted = GENESIS + (this.economy?.scheduled ?? 0n) + (this.economy?.net ?? 0n)
    if (query.to === CONTRACTS.io) return `0x${dataWord(minted - this.burned)}`
    if (query.to === CONTRACTS.iosd) return `0x${dataWord(this.iosd)}`
    return query.data === selectorOf(READ.latestWord)
      ? `0x${dataWord(this.#word)}`
      : `0x${dataWord(this.burned)}`
  }

  async #listen(
    index: number,
    handler: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<void> {
    const server = createServer(handler)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#ports[index] ?? 0, '127.0.0.1', resolve)
    })
    this.#ports[index] = (server.address() as AddressInfo).port
    this.#servers[index] = server
  }

  async #close(index: number): Promise<void> {
    const server = this.#servers[index]
    this.#servers[index] = null
    if (server == null) return
    await new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
}

/** What is not known of an epoch while it runs. */
const UNKNOWN = [
  'bundleHash',
  'bundleBytes',
  'priceUsd',
  'recordsCounted',
  'inferencesPaid',
  'workers',
  'scheduledWei',
  'netWei',
  'releasedWei',
  'hiredPaidWei',
  'availabilityPaidWei',
  'debitIoWei',
  'debitIosdWei',
  'reserveWei',
  'rewardRoot',
  'debitRoot',
  'certificate',
  'txHash',
  'settledAtSec',
]

const CORS = { 'access-control-allow-origin': '*' }
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' }

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { ...CORS, 'content-type': 'application/json' }).end(JSON.stringify(body))
}
