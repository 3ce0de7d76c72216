/**
 * Making nonces, shares and signatures of the group over whatever curve arithmetic a process has. The reference is
 * noble's FROST (RFC 9591); the other implementation here computes the same, bit for bit, from a handful of
 * operations on bytes that a native library offers.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, randomBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { bigintToBytes, bytesOf, bytesToBigint, equalBytes } from './bytes.ts'
import {
  type FrostPublic,
  type FrostSecret,
  frost,
  groupKeyX,
  isPoint,
  isScalar,
  type NonceCommitments,
  POINT_BYTES,
  SCALAR_BYTES,
  SIGNING_SUITE,
  signatureOfGroup,
} from './frost.ts'
import { addressOfPublicKey, challengeOf, type GroupSignature, ORDER } from './group-signature.ts'

const { Fn } = secp256k1.Point

/** A pair of one-time secrets, and what everybody may know of it. */
export type GeneratedNonce = ReturnType<typeof frost.commit>
export type NonceSecrets = GeneratedNonce['nonces']
type RandomBytes = (bytes?: number) => Uint8Array<ArrayBuffer>

/** Shares that do not add up to a signature. */
export class BadSharesError extends Error {
  readonly code = 'BAD_SHARES'
  /** Whose shares are bad; empty when nobody can be named. */
  readonly slots: readonly number[]
  constructor(slots: readonly number[], cause?: unknown) {
    super('the shares do not add up to a signature', cause === undefined ? {} : { cause })
    this.name = 'BadSharesError'
    this.slots = slots
  }
}

export interface FrostCrypto {
  /** Whether bytes are a compressed point of the group, and not its zero. */
  isPoint(bytes: Uint8Array): boolean
  /** A new nonce pair: fresh randomness hashed with the secret, so that neither alone has to be good. */
  commit(secret: FrostSecret, random?: RandomBytes): GeneratedNonce
  /**
   * A signature share of 32 bytes. The nonces are overwritten with zeros, and refused the next time.
   *
   * @throws {Error} when the commitments are no points, or hold another pair for this signer
   */
  signShare(
    secret: FrostSecret,
    pub: FrostPublic,
    nonces: NonceSecrets,
    commitments: readonly NonceCommitments[],
    digest: Uint8Array,
  ): Uint8Array
  /**
   * Adds shares up and checks the sum once; share by share only when it is wrong.
   *
   * @param shares by slot, one for each commitment
   * @throws {BadSharesError}
   */
  aggregate(
    pub: FrostPublic,
    commitments: readonly NonceCommitments[],
    digest: Uint8Array,
    shares: ReadonlyMap<number, Uint8Array>,
  ): GroupSignature
}

/**
 * Points are 33 or 65 bytes, scalars 32. Every operation throws for bytes that are no point or scalar, and where the
 * result is the point at infinity or the scalar zero.
 */
export interface GroupArithmetic {
  isPoint(bytes: Uint8Array): boolean
  /** secret·G, compressed; in constant time. */
  multiplyBase(secret: Uint8Array): Uint8Array
  /** Σ points + Σ scalar·point, 65 bytes; of public values. */
  sum(points: readonly Uint8Array[], products: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array
  /** secret + Σ secret·factor; in constant time. */
  addSecrets(secret: Uint8Array, products: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array
}

export const nobleFrostCrypto: FrostCrypto = {
  isPoint,
  commit: (secret, random) => frost.commit(secret, random),
  signShare: (secret, pub, nonces, commitments, digest) =>
    frost.signShare(secret, pub, nonces, [...commitments], digest),
  aggregate: (pub, commitments, digest, shares) => {
    try {
      const byIdentifier = Object.fromEntries(
        [...shares].map(([slot, share]) => [frost.Identifier.fromNumber(slot + 1), Uint8Array.from(share)]),
      )
      return signatureOfGroup(frost.aggregate(pub, [...commitments], digest, byIdentifier))
    } catch (error) {
      const named = error instanceof Error && 'cheaters' in error ? error.cheaters : []
      throw new BadSharesError(Array.isArray(named) ? named.map(slotOf) : [], error)
    }
  },
}

/** The suite's hash functions (RFC 9591, 4.3 to 4.5): the suite's name and a word, then what is hashed. */
const PREFIX = {
  bindingFactor: utf8ToBytes(`${SIGNING_SUITE}rho`),
  nonce: utf8ToBytes(`${SIGNING_SUITE}nonce`),
  message: utf8ToBytes(`${SIGNING_SUITE}msg`),
  commitments: utf8ToBytes(`${SIGNING_SUITE}com`),
}

function hashToScalar(...parts: readonly Uint8Array[]): Uint8Array {
  return scalarBytes(bytesToBigint(keccak_256(concatBytes(...parts))) % ORDER)
}

function scalarBytes(scalar: bigint): Uint8Array {
  return bigintToBytes(scalar, SCALAR_BYTES)
}

function slotOf(identifier: string): number {
  return Number(BigInt(`0x${identifier}`)) - 1
}

interface Signer extends NonceCommitments {
  readonly id: bigint
  readonly bindingFactor: Uint8Array
}

/** What everybody computes alike from the commitments and the message. */
interface Session {
  /** Ascending by identifier. */
  readonly signers: readonly Signer[]
  /** The group's commitment, 65 bytes. */
  readonly R: Uint8Array
  readonly r: GroupSignature['r']
  readonly challenge: bigint
}

export function frostOver(arithmetic: GroupArithmetic): FrostCrypto {
  const { multiplyBase, sum, addSecrets } = arithmetic

  function sessionOf(
    pub: FrostPublic,
    commitments: readonly NonceCommitments[],
    digest: Uint8Array,
  ): Session {
    const [groupKey] = pub.commitments
    if (
      groupKey === undefined ||
      commitments.length < pub.signers.min ||
      commitments.length > pub.signers.max
    )
      throw new RangeError('the commitments are not those of as many signers as the key has')
    const signers = withBindingFactors(groupKey, commitments, digest)
    const R = sum(
      signers.map(({ hiding }) => hiding),
      signers.map(({ binding, bindingFactor }) => [binding, bindingFactor]),
    )
    const r = addressOfPublicKey(R)
    return { signers, R, r, challenge: challengeOf(groupKeyX(pub), digest, r) }
  }

  function isGoodShare(pub: FrostPublic, session: Session, signer: Signer, share: Uint8Array): boolean {
    const verifyingShare = pub.verifyingShares[signer.identifier]
    if (verifyingShare === undefined || !isScalar(share)) return false
    try {
      const expected = sum(
        [signer.hiding],
        [
          [signer.binding, signer.bindingFactor],
          [verifyingShare, weightOf(session, signer)],
        ],
      )
      return equalBytes(sum([multiplyBase(share)], []), expected)
    } catch {
      return false
    }
  }

  return {
    isPoint: arithmetic.isPoint,

    commit(secret, random = randomBytes) {
      const nonce = () => Uint8Array.from(hashToScalar(PREFIX.nonce, random(32), secret.signingShare))
      const nonces = { hiding: nonce(), binding: nonce() }
      return {
        nonces,
        commitments: {
          identifier: secret.identifier,
          hiding: Uint8Array.from(multiplyBase(nonces.hiding)),
          binding: Uint8Array.from(multiplyBase(nonces.binding)),
        },
      }
    },

    signShare(secret, pub, nonces, commitments, digest) {
      try {
        const session = sessionOf(pub, commitments, digest)
        const own = session.signers.find(({ identifier }) => identifier === secret.identifier)
        // Zeros are no scalar to multiply by: a pair that has signed ends here.
        const isOwn =
          own !== undefined &&
          equalBytes(own.hiding, multiplyBase(nonces.hiding)) &&
          equalBytes(own.binding, multiplyBase(nonces.binding))
        if (!isOwn) throw new RangeError('the commitments hold another nonce pair for this signer')
        return addSecrets(nonces.hiding, [
          [nonces.binding, own.bindingFactor],
          [secret.signingShare, weightOf(session, own)],
        ])
      } finally {
        nonces.hiding.fill(0)
        nonces.binding.fill(0)
      }
    },

    aggregate(pub, commitments, digest, shares) {
      const complete =
        shares.size === commitments.length &&
        commitments.every(
          ({ identifier }) => shares.has(slotOf(identifier)) && identifier in pub.verifyingShares,
        )
      if (!complete) throw new BadSharesError([])
      const outOfRange = [...shares].filter(([, share]) => !isScalar(share)).map(([slot]) => slot)
      if (outOfRange.length > 0) throw new BadSharesError(outOfRange)
      let session: Session
      try {
        session = sessionOf(pub, commitments, digest)
      } catch (error) {
        throw new BadSharesError([], error)
      }
      const s = [...shares.values()].reduce((total, share) => (total + bytesToBigint(share)) % ORDER, 0n)
      if (isSignature(pub, session, s)) return { r: session.r, s }
      const isBad = (signer: Signer): boolean =>
        !isGoodShare(pub, session, signer, shares.get(slotOf(signer.identifier)) ?? new Uint8Array())
      throw new BadSharesError(session.signers.filter(isBad).map(({ identifier }) => slotOf(identifier)))
    },
  }

  /** Whether s·G = R + e·P. */
  function isSignature(pub: FrostPublic, { R, challenge }: Session, s: bigint): boolean {
    const [groupKey] = pub.commitments
    if (groupKey === undefined) return false
    try {
      const left = sum([multiplyBase(scalarBytes(s))], [])
      return equalBytes(left, sum([R], [[groupKey, scalarBytes(challenge)]]))
    } catch {
      return false
    }
  }
}

function withBindingFactors(
  groupKey: Uint8Array,
  commitments: readonly NonceCommitments[],
  digest: Uint8Array,
): Signer[] {
  const signers = commitments
    .map(commitment => ({ ...commitment, id: idOf(commitment.identifier) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const proper = signers.every(
    ({ id, hiding, binding }, index) =>
      hiding.length === POINT_BYTES && binding.length === POINT_BYTES && signers[index - 1]?.id !== id,
  )
  if (!proper) throw new RangeError('the commitments are not of one pair a signer')
  const list = signers.flatMap(({ id, hiding, binding }) => [scalarBytes(id), hiding, binding])
  const prefix = concatBytes(
    groupKey,
    keccak_256(concatBytes(PREFIX.message, digest)),
    keccak_256(concatBytes(PREFIX.commitments, ...list)),
  )
  return signers.map(signer => ({
    ...signer,
    bindingFactor: hashToScalar(PREFIX.bindingFactor, prefix, scalarBytes(signer.id)),
  }))
}

/** @throws {RangeError} for what is no identifier in its one form */
function idOf(identifier: string): bigint {
  if (!/^[0-9a-f]{64}$/.test(identifier)) throw new RangeError('not an identifier')
  const id = bytesToBigint(bytesOf(`0x${identifier}`))
  if (id === 0n || id >= ORDER) throw new RangeError('not an identifier')
  return id
}

/** λ·e: by how much a signer's part of the key counts in this session. */
function weightOf({ signers, challenge }: Session, { id }: Signer): Uint8Array {
  let numerator = 1n
  let denominator = 1n
  for (const other of signers) {
    if (other.id === id) continue
    numerator = Fn.mul(numerator, other.id)
    denominator = Fn.mul(denominator, Fn.sub(other.id, id))
  }
  return scalarBytes(Fn.mul(Fn.div(numerator, denominator), challenge))
}
