/**
 * A certified report as it is served to people and programs. Prices are decimal strings, once as whole units of
 * 10^-18 USD, which is what is signed, and once in dollars, for people. Everything that a check without a network needs
 * stands in it; what it says of itself beside `word` and `certificate` is there to be compared, not believed.
 */
import { type Address, bytesOf, type Hash, hexOf } from './bytes.ts'
import { type CertifiedReport, encodeCertifiedReport } from './certificate.ts'
import type { Domain } from './domain.ts'
import type { SignedQuote } from './quote.ts'
import { unpackReport, wordHex } from './report.ts'
import { formatDecimal } from './units.ts'

/** The network whose members signed: part of every digest. */
export interface DomainJson {
  readonly chainId: number
  /** Lower case. */
  readonly registry: string
}

export interface QuoteJson {
  readonly slot: number
  readonly price: string
  readonly confidenceBps: number
  readonly observedAt: number
  readonly sourcesRoot: string
  readonly signature: string
}

export interface ReportJson {
  /** Start of the round, deciseconds since 1970. */
  readonly round: number
  readonly domain: DomainJson
  readonly feedId: string
  readonly keyEpoch: number
  /** What is certified: price, confidence, time and round in one word of 32 bytes. */
  readonly word: string
  /** Units of 10^-18 USD, in decimal digits. */
  readonly price: string
  /** The same in USD, such as "2.461955". */
  readonly priceUsd: string
  readonly confidenceBps: number
  /** Unix seconds. */
  readonly observedAt: number
  readonly certificate:
    | { readonly kind: 'group'; readonly r: string; readonly s: string }
    | { readonly kind: 'quorum'; readonly signatures: readonly string[] }
  /** x coordinate of the group key of `keyEpoch`; its y is even. To be compared with the registry's. */
  readonly groupKeyX: string
  /** Canonical bytes of report and certificate, for tools that check them offline. */
  readonly bytes: string
  /** Index of the aggregator that proposed it. */
  readonly proposer: number
  /** Slots of the members whose shares or signatures are in the certificate. */
  readonly signers: readonly number[]
  /** The quotes that the one who serves this holds of the round: nobody certifies this list. */
  readonly quotes: readonly QuoteJson[]
  /** From the start of the round's slot to the certificate, on the clock of who serves this. */
  readonly latencyMs: number
  readonly onChain: boolean
}

export function domainJson(domain: Domain): DomainJson {
  return { chainId: domain.chainId, registry: domain.registry.toLowerCase() }
}

export interface ReportDetails {
  readonly domain: Domain
  readonly groupKeyX: bigint
  readonly proposer: number
  readonly signers: readonly number[]
  readonly quotes: readonly SignedQuote[]
  readonly latencyMs: number
}

export function reportJson(report: CertifiedReport, details: ReportDetails): ReportJson {
  const { price, confidence, observedAt, round } = unpackReport(report.word)
  const { certificate } = report
  return {
    round,
    domain: domainJson(details.domain),
    feedId: report.feedId,
    keyEpoch: report.keyEpoch,
    word: wordHex(report.word),
    price: price.toString(),
    priceUsd: formatDecimal(price),
    confidenceBps: confidence,
    observedAt,
    certificate:
      certificate.kind === 'group'
        ? { kind: 'group', r: certificate.signature.r, s: wordHex(certificate.signature.s) }
        : { kind: 'quorum', signatures: certificate.signatures.map(hexOf) },
    groupKeyX: wordHex(details.groupKeyX),
    bytes: hexOf(encodeCertifiedReport(report)),
    proposer: details.proposer,
    signers: details.signers,
    quotes: details.quotes.map(({ quote, slot, signature }) => ({
      slot,
      price: quote.price.toString(),
      confidenceBps: quote.confidence,
      observedAt: quote.observedAt,
      sourcesRoot: quote.sourcesRoot,
      signature: hexOf(signature),
    })),
    latencyMs: details.latencyMs,
    onChain: false,
  }
}

/** What is certified, from a report whose shape has been checked: the inverse of {@link reportJson}. */
export function certifiedReportOf({
  keyEpoch,
  feedId,
  word,
  certificate,
}: Pick<ReportJson, 'keyEpoch' | 'feedId' | 'word' | 'certificate'>): CertifiedReport {
  return {
    keyEpoch,
    feedId: feedId as Hash,
    word: BigInt(word),
    certificate:
      certificate.kind === 'group'
        ? { kind: 'group', signature: { r: certificate.r as Address, s: BigInt(certificate.s) } }
        : { kind: 'quorum', signatures: certificate.signatures.map(bytesOf) },
  }
}
