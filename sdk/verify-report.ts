/**
 * Checks a certified report with nothing but what its reader knows anyway: which network it is (chain and registry) and
 * the group key that stands in that registry. No server, no chain. Runs in browsers.
 */
import type { Address, Hash } from '../protocol/bytes.ts'
import { bytesOf, hexOf } from '../protocol/bytes.ts'
import {
  encodeCertifiedReport,
  verifyGroupCertificate,
  verifyQuorumSignatures,
} from '../protocol/certificate.ts'
import type { Domain } from '../protocol/domain.ts'
import { nobleIdentityCrypto } from '../protocol/identity.ts'
import { membershipOf } from '../protocol/membership.ts'
import { movingAverageOf, reportDigest, unpackReport } from '../protocol/report.ts'
import { certifiedReportOf, type ReportJson } from '../protocol/report-json.ts'
import { type Round, roundStartMs } from '../protocol/rounds.ts'
import { formatDecimal, type Price } from '../protocol/units.ts'
import { readReport } from './report-json.ts'

/** A member as the registry lists it; one of a `Membership` fits. */
export interface ReportMember {
  readonly identity: Address
  readonly suspended?: boolean
}

/** A group key and the time that is its: rounds that begin in it are certified by this key, and by no other. */
export interface ReportKey {
  readonly keyEpoch: number
  readonly x: bigint
  /** `switchesAt` of the rotation that brought it, in Unix milliseconds. */
  readonly fromMs: number
  /** `switchesAt` of the next rotation; undefined while none is known. */
  readonly untilMs?: number | undefined
}

/**
 * Why a key, and the members that hold it, do not count for what begins then; undefined when they do.
 *
 * @param startMs Unix milliseconds
 */
export function notInForce(
  { fromMs, untilMs }: Pick<ReportKey, 'fromMs' | 'untilMs'>,
  startMs: number,
): 'not yet in force' | 'no longer in force' | undefined {
  if (startMs < fromMs) return 'not yet in force'
  return untilMs === undefined || startMs < untilMs ? undefined : 'no longer in force'
}

export interface VerifyReportOptions {
  /**
   * The group keys, with their times: one that has been replaced certifies nothing new, for whoever may have got hold of
   * it by then. Or x of one key alone: then key epoch and time are not looked at, and it is for the reader to know that
   * the key is the one of now.
   */
  readonly groupKeyX: bigint | readonly ReportKey[]
  readonly domain: Domain
  /** Without it, a report of any feed of the network will do: say which one you mean. */
  readonly feedId?: Hash
  /** Unix milliseconds. Without it, the report's age is not looked at. */
  readonly now?: number
  readonly maxAgeSec?: number
  /** All members of the key epoch: needed only where the group key could not sign, and identities did. */
  readonly members?: readonly ReportMember[]
}

/**
 * | code | what it means |
 * | --- | --- |
 * | `MALFORMED` | this is no report, or a field of it is not what it must be |
 * | `WRONG_NETWORK` | it says that it is of another chain or registry |
 * | `WRONG_FEED` | it is of another feed |
 * | `UNKNOWN_KEY` | it names a key epoch of which no key was given, or another key than was given |
 * | `WRONG_TIME` | its key is one of the network's, but not the one that certifies rounds of this report's time |
 * | `FIELDS_DIFFER` | what stands beside the certified word is not what the word says, or `bytes` are of another report |
 * | `BAD_CERTIFICATE` | the certificate is not one over this word, by this key or by a quorum of these members |
 * | `NEEDS_MEMBERS` | identities certified it, and no members were given to check them against |
 * | `TOO_OLD`, `FROM_THE_FUTURE` | it is true, but not of now |
 */
export type ReportFault =
  | 'MALFORMED'
  | 'WRONG_NETWORK'
  | 'WRONG_FEED'
  | 'UNKNOWN_KEY'
  | 'WRONG_TIME'
  | 'FIELDS_DIFFER'
  | 'BAD_CERTIFICATE'
  | 'NEEDS_MEMBERS'
  | 'TOO_OLD'
  | 'FROM_THE_FUTURE'

/**
 * What stands in a report that nobody certifies and nothing here checks: who serves it may have made it up. `keyEpoch`
 * is among it where one key alone was given.
 */
export const NOT_COVERED = ['quotes', 'signers', 'proposer', 'latencyMs', 'onChain'] as const

/** What the certificate covers, and nothing else. */
export interface VerifiedReport {
  /** USD, 18 decimals. */
  readonly price: Price
  readonly confidenceBps: number
  /** Unix seconds. */
  readonly observedAt: number
  readonly round: Round
}

export type ReportVerification =
  | { readonly ok: true; readonly report: VerifiedReport; readonly notCovered: readonly string[] }
  | { readonly ok: false; readonly reason: ReportFault; readonly sentence: string }

/** One thing that was looked at. `skipped`: it was not asked for, or something before it failed. */
export interface ReportCheck {
  readonly name: 'shape' | 'network' | 'feed' | 'key' | 'fields' | 'certificate' | 'bytes' | 'age' | 'rest'
  readonly outcome: 'holds' | 'fails' | 'skipped'
  readonly reason?: ReportFault
  readonly sentence: string
}

/** Clocks of readers and members may differ by so much. */
const MAX_AHEAD_SEC = 30

/** Never throws, whatever `report` is. */
export function verifyReport(report: unknown, options: VerifyReportOptions): ReportVerification {
  const { checks, verified } = checkReport(report, options)
  const wrong = checks.find(({ outcome }) => outcome === 'fails')
  if (verified !== undefined) return { ok: true, report: verified, notCovered: notCovered(options) }
  return { ok: false, reason: wrong?.reason ?? 'MALFORMED', sentence: wrong?.sentence ?? 'this is no report' }
}

/** The same, check by check, in the order in which they are made: for people. */
export function checkReport(
  value: unknown,
  options: VerifyReportOptions,
): { readonly checks: readonly ReportCheck[]; readonly verified: VerifiedReport | undefined } {
  const read = attempt(value)
  if ('fault' in read) {
    const rest = (['network', 'feed', 'key', 'fields', 'certificate', 'bytes', 'age', 'rest'] as const).map(
      name => skipped(name, 'there is nothing to check'),
    )
    return {
      checks: [fails('shape', 'MALFORMED', `this is no report: ${read.fault}`), ...rest],
      verified: undefined,
    }
  }
  const { report } = read
  const key = keyOf(report, options)
  const checks = [
    holds('shape', 'every field is there, and is what it must be'),
    networkCheck(report, options.domain),
    feedCheck(report, options.feedId),
    key.check,
    fieldsCheck(report),
    certificateCheck(report, key.x, options),
    bytesCheck(report),
    ageCheck(report, options),
    skipped('rest', `nobody certifies what stands beside: ${notCovered(options).join(', ')}`),
  ]
  const { price, confidence, observedAt, round } = unpackReport(BigInt(report.word))
  const verified = { price, confidenceBps: confidence, observedAt, round }
  return { checks, verified: checks.some(({ outcome }) => outcome === 'fails') ? undefined : verified }
}

type Attempt = { readonly report: ReportJson } | { readonly fault: string }

function attempt(value: unknown): Attempt {
  try {
    return { report: readReport(value) }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : 'it cannot be read' }
  }
}

function networkCheck({ domain: said }: ReportJson, domain: Domain): ReportCheck {
  const same = said.chainId === domain.chainId && said.registry === domain.registry.toLowerCase()
  const network = `chain ${said.chainId}, registry ${said.registry}`
  return same
    ? holds('network', `it is of this network: ${network}`)
    : fails('network', 'WRONG_NETWORK', `it is of another network: ${network}`)
}

function feedCheck({ feedId }: ReportJson, wanted: Hash | undefined): ReportCheck {
  if (wanted === undefined) return skipped('feed', `nobody said which feed is meant; it is of ${feedId}`)
  return feedId === wanted.toLowerCase()
    ? holds('feed', `it is of the feed ${feedId}`)
    : fails('feed', 'WRONG_FEED', `it is of the feed ${feedId}, not ${wanted}`)
}

function notCovered({ groupKeyX }: VerifyReportOptions): readonly string[] {
  return typeof groupKeyX === 'bigint' ? [...NOT_COVERED, 'keyEpoch'] : NOT_COVERED
}

function keyOf(
  { keyEpoch, groupKeyX, word }: ReportJson,
  { groupKeyX: given }: VerifyReportOptions,
): { readonly x: bigint | undefined; readonly check: ReportCheck } {
  const key = typeof given === 'bigint' ? undefined : given.find(each => each.keyEpoch === keyEpoch)
  const x = typeof given === 'bigint' ? given : key?.x
  if (x === undefined) {
    const sentence = `it names key epoch ${keyEpoch}, of which no key is known: read the registry again`
    return { x, check: fails('key', 'UNKNOWN_KEY', sentence) }
  }
  if (x !== BigInt(groupKeyX)) {
    const sentence = `its group key, of key epoch ${keyEpoch}, is another one than was given: after a rotation, read the registry again`
    return { x, check: fails('key', 'UNKNOWN_KEY', sentence) }
  }
  if (key === undefined) {
    const sentence = 'its group key is the one given; of which key epoch and time that is, nobody said'
    return { x, check: holds('key', sentence) }
  }
  const when = notInForce(key, roundStartMs(unpackReport(BigInt(word)).round))
  if (when === undefined) {
    const sentence = `its group key, of key epoch ${keyEpoch}, is the one given, and the one of its time`
    return { x, check: holds('key', sentence) }
  }
  const sentence = `the group key of key epoch ${keyEpoch} was ${when} when the round began`
  return { x, check: fails('key', 'WRONG_TIME', sentence) }
}

/** For tools that take the bytes instead of the fields: both must be of the same report. */
function bytesCheck(report: ReportJson): ReportCheck {
  const bytes = canonicalBytes(report)
  return report.bytes === bytes
    ? holds('bytes', 'its bytes are those of this report and certificate')
    : fails('bytes', 'FIELDS_DIFFER', 'its bytes are not those of this report and certificate')
}

/** Undefined for what has none, such as a key epoch beyond every number that fits. */
function canonicalBytes(report: ReportJson): string | undefined {
  try {
    return hexOf(encodeCertifiedReport(certifiedReportOf(report)))
  } catch {
    return undefined
  }
}

/** The certificate covers the word; everything that is told beside it must be what the word says. */
function fieldsCheck(report: ReportJson): ReportCheck {
  const word = BigInt(report.word)
  const { price, confidence, observedAt, round } = unpackReport(word)
  const pairs: [name: string, said: unknown, meant: unknown][] = [
    ['round', report.round, round],
    ['price', report.price, price.toString()],
    ['priceUsd', report.priceUsd, formatDecimal(price)],
    ['confidenceBps', report.confidenceBps, confidence],
    ['observedAt', report.observedAt, observedAt],
    ['the middle of the word', movingAverageOf(word), 0n],
  ]
  const wrong = pairs.find(([, said, meant]) => said !== meant)
  if (wrong === undefined) return holds('fields', 'price, confidence, time and round are what the word says')
  const [name, said, meant] = wrong
  return fails('fields', 'FIELDS_DIFFER', `${name} is ${said}, where the certified word says ${meant}`)
}

function certificateCheck(
  report: ReportJson,
  groupKeyX: bigint | undefined,
  { domain, members }: VerifyReportOptions,
): ReportCheck {
  const { certificate } = report
  const feedId = report.feedId as Hash
  const word = BigInt(report.word)
  if (certificate.kind === 'group') {
    if (groupKeyX === undefined) return skipped('certificate', 'there is no key to check it with')
    const { r, s } = certificate
    const claim = { domain, feedId, word, groupKeyX, r: r as Address, s: BigInt(s) }
    return verifyGroupCertificate(claim)
      ? holds('certificate', 'the group key signed this word')
      : fails('certificate', 'BAD_CERTIFICATE', 'the signature is not one of this group key over this word')
  }
  const signatures = certificate.signatures.map(bytesOf)
  if (members === undefined || members.length === 0) {
    const sentence = `${signatures.length} identities certified it, not the group key: give the members to check them`
    return fails('certificate', 'NEEDS_MEMBERS', sentence)
  }
  const membership = membershipFrom(members)
  const { n, q } = membership.quorum
  return verifyQuorumSignatures(
    membership,
    reportDigest(domain, feedId, word),
    signatures,
    nobleIdentityCrypto,
  )
    ? holds('certificate', `${signatures.length} of ${n} members signed this word, ${q} are needed`)
    : fails(
        'certificate',
        'BAD_CERTIFICATE',
        `it holds no signatures of ${q} of the ${n} members over this word`,
      )
}

/** Only who they are matters here: what else a registry says of members is left out. */
function membershipFrom(members: readonly ReportMember[]) {
  return membershipOf({
    registryVersion: 0,
    keyEpoch: 0,
    groupKey: undefined,
    members: members.map(({ identity, suspended = false }, slot) => ({
      slot,
      identity: identity.toLowerCase() as Address,
      peerKey: '0x',
      suspended,
    })),
    aggregators: [],
  })
}

function ageCheck({ word }: ReportJson, { now, maxAgeSec }: VerifyReportOptions): ReportCheck {
  if (now === undefined) return skipped('age', 'nobody said what time it is')
  const { observedAt } = unpackReport(BigInt(word))
  const ageSec = Math.floor(now / 1_000) - observedAt
  if (ageSec < -MAX_AHEAD_SEC) return fails('age', 'FROM_THE_FUTURE', `it was observed ${-ageSec} s from now`)
  if (maxAgeSec === undefined)
    return skipped('age', `it is ${ageSec} s old, and nobody said how old it may be`)
  return ageSec <= maxAgeSec
    ? holds('age', `it is ${ageSec} s old, of at most ${maxAgeSec}`)
    : fails('age', 'TOO_OLD', `it is ${ageSec} s old, of at most ${maxAgeSec}`)
}

type Name = ReportCheck['name']

function holds(name: Name, sentence: string): ReportCheck {
  return { name, outcome: 'holds', sentence }
}

function skipped(name: Name, sentence: string): ReportCheck {
  return { name, outcome: 'skipped', sentence }
}

function fails(name: Name, reason: ReportFault, sentence: string): ReportCheck {
  return { name, outcome: 'fails', reason, sentence }
}
