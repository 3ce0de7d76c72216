/** Reports as an aggregator serves them, read from JSON. What they say is checked by `verify-report.ts`. */
import { MAX_MEMBERS } from '../protocol/quorum.ts'
import type { QuoteJson, ReportJson } from '../protocol/report-json.ts'
import {
  addressField,
  countField,
  hashField,
  hexField,
  integerField,
  type JsonObject,
  listField,
  objectOf,
  textField,
} from './json.ts'

/** A bound on what is remembered of an answer that is too long: far above any that is served. */
const MAX_PAGE = 1_000
/** The highest price has seven digits before the point and eighteen after it. */
const USD = /^\d{1,30}(\.\d{1,18})?$/

export interface ReportPage {
  readonly reports: readonly ReportJson[]
  /** Path of the next page; undefined when there is none now. */
  readonly next: string | undefined
  /** The oldest round that is kept there. */
  readonly oldest: number | undefined
}

/** An update of the price on chain. */
export interface UpdateJson {
  readonly round: number
  readonly txHash: string
  readonly price: string
}

/** Reports above `after` are no longer there; the next one is that of `oldest`. */
export interface GapJson {
  readonly after: number
  readonly oldest: number
}

/** @throws {TypeError} naming the first field that is missing or malformed */
export function readReport(value: unknown): ReportJson {
  const from = objectOf(value)
  const domain = objectOf(from['domain'])
  const priceUsd = textField(from, 'priceUsd')
  if (!USD.test(priceUsd)) throw new TypeError('priceUsd is no decimal number')
  return {
    round: countField(from, 'round'),
    domain: { chainId: countField(domain, 'chainId'), registry: addressField(domain, 'registry') },
    feedId: hashField(from, 'feedId'),
    keyEpoch: countField(from, 'keyEpoch'),
    word: hashField(from, 'word'),
    price: integerField(from, 'price').toString(),
    priceUsd,
    confidenceBps: countField(from, 'confidenceBps'),
    observedAt: countField(from, 'observedAt'),
    certificate: readCertificate(objectOf(from['certificate'])),
    groupKeyX: hashField(from, 'groupKeyX'),
    bytes: hexField(from, 'bytes'),
    proposer: countField(from, 'proposer'),
    signers: listField(from, 'signers', MAX_MEMBERS, count),
    quotes: listField(from, 'quotes', MAX_MEMBERS, readQuote),
    latencyMs: numberField(from, 'latencyMs'),
    onChain: flagField(from, 'onChain'),
  }
}

/** @throws {TypeError} */
export function readPage(value: unknown): ReportPage {
  const from = objectOf(value)
  return {
    reports: listField(from, 'reports', MAX_PAGE, readReport),
    next: from['next'] === null ? undefined : textField(from, 'next'),
    oldest: from['oldest'] === null ? undefined : countField(from, 'oldest'),
  }
}

/** @throws {TypeError} */
export function readUpdate(value: unknown): UpdateJson {
  const from = objectOf(value)
  return {
    round: countField(from, 'round'),
    txHash: hexField(from, 'txHash'),
    price: integerField(from, 'price').toString(),
  }
}

/** @throws {TypeError} */
export function readGap(value: unknown): GapJson {
  const from = objectOf(value)
  return { after: countField(from, 'after'), oldest: countField(from, 'oldest') }
}

function readCertificate(from: JsonObject): ReportJson['certificate'] {
  const kind = from['kind']
  if (kind === 'group') return { kind, r: addressField(from, 'r'), s: hashField(from, 's') }
  if (kind !== 'quorum') throw new TypeError('certificate.kind is none that is known')
  const signatures = listField(from, 'signatures', MAX_MEMBERS, item =>
    hexField({ signature: item }, 'signature', 64),
  )
  return { kind, signatures }
}

function readQuote(value: unknown): QuoteJson {
  const from = objectOf(value)
  return {
    slot: countField(from, 'slot'),
    price: integerField(from, 'price').toString(),
    confidenceBps: countField(from, 'confidenceBps'),
    observedAt: countField(from, 'observedAt'),
    sourcesRoot: hashField(from, 'sourcesRoot'),
    signature: hexField(from, 'signature', 64),
  }
}

function count(value: unknown): number {
  return countField({ value }, 'value')
}

function numberField(from: JsonObject, name: string): number {
  const value = from[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError(`${name} is no number`)
  return value
}

function flagField(from: JsonObject, name: string): boolean {
  const value = from[name]
  if (typeof value !== 'boolean') throw new TypeError(`${name} is neither true nor false`)
  return value
}
