/** A certified report as it is served to people and programs: JSON, amounts as decimal strings of 18 decimals. */
import { hexOf } from './bytes.ts'
import { type CertifiedReport, encodeCertifiedReport } from './certificate.ts'
import type { SignedQuote } from './quote.ts'
import { unpackReport, wordHex } from './report.ts'

export interface QuoteJson {
  readonly slot: number
  readonly price: string
  readonly confidenceBps: number
  readonly observedAt: number
  readonly sourcesRoot: string
  readonly signature: string
}

export interface ReportJson {
  /** Deciseconds. */
  readonly round: number
  readonly feedId: string
  readonly keyEpoch: number
  readonly word: string
  readonly price: string
  readonly confidenceBps: number
  /** Unix seconds. */
  readonly observedAt: number
  readonly certificate:
    | { readonly kind: 'group'; readonly r: string; readonly s: string }
    | { readonly kind: 'quorum'; readonly signatures: readonly string[] }
  readonly groupKeyX: string
  /** Canonical bytes of report and certificate, for tools that check them offline. */
  readonly bytes: string
  readonly proposer: number
  readonly signers: readonly number[]
  readonly quotes: readonly QuoteJson[]
  /** From the start of the round's slot to the certificate, on the clock of who serves this. */
  readonly latencyMs: number
  readonly onChain: boolean
}

export interface ReportDetails {
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
    feedId: report.feedId,
    keyEpoch: report.keyEpoch,
    word: wordHex(report.word),
    price: price.toString(),
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
