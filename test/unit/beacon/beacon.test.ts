import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { CombineError, combine, valueOfProof } from '../../../protocol/beacon/combine.ts'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import {
  decodePartialMessage,
  decodeProof,
  decodeQuery,
  encodePartialMessage,
  encodeProof,
  encodeQuery,
  PARTIAL_MESSAGE_BYTES,
  QUERY_BYTES,
} from '../../../protocol/beacon/messages.ts'
import { makePartial, verifyPartial } from '../../../protocol/beacon/partial.ts'
import { beaconPublicOf } from '../../../protocol/beacon/public.ts'
import { beaconSuite } from '../../../protocol/beacon/suite.ts'
import { DecodeError, equalBytes, hexOf } from '../../../protocol/bytes.ts'
import { hash } from '../../support/epoch/cast.ts'
import { dealBeacon, partialsOf, secretOf } from '../../support/protocol/beacon-key.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { seededRandom } from '../../support/protocol/seeded.ts'

const { Point } = secp256k1
/** Slot 3 is empty: slots stay with their members. */
const SLOTS = [0, 1, 2, 4, 5, 6, 7]
const THRESHOLD = 5
const key = dealBeacon(SLOTS, THRESHOLD, 'beacon')
const input: BeaconInput = { kind: 'window', slot: 7 }
const draw: BeaconInput = { kind: 'draw', slot: 7, root: hash('root') }
const all = partialsOf(key, input, SLOTS)
const value = combine(key.public, all)
const first = all[0]
if (first === undefined) throw new Error('there are partials')

describe('a threshold beacon', () => {
  it('has one value, whoever makes it', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: THRESHOLD }), subset => {
        expect(combine(key.public, subset)).to.equal(value)
      }),
      { numRuns: 40 },
    )
  })

  it('has no value for fewer than the threshold, nor for partials counted twice', () => {
    for (let count = 0; count < THRESHOLD; count++)
      expect(() => combine(key.public, all.slice(0, count))).to.throw(CombineError)
    expect(() => combine(key.public, [...all.slice(0, THRESHOLD - 1), first])).to.throw(CombineError)
  })

  it('gives another value to a group that would do with fewer', () => {
    const fewer = { ...key.public, threshold: THRESHOLD - 1 }
    const values = SLOTS.map((_, at) => combine(fewer, [...all.slice(at), ...all.slice(0, at)]))
    expect(values).to.not.include(value)
    expect(new Set(values).size).to.equal(SLOTS.length)
  })

  it('is the key times the input: the key nobody holds', () => {
    const other = dealBeacon(SLOTS, THRESHOLD, 'another beacon')
    expect(combine(other.public, partialsOf(other, input, SLOTS))).to.not.equal(value)
  })

  it('differs by network, registry, use, slot and root', () => {
    const secret = secretOf(key, 0)
    const made = [
      makePartial(DOMAIN, input, secret),
      makePartial({ ...DOMAIN, chainId: DOMAIN.chainId + 1 }, input, secret),
      makePartial({ ...DOMAIN, registry: `0x${'cd'.repeat(20)}` }, input, secret),
      makePartial(DOMAIN, { ...input, slot: 8 }, secret),
      makePartial(DOMAIN, draw, secret),
      makePartial(DOMAIN, { ...draw, slot: 8 }, secret),
      makePartial(DOMAIN, { ...draw, root: hash('another root') }, secret),
    ]
    expect(new Set(made.map(({ point }) => hexOf(point))).size).to.equal(made.length)
  })
})

describe('a partial of a beacon', () => {
  it('verifies for its maker and its input, and for no other', () => {
    for (const { slot, partial } of all) {
      expect(verifyPartial(DOMAIN, input, key.public, slot, partial)).to.equal(true)
      for (const other of [...SLOTS, 3, 8].filter(each => each !== slot))
        expect(verifyPartial(DOMAIN, input, key.public, other, partial)).to.equal(false)
    }
    expect(verifyPartial(DOMAIN, draw, key.public, first.slot, first.partial)).to.equal(false)
    const elsewhere = { ...DOMAIN, chainId: DOMAIN.chainId + 1 }
    expect(verifyPartial(elsewhere, input, key.public, first.slot, first.partial)).to.equal(false)
  })

  it('is the same bytes each time: no nonce is ever used for two statements', () => {
    expect(makePartial(DOMAIN, input, secretOf(key, 0))).to.deep.equal(first.partial)
    const other = makePartial(DOMAIN, draw, secretOf(key, 0))
    expect(hexOf(other.challenge)).to.not.equal(hexOf(first.partial.challenge))
    expect(hexOf(other.response)).to.not.equal(hexOf(first.partial.response))
  })

  it('is refused when any byte of it is another one', () => {
    const fields = ['point', 'challenge', 'response'] as const
    for (const field of fields)
      for (let at = 0; at < first.partial[field].length; at++) {
        const bytes = Uint8Array.from(first.partial[field])
        bytes[at] = (bytes[at] ?? 0) ^ (1 + (at % 255))
        const bent = { ...first.partial, [field]: bytes }
        expect(verifyPartial(DOMAIN, input, key.public, first.slot, bent), `${field} ${at}`).to.equal(false)
      }
  })

  it('is refused when it is made by another share, or is the negative of the true one', () => {
    const foreign = makePartial(DOMAIN, input, secretOf(key, 1))
    expect(verifyPartial(DOMAIN, input, key.public, 0, foreign)).to.equal(false)
    const point = Point.fromBytes(first.partial.point).negate().toBytes()
    expect(verifyPartial(DOMAIN, input, key.public, 0, { ...first.partial, point })).to.equal(false)
    const zero = new Uint8Array(33)
    expect(verifyPartial(DOMAIN, input, key.public, 0, { ...first.partial, point: zero })).to.equal(false)
  })
})

describe("a proof of a beacon's value", () => {
  const proof = { keyEpoch: 3, partials: all.slice(1, 1 + THRESHOLD) }

  it('shows the value to whoever has the public half of the key', () => {
    expect(valueOfProof(DOMAIN, input, key.public, proof)).to.equal(value)
    expect(valueOfProof(DOMAIN, draw, key.public, proof)).to.equal(undefined)
  })

  it('shows nothing with a partial too few, too many, twice, out of order or of somebody else', () => {
    const [a, b, ...rest] = proof.partials
    if (a === undefined || b === undefined) throw new Error('there are partials')
    const wrong = [
      proof.partials.slice(1),
      all.slice(0, THRESHOLD + 1),
      [a, a, ...rest],
      [b, a, ...rest],
      [{ ...b, slot: a.slot }, b, ...rest],
      [],
    ]
    for (const partials of wrong)
      expect(valueOfProof(DOMAIN, input, key.public, { partials })).to.equal(undefined)
  })

  it('has one encoding, of which no byte can be changed', () => {
    const bytes = encodeProof(proof)
    expect(decodeProof(bytes)).to.deep.equal(proof)
    for (let at = 4; at < bytes.length; at++) {
      const bent = Uint8Array.from(bytes)
      bent[at] = (bent[at] ?? 0) ^ (1 << (at % 8))
      expect(shown(bent), `byte ${at}`).to.equal(undefined)
    }
    expect(() => decodeProof(bytes.slice(1))).to.throw(DecodeError)
    expect(() => decodeProof(Uint8Array.of(...bytes, 0))).to.throw(DecodeError)
  }).timeout(20_000)

  function shown(bytes: Uint8Array): string | undefined {
    try {
      return valueOfProof(DOMAIN, input, key.public, decodeProof(bytes))
    } catch (error) {
      if (error instanceof DecodeError) return undefined
      throw error
    }
  }
})

describe('messages of the beacon', () => {
  const slots = fc.nat(2 ** 40)
  const inputs = fc.oneof(
    slots.map((slot): BeaconInput => ({ kind: 'window', slot })),
    slots.map((slot): BeaconInput => ({ kind: 'draw', slot, root: hash(`root ${slot}`) })),
  )

  it('come back as they were sent, at one length', () => {
    fc.assert(
      fc.property(inputs, fc.nat(2 ** 31), fc.nat(127), (of, keyEpoch, slot) => {
        const message = { keyEpoch, input: of, slot, partial: first.partial }
        const bytes = encodePartialMessage(DOMAIN, message)
        expect(bytes).to.have.length(PARTIAL_MESSAGE_BYTES)
        expect(decodePartialMessage(DOMAIN, bytes)).to.deep.equal(message)
        expect(encodeQuery(of)).to.have.length(QUERY_BYTES)
        expect(decodeQuery(encodeQuery(of))).to.deep.equal(of)
      }),
    )
  })

  it('are told apart from those of other networks, and read in one way only', () => {
    const bytes = encodePartialMessage(DOMAIN, { keyEpoch: 1, input, ...first })
    expect(() => decodePartialMessage({ ...DOMAIN, chainId: 5 }, bytes)).to.throw(DecodeError)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: bytes.length, maxLength: bytes.length }), noise => {
        const tagged = Uint8Array.of(...bytes.subarray(0, 5), ...noise.subarray(5))
        try {
          const again = encodePartialMessage(DOMAIN, decodePartialMessage(DOMAIN, tagged))
          expect(equalBytes(again, tagged)).to.equal(true)
        } catch (error) {
          expect(error).to.be.instanceOf(DecodeError)
        }
      }),
    )
    const withRoot = encodeQuery(draw)
    withRoot[0] = 1
    expect(() => decodeQuery(withRoot), 'a window has no root').to.throw(DecodeError)
  })
})

describe('the public half of a beacon key', () => {
  it('has the share of each slot as the commitment to its secret', () => {
    for (const slot of SLOTS)
      expect(Point.BASE.multiply(Point.Fn.fromBytes(secretOf(key, slot))).toHex()).to.equal(
        hexOf(key.public.shares.get(slot) ?? new Uint8Array()).slice(2),
      )
    expect([...key.public.shares.keys()]).to.deep.equal(SLOTS)
  })

  it('is what the suite of its key generation deals', () => {
    const signers = { min: 2, max: 3 }
    const ids = [1, 2, 3].map(number => beaconSuite.Identifier.fromNumber(number))
    const dealers = ids.map(id => beaconSuite.DKG.round1(id, signers, undefined, seededRandom(id)))
    const [one, ...others] = dealers
    if (one === undefined) throw new Error('there are dealers')
    const received = others.flatMap(dealer => {
      const dealt = beaconSuite.DKG.round2(
        dealer.secret,
        dealers.filter(each => each !== dealer).map(each => each.public),
      )
      const share = dealt[ids[0] ?? '']
      return share === undefined
        ? []
        : [{ identifier: dealer.public.identifier, signingShare: share.signingShare }]
    })
    beaconSuite.DKG.round2(
      one.secret,
      others.map(each => each.public),
    )
    const made = beaconSuite.DKG.round3(
      one.secret,
      others.map(each => each.public),
      received,
    )
    const pub = beaconPublicOf(
      dealers.map(dealer => dealer.public.commitment),
      [0, 1, 2],
    )
    expect(pub.commitments.map(hexOf)).to.deep.equal(made.public.commitments.map(hexOf))
    const partial = makePartial(DOMAIN, input, made.secret.signingShare)
    expect(verifyPartial(DOMAIN, input, pub, 0, partial)).to.equal(true)
  })

  it('is refused when dealers disagree on the threshold, or cancel one another out', () => {
    const point = Point.BASE.toBytes()
    const minus = Point.BASE.negate().toBytes()
    expect(() => beaconPublicOf([[point], [point, point]], [0, 1])).to.throw(RangeError)
    expect(() => beaconPublicOf([[point], [minus]], [0, 1])).to.throw(RangeError)
    expect(() => beaconPublicOf([], [0])).to.throw(RangeError)
    expect(() => beaconPublicOf([[new Uint8Array(33)]], [0])).to.throw()
  })
})
