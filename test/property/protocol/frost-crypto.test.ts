import { expect } from 'chai'
import fc from 'fast-check'
import { bigintToBytes, hexOf } from '../../../protocol/bytes.ts'
import { type FrostPublic, type NonceCommitments, ORDER } from '../../../protocol/frost.ts'
import {
  BadSharesError,
  type FrostCrypto,
  type NonceSecrets,
  nobleFrostCrypto,
} from '../../../protocol/frost-crypto.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import { makeKey, publicOf, secretShareOf } from '../../support/protocol/group-key.ts'
import { seeded, seededRandom } from '../../support/protocol/seeded.ts'

const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7, 8]
const Q = 4
const key = makeKey(SLOTS, Q, 'native frost')
const pub = publicOf(key)
const native = loadNativeFrostCrypto()

const anySigners = fc.shuffledSubarray(SLOTS, { minLength: Q })
const anySeed = fc.string({ minLength: 1 })

interface Signing {
  readonly digest: Uint8Array
  readonly signers: readonly number[]
  readonly commitments: readonly NonceCommitments[]
  /** A fresh copy of the same pair, as often as it is asked for. */
  readonly noncesOf: (slot: number) => NonceSecrets
}

function signing(signers: readonly number[], seed: string): Signing {
  const pairs = new Map(
    signers.map(slot => [slot, native.commit(secretShareOf(key, slot), seededRandom(`${seed} ${slot}`))]),
  )
  return {
    digest: seeded(seed),
    signers,
    commitments: [...pairs.values()].map(({ commitments }) => commitments),
    noncesOf: slot => {
      const nonces = pairs.get(slot)?.nonces
      if (nonces === undefined) throw new RangeError('no signer')
      return { hiding: Uint8Array.from(nonces.hiding), binding: Uint8Array.from(nonces.binding) }
    },
  }
}

function shareOf(crypto: FrostCrypto, slot: number, of: Signing, commitments = of.commitments): Uint8Array {
  return crypto.signShare(secretShareOf(key, slot), pub, of.noncesOf(slot), commitments, of.digest)
}

function sharesOf(of: Signing): Map<number, Uint8Array> {
  return new Map(of.signers.map(slot => [slot, shareOf(native, slot, of)]))
}

function cheatersIn(crypto: FrostCrypto, of: Signing, shares: ReadonlyMap<number, Uint8Array>): number[] {
  try {
    crypto.aggregate(pub, of.commitments, of.digest, shares)
  } catch (error) {
    if (error instanceof BadSharesError) return [...error.slots].sort((a, b) => a - b)
    throw error
  }
  return expect.fail('bad shares were added up')
}

describe('shares and signatures of the group, made natively', function () {
  this.timeout(60_000)

  it('begin with the nonce pair that the reference makes of the same randomness', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SLOTS), anySeed, (slot, seed) => {
        const secret = secretShareOf(key, slot)
        expect(native.commit(secret, seededRandom(seed))).to.deep.equal(
          nobleFrostCrypto.commit(secret, seededRandom(seed)),
        )
      }),
      { numRuns: 50 },
    )
  })

  it('are the reference’s bit for bit, for any signers in any order', () => {
    fc.assert(
      fc.property(anySigners, anySeed, (signers, seed) => {
        const of = signing(signers, seed)
        for (const slot of signers.slice(0, 2)) {
          expect(hexOf(shareOf(native, slot, of))).to.equal(hexOf(shareOf(nobleFrostCrypto, slot, of)))
        }
        const shares = sharesOf(of)
        expect(native.aggregate(pub, of.commitments, of.digest, shares)).to.deep.equal(
          nobleFrostCrypto.aggregate(pub, of.commitments, of.digest, shares),
        )
      }),
      { numRuns: 25 },
    )
  })

  it('name exactly those whose share is bad, as the reference does', () => {
    const someBad = anySigners.chain(signers =>
      fc.tuple(fc.constant(signers), fc.shuffledSubarray(signers, { minLength: 1 }), anySeed),
    )
    fc.assert(
      fc.property(someBad, ([signers, bad, seed]) => {
        const of = signing(signers, seed)
        const shares = sharesOf(of)
        for (const slot of bad) shares.set(slot, bigintToBytes(1n + BigInt(slot), 32))
        const named = [...bad].sort((a, b) => a - b)
        expect(cheatersIn(native, of, shares)).to.deep.equal(named)
        expect(cheatersIn(nobleFrostCrypto, of, shares)).to.deep.equal(named)
      }),
      { numRuns: 15 },
    )
  })

  it('name who sends zero or what is no scalar, and nobody when shares are missing', () => {
    const of = signing([0, 3, 5, 8], 'no scalars')
    for (const bad of [
      new Uint8Array(32),
      bigintToBytes(ORDER, 32),
      new Uint8Array(32).fill(0xff),
      new Uint8Array(31),
    ]) {
      expect(cheatersIn(native, of, sharesOf(of).set(5, bad))).to.deep.equal([5])
    }
    const fewer = sharesOf(of)
    fewer.delete(3)
    expect(cheatersIn(native, of, fewer)).to.deep.equal([])
    expect(cheatersIn(native, of, fewer.set(4, new Uint8Array(32).fill(1)))).to.deep.equal([])
  })

  it('that are wrong by what cancels out make a signature all the same, as with the reference', () => {
    // A sum that is right is a signature, whoever moved what from one share to the other.
    const of = signing([1, 2, 4, 6], 'moved')
    const shares = sharesOf(of)
    const [one, other] = [shares.get(1), shares.get(2)].map(share => BigInt(hexOf(share ?? new Uint8Array())))
    shares.set(1, bigintToBytes(((one ?? 0n) + 5n) % ORDER, 32))
    shares.set(2, bigintToBytes(((other ?? 0n) + ORDER - 5n) % ORDER, 32))
    const moved = native.aggregate(pub, of.commitments, of.digest, shares)
    expect(moved).to.deep.equal(nobleFrostCrypto.aggregate(pub, of.commitments, of.digest, sharesOf(of)))
  })

  it('come of no pair twice: signing wipes it, also when it fails', () => {
    for (const commitments of [signing([0, 1, 2, 3], 'once').commitments, []]) {
      const of = signing([0, 1, 2, 3], 'once')
      const nonces = of.noncesOf(0)
      const sign = () => native.signShare(secretShareOf(key, 0), pub, nonces, commitments, of.digest)
      if (commitments.length > 0) sign()
      else expect(sign).to.throw()
      expect([...nonces.hiding, ...nonces.binding].every(byte => byte === 0)).to.equal(true)
      expect(() => native.signShare(secretShareOf(key, 0), pub, nonces, of.commitments, of.digest)).to.throw()
    }
  })

  describe('are refused, here as by the reference, over', () => {
    const honest = signing([0, 1, 2, 3], 'hostile')
    const replaced = (change: Partial<NonceCommitments>, at = 3) =>
      honest.commitments.map((commitment, index) =>
        index === at ? { ...commitment, ...change } : commitment,
      )
    const first = honest.commitments[0]
    if (first === undefined) throw new Error('unreachable')
    const cases: Record<string, readonly NonceCommitments[]> = {
      'a commitment that is no point': replaced({ hiding: new Uint8Array(33).fill(2).fill(0xff, 1) }),
      'an x that is not on the curve': replaced({ binding: Uint8Array.from([2, ...new Uint8Array(31), 5]) }),
      'an x above the field': replaced({ binding: Uint8Array.from([2, ...new Uint8Array(32).fill(0xff)]) }),
      'the zero of the group': replaced({ hiding: new Uint8Array(1) }),
      zeros: replaced({ hiding: new Uint8Array(33) }),
      'one signer twice': replaced({ identifier: first.identifier }),
      'an identifier of zero': replaced({ identifier: '00'.repeat(32) }),
      'an identifier above the order': replaced({ identifier: 'ff'.repeat(32) }),
      'an identifier in another form': replaced({ identifier: '4' }),
      'another pair of the signer': replaced({ hiding: first.binding }, 0),
      'a pair with its halves exchanged': replaced({ hiding: first.binding, binding: first.hiding }, 0),
      'nothing of the signer': honest.commitments.slice(1),
      'fewer signers than the key needs': honest.commitments.slice(0, Q - 1),
    }
    for (const [name, commitments] of Object.entries(cases)) {
      it(name, () => {
        for (const crypto of [native, nobleFrostCrypto]) {
          expect(() => shareOf(crypto, 0, honest, commitments)).to.throw()
          const aggregated = { ...honest, commitments }
          if (name.startsWith('another pair') || name.startsWith('a pair')) continue
          expect(cheatersIn(crypto, aggregated, sharesOf(honest))).to.deep.equal([])
        }
      })
    }

    it('a key with odd y', () => {
      const odd: FrostPublic = {
        ...pub,
        commitments: pub.commitments.map(bytes =>
          Uint8Array.from([(bytes[0] ?? 0) ^ 1, ...bytes.subarray(1)]),
        ),
      }
      expect(() =>
        native.signShare(secretShareOf(key, 0), odd, honest.noncesOf(0), honest.commitments, honest.digest),
      ).to.throw(RangeError)
    })
  })
})
