import type { Address, Hash, Hex } from '../../../protocol/bytes.ts'
import { unpackReport } from '../../../protocol/report.ts'
import type { Price } from '../../../protocol/units.ts'
import { type Fields, fieldsOf, WireError } from './fields.ts'

/** One node's signed quote inside a report. */
export interface Quote {
  slot: number
  price: Price
  confidenceBps: number
  /** Unix seconds. */
  observedAt: number
  sourcesRoot: Hash
  /** The node's identity signature, compact. */
  signature: Hex
}

export type Certificate =
  | { kind: 'group'; r: Address; s: bigint }
  /** Compact identity signatures. */
  | { kind: 'quorum'; signatures: Hex[] }

/** A certified price as an aggregator serves it. What the certificate covers is `word`; the rest explains it. */
export interface Report {
  /** Start of the round, deciseconds since 1970. */
  round: number
  feedId: Hash
  keyEpoch: number
  word: bigint
  price: Price
  confidenceBps: number
  /** Unix seconds. */
  observedAt: number
  certificate: Certificate
  groupKeyX: bigint
  /** Index of the aggregator that proposed it. */
  proposer: number
  signers: number[]
  quotes: Quote[]
  latencyMs: number
  onChain: boolean
}

/** The registry allows 128 members; a longer list is not from this protocol. */
const MAX_MEMBERS = 128

/**
 * Parses a report from outside. Price, confidence, times and round are taken from the signed word, and a
 * report that states something else beside it is refused: the page never shows what nobody signed.
 *
 * @throws {WireError} naming the first field that is missing, malformed or at odds with the word
 */
export function parseReport(value: unknown): Report {
  const fields = fieldsOf(value, 'report')
  const word = BigInt(fields.hex('word', 32))
  const signed = unpackReport(word)
  if (fields.count('round') !== signed.round) throw new WireError('report.round', 'what the word says')
  if (fields.units('price') !== signed.price) throw new WireError('report.price', 'what the word says')
  return {
    round: signed.round,
    feedId: fields.hex('feedId', 32),
    keyEpoch: fields.count('keyEpoch'),
    word,
    price: signed.price,
    confidenceBps: signed.confidence,
    observedAt: signed.observedAt,
    certificate: parseCertificate(fields.object('certificate')),
    groupKeyX: BigInt(fields.hex('groupKeyX', 32)),
    proposer: fields.count('proposer'),
    signers: fields.counts('signers', MAX_MEMBERS),
    quotes: fields.objects('quotes', MAX_MEMBERS).map(quote => ({
      slot: quote.count('slot'),
      price: quote.units('price') as Price,
      confidenceBps: quote.count('confidenceBps'),
      observedAt: quote.count('observedAt'),
      sourcesRoot: quote.hex('sourcesRoot', 32),
      signature: quote.hex('signature', 64),
    })),
    latencyMs: fields.duration('latencyMs'),
    onChain: fields.flag('onChain'),
  }
}

function parseCertificate(fields: Fields): Certificate {
  const kind = fields.text('kind')
  if (kind === 'group') return { kind, r: fields.hex('r', 20), s: BigInt(fields.hex('s', 32)) }
  if (kind !== 'quorum') throw new WireError('report.certificate.kind', '"group" or "quorum"')
  return { kind, signatures: fields.hexes('signatures', 64, MAX_MEMBERS) }
}

/** A report reached the chain. */
export interface Update {
  round: number
  txHash: string
}

/** @throws {WireError} */
export function parseUpdate(value: unknown): Update {
  const fields = fieldsOf(value, 'update')
  return { round: fields.count('round'), txHash: fields.hex('txHash', 32) }
}
