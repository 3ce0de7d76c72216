import {
  type CertifiedReport,
  decodeCertifiedReport,
  encodeCertifiedReport,
} from '../../../protocol/certificate.ts'
import { decodeKeygenInstall, encodeKeygenInstall } from '../../../protocol/keygen/installation.ts'
import {
  decodeHandOver,
  decodeHeard,
  decodeKeygenReport,
  decodeKeygenStart,
  decodeKeyShare,
  decodeTranscriptVote,
  encodeHandOver,
  encodeHeard,
  encodeKeygenReport,
  encodeKeygenStart,
  encodeKeyShare,
  encodeTranscriptVote,
  type KeygenReport,
} from '../../../protocol/keygen/messages.ts'
import {
  decodeDealerCommitment,
  decodeTranscript,
  encodeDealerCommitment,
  encodeTranscript,
} from '../../../protocol/keygen/transcript.ts'
import { decodeSignedQuote, encodeSignedQuote, type SignedQuote } from '../../../protocol/quote.ts'
import {
  decodeNoncePairs,
  decodeNonceRequest,
  decodeProposal,
  decodeReply,
  encodeNoncePairs,
  encodeNonceRequest,
  encodeProposal,
  encodeReply,
  type Reply,
} from '../../../protocol/round/messages.ts'
import { chosenSigner, DOMAIN, FEED_ID, KEY_EPOCH, ProtocolNetwork, ROUND } from './network.ts'
import { seeded } from './seeded.ts'

/** A format, and some bytes of it. */
export interface Sample {
  readonly name: string
  readonly bytes: Uint8Array
  readonly value: unknown
  readonly decode: (bytes: Uint8Array) => unknown
  /** Encodes again what `decode` gave. */
  readonly again: (bytes: Uint8Array) => Uint8Array
}

function sample<T>(
  name: string,
  value: T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Sample {
  return { name, value, bytes: encode(value), decode, again: bytes => encode(decode(bytes)) }
}

const network = new ProtocolNetwork(4)
const bytes = (name: string, length: number) =>
  Uint8Array.from({ length }, (_, index) => seeded(`${name} ${index >> 5}`)[index & 31] ?? 0)
const pair = (slot: number) => ({ hiding: chosenSigner(slot).hiding, binding: chosenSigner(slot).binding })
const id = FEED_ID

function reply(value: Reply): Sample {
  return sample(`a reply: ${value.kind}`, value, encodeReply, decodeReply)
}

function certified(certificate: CertifiedReport['certificate']): Sample {
  const value: CertifiedReport = {
    keyEpoch: KEY_EPOCH,
    feedId: FEED_ID,
    word: network.proposal().word,
    certificate,
  }
  return sample(
    `a report certified by ${certificate.kind}`,
    value,
    encodeCertifiedReport,
    decodeCertifiedReport,
  )
}

const dealing = (name: string) => ({
  commitment: [0, 1, 2].map(degree => bytes(`commitment ${name} ${degree}`, 33)),
  proofOfKnowledge: bytes(`proof ${name}`, 65),
})
const dealer = (slot: number) => ({
  slot,
  signing: dealing(`signing ${slot}`),
  beacon: dealing(`beacon ${slot}`),
})
const called = { registryVersion: 7, memberSet: 2, attempt: ROUND, participants: [0, 2, 3] }
const commitment = bytes('sealed commitment', 90)

function report(name: string, value: KeygenReport): Sample {
  return sample(
    `a report on a key generation: ${name}`,
    { attemptId: id, report: value },
    each => encodeKeygenReport(each.attemptId, each.report),
    decodeKeygenReport,
  )
}

/** One value of every format whose end its own bytes tell. */
export function samples(): Sample[] {
  return [
    sample<SignedQuote>(
      'a quote',
      network.signedQuote(1),
      ({ slot, quote, signature }) => encodeSignedQuote(DOMAIN, slot, quote, signature).bytes,
      raw => decodeSignedQuote(DOMAIN, raw),
    ),
    sample('a proposal', network.proposal(), encodeProposal, decodeProposal),
    reply({
      kind: 'share',
      sessionId: id,
      identitySignature: bytes('identity', 64),
      share: bytes('share', 32),
      nonce: pair(9),
    }),
    reply({ kind: 'locked', sessionId: id, proposal: bytes('sealed', 300) }),
    reply({
      kind: 'missing',
      sessionId: id,
      quotes: network.signedQuotes([0, 2]).map(quote => quote.bytes),
    }),
    reply({ kind: 'refused', sessionId: id, reason: 'WRONG_WORD' }),
    sample('a nonce request', { keyEpoch: KEY_EPOCH, bootId: id }, encodeNonceRequest, decodeNonceRequest),
    sample('nonce pairs', [pair(0), pair(1)], encodeNoncePairs, decodeNoncePairs),
    certified({ kind: 'group', signature: { r: `0x${'12'.repeat(20)}`, s: 123_456_789n } }),
    certified({ kind: 'quorum', signatures: [0, 1, 2].map(slot => bytes(`signature ${slot}`, 64)) }),
    sample(
      'a dealer’s commitment',
      { attemptId: id, dealer: dealer(2) },
      value => encodeDealerCommitment(value.attemptId, value.dealer),
      decodeDealerCommitment,
    ),
    sample(
      'a transcript',
      { attemptId: id, transcript: [dealer(0), dealer(2), dealer(3)] },
      value => encodeTranscript(value.attemptId, value.transcript),
      decodeTranscript,
    ),
    sample(
      'a call for key generation',
      { terms: called, patienceMs: 1_250 },
      encodeKeygenStart,
      decodeKeygenStart,
    ),
    sample(
      'a vote for a transcript',
      { attemptId: id, transcriptHash: id },
      value => encodeTranscriptVote(value.attemptId, value.transcriptHash),
      decodeTranscriptVote,
    ),
    sample(
      'a key share',
      {
        attemptId: id,
        recipient: 3,
        shares: { signing: bytes('key share', 32), beacon: bytes('beacon share', 32) },
      },
      encodeKeyShare,
      decodeKeyShare,
    ),
    sample(
      'what a member has heard',
      { attemptId: id, transcriptHash: id, commitments: [commitment, bytes('another', 70)] },
      encodeHeard,
      decodeHeard,
    ),
    report('finished', {
      kind: 'finished',
      transcriptHash: id,
      consent: bytes('consent', 64),
      nonce: pair(4),
    }),
    report('a bad commitment', { kind: 'blame', blame: { fault: 'BAD_COMMITMENT', slot: 2, commitment } }),
    report('a false proof', { kind: 'blame', blame: { fault: 'BAD_PROOF', slot: 2, commitment } }),
    report('a bad share', {
      kind: 'blame',
      blame: { fault: 'BAD_SHARE', slot: 2, commitment, share: bytes('sealed share', 80) },
    }),
    report('another vote', { kind: 'differs', slot: 1, vote: bytes('sealed vote', 80) }),
    report('waiting', { kind: 'waiting', stage: 'share', missing: [0, 3] }),
    sample(
      'a piece handed over',
      { piece: 'vote', slot: 3, sealed: bytes('sealed vote', 80) } as const,
      encodeHandOver,
      decodeHandOver,
    ),
    sample(
      'a call for the installation’s signature',
      { attemptId: id, finished: [bytes('finished', 264)], signers: [0, 1, 3].map(chosenSigner) },
      encodeKeygenInstall,
      decodeKeygenInstall,
    ),
  ]
}
