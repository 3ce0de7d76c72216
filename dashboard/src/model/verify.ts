import { bytesOf } from '../../../protocol/bytes.ts'
import { verifyGroupCertificate } from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { type Quote as ProtocolQuote, quoteDigest } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import { asRound } from '../../../protocol/rounds.ts'
import type { Oracle, PageConfig } from './page-config.ts'
import type { Quote, Report } from './report.ts'

/** One thing that was checked. `unknown`: what it has to be compared with has not been seen yet. */
export interface Check {
  claim: string
  outcome: 'holds' | 'fails' | 'unknown'
}

/**
 * Checks a report from the node's signatures to the certificate, trusting no server: the nodes' addresses and
 * the registry's address come from the page's configuration, the group key from the registry's own events.
 */
export function verifyReport(
  report: Report,
  config: PageConfig,
  groupKeys: ReadonlyMap<number, bigint> | undefined,
): Check[] {
  const domain: Domain = { chainId: config.chainId, registry: config.contracts.oracleRegistry }
  const { quotes } = report
  const signed = new Set(
    quotes.filter(quote => isSigned(quote, report, domain, config.oracles)).map(quote => quote.slot),
  ).size
  const checks: Check[] = [
    {
      claim: `${signed} of ${quotes.length} quotes carry their node's signature`,
      outcome: holds(signed === quotes.length && signed >= quorumOf(config.oracles.length).q),
    },
    { claim: 'price, confidence and time are what these quotes lead to', outcome: holds(isMedian(report)) },
  ]
  if (report.certificate.kind === 'quorum') {
    checks.push({
      claim: 'a quorum of nodes signed it',
      outcome: holds(isQuorum(report, domain, config.oracles)),
    })
    return checks
  }
  const { r, s } = report.certificate
  const groupKeyX = groupKeys?.get(report.keyEpoch)
  checks.push(
    {
      claim: 'the group signature fits price, time and round',
      outcome: holds(verifyGroupCertificate({ domain, ...report, r, s })),
    },
    {
      claim: `its key is the one the registry installed for key epoch ${report.keyEpoch}`,
      outcome: groupKeyX === undefined ? 'unknown' : holds(groupKeyX === report.groupKeyX),
    },
  )
  return checks
}

function holds(condition: boolean): Check['outcome'] {
  return condition ? 'holds' : 'fails'
}

/** The struct that the node signed. */
function signedFields(quote: Quote, report: Report): ProtocolQuote {
  const { price, confidenceBps: confidence, observedAt, sourcesRoot } = quote
  const { keyEpoch, feedId } = report
  return { keyEpoch, feedId, round: asRound(report.round), price, confidence, observedAt, sourcesRoot }
}

function isSigned(quote: Quote, report: Report, domain: Domain, oracles: readonly Oracle[]): boolean {
  const signer = nobleIdentityCrypto.recover(
    quoteDigest(domain, signedFields(quote, report)),
    bytesOf(quote.signature),
  )
  return signer !== undefined && signer === oracles.find(oracle => oracle.slot === quote.slot)?.address
}

/** Recomputed bit for bit, as every signer does. */
function isMedian(report: Report): boolean {
  const quotes = report.quotes.map(quote => signedFields(quote, report))
  return quotes.length > 0 && medianWord(quotes) === report.word
}

/** At least q different nodes, in ascending order of address, as the contract wants them. */
function isQuorum(report: Report, domain: Domain, oracles: readonly Oracle[]): boolean {
  if (report.certificate.kind !== 'quorum') return false
  const digest = reportDigest(domain, report.feedId, report.word)
  const signers = report.certificate.signatures.map(bytes =>
    nobleIdentityCrypto.recover(digest, bytesOf(bytes)),
  )
  const known = new Set<string | undefined>(oracles.map(oracle => oracle.address))
  let previous = ''
  for (const signer of signers) {
    if (signer === undefined || !known.has(signer) || signer <= previous) return false
    previous = signer
  }
  return signers.length >= quorumOf(oracles.length).q
}
