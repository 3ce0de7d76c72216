/**
 * Vectors that TypeScript and Solidity share, so that the two cannot drift: made from fixed seeds, committed in
 * test/vectors, and recomputed by both sides.
 */
import { contractMembers, memberSetDigest, membersHashOf } from '../../../chain/member-set.ts'
import { type Address, bigintToBytes, type Hex, hexOf } from '../../../protocol/bytes.ts'
import { type Domain, feedIdOf } from '../../../protocol/domain.ts'
import { aggregateShares, groupKeyX } from '../../../protocol/frost.ts'
import { addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { type GroupKeyInstallation, installationDigest } from '../../../protocol/keygen/installation.ts'
import { encodeTranscript, transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { bitmapOf } from '../../../protocol/membership.ts'
import { type Quote, quoteDigest } from '../../../protocol/quote.ts'
import { packReport, type Report, reportDigest, unpackReport } from '../../../protocol/report.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { MAX_PRICE, ONE, type Price } from '../../../protocol/units.ts'
import { certificateVectors } from './certificate-vectors.ts'
import { makeKey, publicOf, shareSignatures } from './group-key.ts'
import { secretOf } from './network.ts'
import { seeded } from './seeded.ts'

export const VECTOR_DOMAIN: Domain = { chainId: 31_337, registry: `0x${'5a'.repeat(20)}` }
export const VECTOR_FEED = 'IO/USD'
export const VECTOR_FEED_ID = feedIdOf(VECTOR_FEED)

const SLOTS = [0, 1, 2, 3]
const THRESHOLD = 3
const key = makeKey(SLOTS, THRESHOLD, 'shared vectors')
export const VECTOR_PX = groupKeyX(publicOf(key))

/** Every number a 32-byte word, as a contract reads it. */
function word(value: bigint | number): Hex {
  return hexOf(bigintToBytes(BigInt(value), 32))
}

function compact(digest: Uint8Array, slot: number): { signer: Address; r: Hex; yParityAndS: Hex } {
  const signature = nobleIdentityCrypto.sign(digest, secretOf('node', slot))
  const signer = nobleIdentityCrypto.recover(digest, signature)
  if (signer === undefined) throw new Error('a signature does not recover')
  return { signer, r: hexOf(signature.subarray(0, 32)), yParityAndS: hexOf(signature.subarray(32)) }
}

function groupSigned(digest: Uint8Array, slots: readonly number[]): { r: Address; s: Hex } {
  const { commitments, shares } = shareSignatures(key, slots, digest, `vector ${hexOf(digest)}`)
  const { r, s } = aggregateShares(publicOf(key), commitments, digest, shares)
  return { r, s: word(s) }
}

const QUOTES: readonly Quote[] = SLOTS.map(slot => ({
  keyEpoch: 1,
  feedId: VECTOR_FEED_ID,
  round: asRound(18_000_000_000),
  price: ((ONE * BigInt(9_950 + 17 * slot)) / 10_000n) as Price,
  confidence: 3 + slot,
  observedAt: 1_800_000_000 + (slot % 2),
  sourcesRoot: hexOf(seeded(`vector sources ${slot}`)),
}))

const REPORTS: readonly Report[] = [
  unpackReport(medianWord(QUOTES)),
  { price: 1n as Price, confidence: 0, observedAt: 0, round: asRound(0) },
  {
    price: MAX_PRICE as Price,
    confidence: 65_535,
    observedAt: 2 ** 40 - 1,
    round: asRound(2 ** 40 - 1),
  },
  { price: (123n * ONE) as Price, confidence: 12, observedAt: 1_800_000_007, round: asRound(18_000_000_070) },
]

function quoteVectors() {
  return QUOTES.map((quote, slot) => {
    const digest = quoteDigest(VECTOR_DOMAIN, quote)
    return {
      slot: word(slot),
      keyEpoch: word(quote.keyEpoch),
      feedId: quote.feedId,
      round: word(quote.round),
      price: word(quote.price),
      confidence: word(quote.confidence),
      observedAt: word(quote.observedAt),
      sourcesRoot: quote.sourcesRoot,
      digest: hexOf(digest),
      ...compact(digest, slot),
    }
  })
}

function reportVectors() {
  const sets = [
    [0, 1, 2],
    [1, 2, 3],
    [0, 2, 3],
    [0, 1, 2, 3],
  ]
  return REPORTS.map((report, index) => {
    const packed = packReport(report)
    const digest = reportDigest(VECTOR_DOMAIN, VECTOR_FEED_ID, packed)
    return {
      price: word(report.price),
      confidence: word(report.confidence),
      observedAt: word(report.observedAt),
      round: word(report.round),
      word: word(packed),
      digest: hexOf(digest),
      ...groupSigned(digest, sets[index] ?? SLOTS),
    }
  })
}

/** A quorum of identity signatures over the first report, ascending by address. */
function quorumVectors() {
  const [first] = REPORTS
  if (first === undefined) throw new Error('no reports')
  const digest = reportDigest(VECTOR_DOMAIN, VECTOR_FEED_ID, packReport(first))
  return SLOTS.slice(0, THRESHOLD)
    .map(slot => ({ slot: word(slot), digest: hexOf(digest), ...compact(digest, slot) }))
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
}

function installationVectors() {
  const transcript = encodeTranscript(VECTOR_FEED_ID, key.transcript)
  const installation: GroupKeyInstallation = {
    keyEpoch: 1,
    registryVersion: 5,
    memberSet: 2,
    transcriptHash: transcriptHashOf(transcript),
    participants: SLOTS,
    px: VECTOR_PX,
  }
  const digest = installationDigest(VECTOR_DOMAIN, installation)
  return {
    keyEpoch: word(installation.keyEpoch),
    registryVersion: word(installation.registryVersion),
    memberSet: word(installation.memberSet),
    transcript: hexOf(transcript),
    transcriptHash: installation.transcriptHash,
    participants: word(bitmapOf(installation.participants)),
    px: word(installation.px),
    digest: hexOf(digest),
    ...groupSigned(digest, [0, 1, 3]),
  }
}

/** A list of members with an empty slot, and a quorum of signatures over it. */
function memberSetVectors() {
  const registryVersion = 5
  const list = [0, 1, undefined, 3].map(slot =>
    slot === undefined
      ? undefined
      : { identity: identityOf(slot), peerKey: hexOf(seeded(`vector peer ${slot}`)) },
  )
  const digest = memberSetDigest(VECTOR_DOMAIN, registryVersion, list)
  return {
    registryVersion: word(registryVersion),
    members: contractMembers(list),
    membersHash: membersHashOf(list),
    digest: hexOf(digest),
    signatures: [0, 1, 3].map(slot => compact(digest, slot)).sort((a, b) => (a.signer < b.signer ? -1 : 1)),
  }
}

function identityOf(slot: number): Address {
  return addressOfSecret(secretOf('node', slot))
}

/** The files of test/vectors by name. */
export function vectorFiles() {
  const { chainId, registry } = VECTOR_DOMAIN
  return {
    'domain.json': {
      name: 'IO Oracle',
      version: '1',
      chainId: word(chainId),
      registry,
      feed: VECTOR_FEED,
      feedId: VECTOR_FEED_ID,
      px: word(VECTOR_PX),
    },
    'quotes.json': { quotes: quoteVectors() },
    'reports.json': { reports: reportVectors() },
    'quorum.json': { signatures: quorumVectors() },
    'installation.json': installationVectors(),
    'member-set.json': memberSetVectors(),
    'certificates.json': { networks: certificateVectors(VECTOR_DOMAIN, VECTOR_FEED_ID) },
  }
}

export type VectorFiles = ReturnType<typeof vectorFiles>

export function renderVectors(content: VectorFiles[keyof VectorFiles]): string {
  return `${JSON.stringify(content, null, 2)}\n`
}
