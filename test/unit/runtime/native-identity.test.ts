import { expect } from 'chai'
import sinon from 'sinon'
import { bigintToBytes, bytesToBigint, hexOf } from '../../../protocol/bytes.ts'
import { ORDER } from '../../../protocol/frost.ts'
import { addressOfSecret, fromCompact, nobleIdentityCrypto, toCompact } from '../../../protocol/identity.ts'
import { createIdentityCrypto, loadNativeIdentityCrypto } from '../../../runtime/native-identity.ts'
import { seeded } from '../../support/protocol/seeded.ts'

const CASES = 1_000
const native = loadNativeIdentityCrypto()

interface Case {
  readonly secret: Uint8Array
  readonly digest: Uint8Array
  readonly signature: Uint8Array
}

const cases: readonly Case[] = Array.from({ length: CASES }, (_, index) => {
  const secret = seeded(`native identity ${index}`)
  const digest = seeded(`native digest ${index}`)
  return { secret, digest, signature: native.sign(digest, secret) }
})

/** (r, n − s) under the other parity: the same signature with high s. */
function mirrored(signature: Uint8Array): Uint8Array {
  const { rs, parity } = fromCompact(signature)
  const high = bigintToBytes(ORDER - bytesToBigint(rs.subarray(32)), 32)
  return toCompact(Uint8Array.from([...rs.subarray(0, 32), ...high]), 1 - parity)
}

describe('native identity signatures', function () {
  this.timeout(30_000)

  it(`are the reference's, bit for bit, ${CASES} times`, () => {
    for (const { secret, digest, signature } of cases) {
      expect(hexOf(signature)).to.equal(hexOf(nobleIdentityCrypto.sign(digest, secret)))
    }
  })

  it('lead both to the address of the signer', () => {
    for (const { secret, digest, signature } of cases) {
      const address = addressOfSecret(secret)
      expect(native.recover(digest, signature)).to.equal(address)
      expect(nobleIdentityCrypto.recover(digest, signature)).to.equal(address)
    }
  })

  it('with high s are refused by both', () => {
    // The top bit holds the parity, so a high s that needs it cannot even be written down.
    for (const { digest, signature } of cases) {
      expect(native.recover(digest, mirrored(signature))).to.not.equal(native.recover(digest, signature))
    }
    const half = (ORDER - 1n) / 2n
    for (const s of [half + 1n, half + 2n, 2n ** 255n - 1n]) {
      const [sample] = cases
      if (sample === undefined) throw new Error('unreachable')
      const bytes = Uint8Array.from([...sample.signature.subarray(0, 32), ...bigintToBytes(s, 32)])
      expect(native.recover(sample.digest, bytes)).to.equal(undefined)
      expect(nobleIdentityCrypto.recover(sample.digest, bytes)).to.equal(undefined)
    }
  })

  it('that are damaged mean the same to both', () => {
    cases.slice(0, 250).forEach(({ digest, signature }, index) => {
      const damaged = Uint8Array.from(signature)
      const at = (index * 7) % 64
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (index % 8))
      expect(native.recover(digest, damaged)).to.equal(nobleIdentityCrypto.recover(digest, damaged))
    })
  })

  it('that are none are refused by both', () => {
    const digest = seeded('none')
    const scalar = (value: bigint) => [...bigintToBytes(value, 32)]
    const wrong = [
      new Uint8Array(64),
      new Uint8Array(64).fill(0xff),
      new Uint8Array(63),
      new Uint8Array(65),
      Uint8Array.from([...scalar(0n), ...scalar(5n)]),
      Uint8Array.from([...scalar(5n), ...scalar(0n)]),
      Uint8Array.from([...scalar(ORDER), ...scalar(5n)]),
    ]
    for (const signature of wrong) {
      expect(native.recover(digest, signature)).to.equal(undefined)
      expect(nobleIdentityCrypto.recover(digest, signature)).to.equal(undefined)
    }
  })

  it('are what a process gets on this platform, without a warning', () => {
    const warn = sinon.spy()
    const [sample] = cases
    if (sample === undefined) throw new Error('unreachable')
    const crypto = createIdentityCrypto({ warn })
    expect(hexOf(crypto.sign(sample.digest, sample.secret))).to.equal(hexOf(sample.signature))
    expect(warn.callCount).to.equal(0)
  })
})
