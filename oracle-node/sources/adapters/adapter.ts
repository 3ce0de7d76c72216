/** What is used of a ccxt.pro instance, and nothing else. What it answers is hostile: it is what a venue sent. */

/** With `number: String` a price is a string; some adapters leave a JSON number as it is. */
export type Numeric = string | number | undefined

export interface AdapterTicker {
  /** What the adapter took it for a ticker of. */
  readonly symbol?: string | undefined
  readonly bid?: Numeric
  readonly ask?: Numeric
  readonly last?: Numeric
  readonly close?: Numeric
  readonly baseVolume?: Numeric
  readonly timestamp?: number | undefined
  /** Ours: SHA-256 of the bytes it was made from. */
  readonly frame?: Uint8Array | undefined
  /** Ours: when it was parsed. */
  readonly receivedAtMs?: number | undefined
}

/** A message as ccxt parsed it: JSON, or text that is not. */
export type StreamMessage = Readonly<Record<string, unknown>>

/** A ccxt WebSocket connection. */
export interface StreamClient {
  readonly connection?: { readonly bufferedAmount?: number; terminate?: () => void }
  readonly rejections?: object
  readonly futures: object
  /** What ended it. */
  readonly error?: Error
  gunzip: boolean
  send(message: unknown): Promise<unknown>
  onMessage(event: { readonly data: unknown }): void
  onError(error: Error): void
  future(messageHash: string): unknown
  resolve(result: unknown, messageHash: string): unknown
  reject(error: unknown, messageHash?: string): unknown
  close(): unknown
  onClose(event: unknown): void
  onPing(): void
  onPong(): void
}

export interface Market {
  readonly id: string
  readonly symbol: string
  readonly base: string
  readonly quote: string
  readonly spot?: boolean
  readonly active?: boolean
  readonly info?: unknown
}

/** An answer of undici, headers read, body not. */
export interface RestBody extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown
}
export interface RestResponse {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: RestBody
}

export interface Adapter {
  readonly urls: { api: unknown }
  readonly hostname?: string
  readonly has: Record<string, unknown>
  readonly options: Record<string, unknown>
  readonly clients?: Record<string, StreamClient>
  /** The pool of its REST sockets, once there was a call. */
  readonly fetchDispatcher?: { destroy(): Promise<void> }
  /** What it remembers of streams, by symbol or account. */
  readonly tickers?: unknown
  readonly bidsasks?: unknown
  readonly orderbooks?: unknown
  readonly trades?: unknown
  readonly ohlcvs?: unknown
  readonly fundingRates?: unknown
  readonly balance?: unknown
  positions?: unknown
  orders?: unknown
  triggerOrders?: unknown
  myTrades?: unknown
  liquidations?: unknown
  myLiquidations?: unknown
  markets?: Readonly<Record<string, Market | undefined>>
  /** What it throws at which code or text of the venue. */
  readonly exceptions: { readonly exact: Record<string, unknown> }
  log: (...values: unknown[]) => void
  /** Unix ms of a date and time; undefined where there is none. */
  parse8601(text: unknown): number | undefined
  /** The body of an answer; undefined where it is not JSON. */
  parseJson(text: unknown): unknown
  /** What a number of decimals is as text: `0.01` of two. */
  parsePrecision(told: unknown): string | undefined
  integerPrecisionToAmount(told: unknown): string | undefined
  safeTicker(ticker: AdapterTicker, market?: unknown): AdapterTicker
  safeMarket(id: unknown, market: undefined, delimiter: undefined, type: string): { readonly symbol?: string }
  setMarkets(markets: unknown, currencies?: unknown): unknown
  client(url: string): StreamClient
  findMessageHashes(client: StreamClient, part: string): string[]
  handleMessage(client: StreamClient, message: StreamMessage): void
  handleOrderBook(client: StreamClient, message: StreamMessage): void
  loadOrderBook(...asked: unknown[]): Promise<void>
  handleSubscriptionStatus(client: StreamClient, message: StreamMessage): void
  fetch(url: string, ...rest: unknown[]): Promise<unknown>
  undiciBody(response: RestResponse, binary?: boolean): Promise<unknown>
  loadHttpProxyAgent(): Promise<unknown>
  loadFetchImplementation(): Promise<unknown>
  loadMarkets(): Promise<unknown>
  fetchMarkets(params?: object): Promise<unknown>
  fetchSpotMarkets(params?: object): Promise<unknown>
  fetchTicker(symbol: string): Promise<AdapterTicker>
  fetchTime(): Promise<number | undefined>
  watch(url: string, hash: string, message: unknown, subscribeHash: string): Promise<unknown>
  watchMultiple(url: string, hashes: string[], message: unknown, subscribeHashes: string[]): Promise<unknown>
  watchTicker(symbol: string, params?: object): Promise<AdapterTicker>
  watchBidsAsks(symbols: string[]): Promise<Record<string, AdapterTicker | undefined>>
  close(): Promise<void>
}

/** The member at a path of an adapter's tables; undefined when there is none. */
export function stringAt(node: unknown, ...path: string[]): string | undefined {
  let at = node
  for (const key of path) at = asRecord(at)[key]
  return typeof at === 'string' ? at : undefined
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
