/**
 * Envelope of every message between nodes that a contract never sees: domain tag, kind, key epoch, body and
 * the sender's identity signature over them.
 *
 * ```
 * tag 4 | kind 1 | keyEpoch 4 | body … | signature 64
 * ```
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, ByteReader, ByteWriter, DecodeError, equalBytes, hexOf } from './bytes.ts'
import { type Domain, digestOf, domainTag, STRUCTS } from './domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from './identity.ts'

/** First byte after the tag. Numbers are part of the protocol and never reused. */
export const MESSAGE_KIND = {
  quote: 1,
  proposal: 2,
  share: 3,
  certified: 4,
  keygenStart: 10,
  keygenCommitment: 11,
  keygenTranscript: 12,
  keygenShare: 13,
  keygenResult: 14,
  keygenInstall: 15,
  keygenHeard: 16,
  keygenConsent: 17,
  windowSeal: 20,
} as const

export type MessageKind = (typeof MESSAGE_KIND)[keyof typeof MESSAGE_KIND]

const HEADER_BYTES = 4 + 1 + 4

export interface OpenedMessage {
  readonly keyEpoch: number
  readonly body: Uint8Array
  readonly sender: Address
}

/** Signs with one identity. Only the process's guard-keeper holds one; everybody else is handed the function. */
export type IdentitySigner = (digest: Uint8Array) => Uint8Array

function messageDigest(domain: Domain, kind: MessageKind, keyEpoch: number, body: Uint8Array): Uint8Array {
  return digestOf(domain, STRUCTS.message, { keyEpoch, kind, bodyHash: hexOf(keccak_256(body)) })
}

export function sealMessage(
  domain: Domain,
  kind: MessageKind,
  keyEpoch: number,
  body: Uint8Array,
  sign: IdentitySigner,
): Uint8Array {
  return new ByteWriter()
    .fixed(domainTag(domain), 4)
    .uint(kind, 1)
    .uint(keyEpoch, 4)
    .fixed(body, body.length)
    .fixed(sign(messageDigest(domain, kind, keyEpoch, body)), SIGNATURE_BYTES)
    .done()
}

export interface SealedMessage {
  readonly keyEpoch: number
  readonly body: Uint8Array
  /** Who sealed it: the costly part, for after the cheap checks. @throws {DecodeError} when it is nobody's signature */
  sender(crypto: Pick<IdentityCrypto, 'recover'>): Address
}

/** Takes a message apart without verifying it. @throws {DecodeError} when it is of another network or kind */
export function readMessage(domain: Domain, kind: MessageKind, bytes: Uint8Array): SealedMessage {
  const reader = new ByteReader(bytes)
  if (!equalBytes(reader.fixed(4), domainTag(domain))) {
    throw new DecodeError('BAD_VALUE', 'a message of another network')
  }
  reader.expect(kind)
  const keyEpoch = reader.small(4)
  const body = reader.fixed(Math.max(0, bytes.length - HEADER_BYTES - SIGNATURE_BYTES))
  const signature = reader.fixed(SIGNATURE_BYTES)
  return reader.done({
    keyEpoch,
    body,
    sender: crypto => {
      const sender = crypto.recover(messageDigest(domain, kind, keyEpoch, body), signature)
      if (sender === undefined) throw new DecodeError('BAD_VALUE', 'the signature does not verify')
      return sender
    },
  })
}

/** {@link readMessage}, verified. @throws {DecodeError} also when the signature is nobody's */
export function openMessage(
  domain: Domain,
  kind: MessageKind,
  bytes: Uint8Array,
  crypto: Pick<IdentityCrypto, 'recover'>,
): OpenedMessage {
  const { keyEpoch, body, sender } = readMessage(domain, kind, bytes)
  return { keyEpoch, body, sender: sender(crypto) }
}
