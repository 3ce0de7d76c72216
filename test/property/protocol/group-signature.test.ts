import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { type Address, bigintToBytes } from '../../../protocol/bytes.ts'
import {
  aggregateShares,
  challengeOf,
  type FrostPublic,
  type GroupSignature,
  groupKeyX,
  identifierOf,
  ORDER,
  verifyGroupSignature,
} from '../../../protocol/frost.ts'
import { addressOfPublicKey } from '../../../protocol/identity.ts'
import { publicPackageFromTranscript } from '../../../protocol/keygen/transcript.ts'
import { reportDigest } from '../../../protocol/report.ts'
import { type MadeKey, makeKey, publicOf, shareSignatures } from '../../support/protocol/group-key.ts'
import { DOMAIN, FEED_ID } from '../../support/protocol/network.ts'

const SLOTS = [0, 1, 2, 3, 4, 5, 6]
const Q = 5
const key = makeKey(SLOTS, Q, 'group signature properties')
const px = groupKeyX(publicOf(key))

const anyWord = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
const anyQuorum = fc.shuffledSubarray(SLOTS, { minLength: Q, maxLength: Q })

function sign(slots: readonly number[], digest: Uint8Array, made: MadeKey = key): GroupSignature {
  const { commitments, shares } = shareSignatures(made, slots, digest, `signature by ${slots.join()}`)
  return aggregateShares(publicOf(made), commitments, digest, shares)
}

/**
 * What the chain computes: the one precompile that multiplies points, asked to recover an address.
 * `ecrecover(Q − s·px, even, px, Q − e·px)` is the address of `(s·px·G − e·px·P) / px = s·G − e·P = R`.
 */
function ecrecoverOf(digest: Uint8Array, { r, s }: GroupSignature): Address | undefined {
  const e = challengeOf(px, digest, r)
  const message = (ORDER - ((s * px) % ORDER)) % ORDER
  const proof = (ORDER - ((e * px) % ORDER)) % ORDER
  try {
    const signature = new secp256k1.Signature(px, proof).addRecoveryBit(0)
    const point = signature.recoverPublicKey(bigintToBytes(message, 32))
    return addressOfPublicKey(point.toBytes(false))
  } catch {
    return undefined
  }
}

describe('a group signature', function () {
  this.timeout(30_000)

  it('comes from any q of the members, in any order', () => {
    fc.assert(
      fc.property(anyQuorum, anyWord, (slots, word) => {
        const digest = reportDigest(DOMAIN, FEED_ID, word)
        expect(verifyGroupSignature(px, digest, sign(slots, digest))).to.equal(true)
      }),
      { numRuns: 25 },
    )
  })

  it('does not come from q − 1 of them', () => {
    const digest = reportDigest(DOMAIN, FEED_ID, 1n)
    const tooFew = fc.shuffledSubarray(SLOTS, { minLength: 1, maxLength: Q - 1 })
    fc.assert(
      fc.property(tooFew, slots => {
        let signature: GroupSignature | undefined
        try {
          signature = sign(slots, digest)
        } catch {
          signature = undefined
        }
        expect(signature !== undefined && verifyGroupSignature(px, digest, signature)).to.equal(false)
      }),
      { numRuns: 15 },
    )
  })

  it('does not come from q − 1 members who pretend that their key needs only as many', () => {
    const digest = reportDigest(DOMAIN, FEED_ID, 1n)
    const slots = SLOTS.slice(0, Q - 1)
    const lowered = new Map(
      [...key.publics].map(([slot, pub]) => [
        slot,
        {
          ...pub,
          signers: { ...pub.signers, min: Q - 1 },
          commitments: pub.commitments.slice(0, Q - 1),
        } as FrostPublic,
      ]),
    )
    let signature: GroupSignature | undefined
    try {
      signature = sign(slots, digest, { ...key, publics: lowered })
    } catch {
      signature = undefined
    }
    expect(signature !== undefined && verifyGroupSignature(px, digest, signature)).to.equal(false)
  })

  it('with a bad share names whose it is', () => {
    fc.assert(
      fc.property(anyQuorum, fc.nat(Q - 1), fc.nat(31), (slots, liar, at) => {
        const digest = reportDigest(DOMAIN, FEED_ID, 2n)
        const { commitments, shares } = shareSignatures(key, slots, digest, 'bad share')
        const slot = slots[liar] ?? 0
        const bad = Uint8Array.from(shares.get(slot) ?? [])
        bad[at] = (bad[at] ?? 0) ^ 1
        try {
          aggregateShares(publicOf(key), commitments, digest, new Map(shares).set(slot, bad))
          expect.fail('a bad share was added up')
        } catch (error) {
          expect((error as { cheaters?: string[] }).cheaters).to.deep.equal([identifierOf(slot)])
        }
      }),
      { numRuns: 10 },
    )
  })

  it('is refused with any bit of word, r or s turned', () => {
    const word = (3n << 176n) | 7n
    const digest = reportDigest(DOMAIN, FEED_ID, word)
    const signature = sign([0, 2, 3, 5, 6], digest)
    const { r, s } = signature
    expect(verifyGroupSignature(px, digest, signature)).to.equal(true)
    const bits = (length: number) => Array.from({ length }, (_, bit) => 1n << BigInt(bit))
    const address = (value: bigint): Address => `0x${value.toString(16).padStart(40, '0')}`
    for (const bit of bits(256)) {
      expect(verifyGroupSignature(px, digest, { r, s: s ^ bit })).to.equal(false)
    }
    for (const bit of bits(160)) {
      expect(verifyGroupSignature(px, digest, { r: address(BigInt(r) ^ bit), s })).to.equal(false)
    }
    for (const bit of bits(256)) {
      const other = reportDigest(DOMAIN, FEED_ID, word ^ bit)
      expect(verifyGroupSignature(px, other, signature)).to.equal(false)
    }
  })

  it('is refused outside the ranges the chain refuses', () => {
    const digest = reportDigest(DOMAIN, FEED_ID, 4n)
    const signature = sign([0, 1, 2, 3, 4], digest)
    const { r, s } = signature
    const wrong: GroupSignature[] = [
      { r, s: 0n },
      { r, s: ORDER },
      { r, s: s + ORDER },
      { r, s: -s },
      { r, s: ORDER - s },
      { r: `0x${'00'.repeat(20)}`, s },
      { r: `0x01${r.slice(2)}`, s },
    ]
    for (const each of wrong) expect(verifyGroupSignature(px, digest, each)).to.equal(false)
    for (const each of [0n, px + ORDER, ORDER, -1n]) {
      expect(verifyGroupSignature(each, digest, signature)).to.equal(false)
    }
  })

  it('is true exactly when the chain’s ecrecover gives r', () => {
    fc.assert(
      fc.property(anyQuorum, anyWord, fc.nat(255), (slots, word, bit) => {
        const digest = reportDigest(DOMAIN, FEED_ID, word)
        const good = sign(slots, digest)
        expect(ecrecoverOf(digest, good)).to.equal(good.r)
        const bad = { r: good.r, s: (good.s ^ (1n << BigInt(bit))) % ORDER }
        expect(ecrecoverOf(digest, bad)).to.not.equal(bad.r)
        expect(verifyGroupSignature(px, digest, bad)).to.equal(false)
      }),
      { numRuns: 20 },
    )
  })
})

describe('a generated key', function () {
  this.timeout(30_000)

  const shapes = [
    { n: 2, q: 2 },
    { n: 4, q: 3 },
    { n: 5, q: 4 },
  ]

  it('has even y, and the public package that its transcript leads to', () => {
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.nat(1_000_000), ({ n, q }, seed) => {
        const slots = Array.from({ length: n }, (_, index) => index * 2 + (seed % 3))
        const made = makeKey(slots, q, `any key ${seed}`)
        const derived = publicPackageFromTranscript(made.transcript)
        for (const slot of slots) expect(publicOf(made, slot)).to.deep.equal(derived)
        expect(derived.commitments[0]?.[0]).to.equal(2)
        expect(() => groupKeyX(derived)).to.not.throw()
        const digest = reportDigest(DOMAIN, FEED_ID, BigInt(seed))
        const signature = sign(slots.slice(n - q), digest, made)
        expect(verifyGroupSignature(groupKeyX(derived), digest, signature)).to.equal(true)
      }),
      { numRuns: 12 },
    )
  })
})
