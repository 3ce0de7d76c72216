/**
 * The announcement of a certified report: the certificate speaks for itself; who proposed and who signed is
 * said beside it, for pages and metrics.
 */
import { ByteReader, ByteWriter, DecodeError, type Hash } from '../bytes.ts'
import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
  verifyCertifiedReport,
} from '../certificate.ts'
import type { Domain } from '../domain.ts'
import { type CertificateCrypto, SIGNATURE_BYTES } from '../identity.ts'
import { aggregatorByIdentity, type Membership, memberBySlot } from '../membership.ts'
import { type IdentitySigner, MESSAGE_KIND, readMessage, sealMessage } from '../message.ts'
import { MAX_MEMBERS } from '../quorum.ts'
import { unpackReport } from '../report.ts'
import { type Round, roundAt, roundStartMs } from '../rounds.ts'
import type { RoundTiming } from './timing.ts'

export interface CertifiedAnnouncement {
  readonly report: CertifiedReport
  /** Slots whose shares or signatures are in the certificate. */
  readonly signers: readonly number[]
  /** Index of the aggregator that made it. */
  readonly proposer: number
}

export const MAX_CERTIFIED_BYTES = 256 + MAX_MEMBERS * (SIGNATURE_BYTES + 1)

export function sealCertified(
  domain: Domain,
  announcement: Omit<CertifiedAnnouncement, 'proposer'>,
  sign: IdentitySigner,
): Uint8Array {
  const { report, signers } = announcement
  const writer = new ByteWriter().sized(encodeCertifiedReport(report)).uint(signers.length, 1)
  for (const slot of signers) writer.uint(slot, 1)
  return sealMessage(domain, MESSAGE_KIND.certified, report.keyEpoch, writer.done(), sign)
}

export type CertifiedAdmission =
  | { readonly verdict: 'accept'; readonly announcement: CertifiedAnnouncement }
  | {
      readonly verdict: 'ignore'
      readonly code:
        | 'OTHER_KEY_EPOCH'
        | 'OTHER_FEED'
        | 'OLD_ROUND'
        | 'TOO_EARLY'
        | 'UNLISTED'
        | 'BAD_CERTIFICATE'
    }
  | { readonly verdict: 'reject'; readonly code: 'MALFORMED' | 'BAD_CERTIFICATE' }

export interface CertifiedContext {
  readonly domain: Domain
  readonly feedId: Hash
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  readonly highestCertified: number
  readonly nowMs: number
  readonly timing: Pick<RoundTiming, 'roundMs' | 'skewMs'>
  /** Whether a certificate of a round that is not above the highest is still of use; of none unless told. */
  readonly wantsOld?: (round: Round) => boolean
  readonly crypto: CertificateCrypto
}

/** PriceFeed takes no report that is further ahead (its LONGEST_FUTURE_SEC). */
const LONGEST_AHEAD_MS = 30_000

/**
 * No round can be certified before it begins. Without a bound one certificate of the far future, by a key that was
 * stolen, would make everything before it old for good.
 *
 * @param nowMs the later of wall clock and block time, for who follows a chain
 */
export function newestCertifiable(nowMs: number, { roundMs }: Pick<RoundTiming, 'roundMs'>): Round {
  return roundAt(nowMs + LONGEST_AHEAD_MS, roundMs)
}

/** Decides on an announcement from the network: cheapest first, the certificate last. */
export function admitCertified(bytes: Uint8Array, context: CertifiedContext): CertifiedAdmission {
  const { domain, crypto } = context
  try {
    const message = readMessage(domain, MESSAGE_KIND.certified, bytes)
    const reader = new ByteReader(message.body)
    const report = decodeCertifiedReport(reader.sized(MAX_CERTIFIED_BYTES))
    const signers = reader.done(reader.list(MAX_MEMBERS, item => item.small(1)))
    if (message.keyEpoch !== report.keyEpoch) return { verdict: 'reject', code: 'MALFORMED' }
    if (report.feedId !== context.feedId) return { verdict: 'ignore', code: 'OTHER_FEED' }
    const { round } = unpackReport(report.word)
    if (round <= context.highestCertified && context.wantsOld?.(round) !== true)
      return { verdict: 'ignore', code: 'OLD_ROUND' }
    if (round > newestCertifiable(context.nowMs, context.timing))
      return { verdict: 'ignore', code: 'TOO_EARLY' }
    const membership = context.membershipAt(roundStartMs(round))
    if (report.keyEpoch !== membership?.keyEpoch) return { verdict: 'ignore', code: 'OTHER_KEY_EPOCH' }
    const aggregator = aggregatorByIdentity(membership, message.sender(crypto))
    if (aggregator === undefined) return { verdict: 'ignore', code: 'UNLISTED' }
    if (!verifyCertifiedReport(domain, membership, report, crypto)) {
      // Identities can be suspended in one view and not yet in another; a group signature is true or false.
      const verdict = report.certificate.kind === 'group' ? 'reject' : 'ignore'
      return { verdict, code: 'BAD_CERTIFICATE' }
    }
    const members = signers.filter(slot => memberBySlot(membership, slot) !== undefined)
    return { verdict: 'accept', announcement: { report, signers: members, proposer: aggregator.index } }
  } catch (error) {
    if (error instanceof DecodeError) return { verdict: 'reject', code: 'MALFORMED' }
    throw error
  }
}
