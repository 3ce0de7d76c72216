import { expect } from 'chai'
import { hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { frost, groupKeyX, identifierOf, shareFits } from '../../../protocol/frost.ts'
import { attemptIdOf, type KeygenAttempt } from '../../../protocol/keygen/attempt.ts'
import { type GroupKeyInstallation, installationDigest } from '../../../protocol/keygen/installation.ts'
import {
  decodeTranscript,
  encodeTranscript,
  MAX_TRANSCRIPT_BYTES,
  publicPackageFromTranscript,
  transcriptHashOf,
} from '../../../protocol/keygen/transcript.ts'
import { bitmapOf, slotsOf } from '../../../protocol/membership.ts'
import { MAX_MEMBERS } from '../../../protocol/quorum.ts'
import { makeKey, publicOf, secretShareOf } from '../../support/protocol/group-key.ts'
import { DOMAIN, FEED_ID } from '../../support/protocol/network.ts'
import { seededRandom } from '../../support/protocol/seeded.ts'

const attempt: KeygenAttempt = {
  keyEpoch: 4,
  registryVersion: 7,
  memberSet: 2,
  caller: 1,
  attempt: 1_800_000_000,
  participants: [0, 2, 3],
  threshold: 3,
}

describe('an attempt at a key', () => {
  it('has another name when anything about it is different', () => {
    const domains: Domain[] = [
      { ...DOMAIN, chainId: 1 },
      { ...DOMAIN, registry: `0x${'cd'.repeat(20)}` },
    ]
    const changes: Partial<KeygenAttempt>[] = [
      { keyEpoch: 5 },
      { registryVersion: 8 },
      { memberSet: 3 },
      { caller: 0 },
      { attempt: attempt.attempt + 1 },
      { participants: [0, 2] },
      { participants: [0, 1, 3] },
      { participants: [2, 0, 3] },
      { threshold: 2 },
    ]
    const names = [
      attemptIdOf(DOMAIN, attempt),
      ...domains.map(domain => attemptIdOf(domain, attempt)),
      ...changes.map(change => attemptIdOf(DOMAIN, { ...attempt, ...change })),
    ]
    expect(new Set(names).size).to.equal(names.length)
    expect(attemptIdOf(DOMAIN, { ...attempt })).to.equal(names[0])
  })
})

describe('a transcript of a key generation', () => {
  const key = makeKey([0, 2, 3, 6], 3, 'keygen tests')
  const bytes = encodeTranscript(FEED_ID, key.transcript)

  it('leads anyone to the public package that every member holds', () => {
    const derived = publicPackageFromTranscript(decodeTranscript(bytes).transcript)
    for (const slot of [0, 2, 3, 6]) expect(derived).to.deep.equal(publicOf(key, slot))
  })

  it('has another hash when anything in it is different', () => {
    const hashes = Array.from({ length: bytes.length }, (_, index) => {
      const changed = Uint8Array.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 0x80
      return transcriptHashOf(changed)
    })
    expect(new Set([transcriptHashOf(bytes), ...hashes]).size).to.equal(bytes.length + 1)
  })

  it('of the largest network fits into the size peers allow one another', () => {
    const largestDealing = {
      commitment: Array.from({ length: MAX_MEMBERS }, () => new Uint8Array(33)),
      proofOfKnowledge: new Uint8Array(65),
    }
    const dealer = (slot: number) => ({
      slot,
      signing: largestDealing,
      beacon: largestDealing,
    })
    const largest = encodeTranscript(
      FEED_ID,
      Array.from({ length: MAX_MEMBERS }, (_, slot) => dealer(slot)),
    )
    expect(largest.length).to.be.at.most(MAX_TRANSCRIPT_BYTES)
  })
})

describe('a dealer’s share', () => {
  const signers = { min: 3, max: 4 }
  const dealer = (slot: number) =>
    frost.DKG.round1(identifierOf(slot), signers, undefined, seededRandom(`dealer ${slot}`))
  const dealers = [0, 1, 2, 3].map(dealer)
  const [first, ...others] = dealers
  if (first === undefined) throw new Error('unreachable')
  const dealt = frost.DKG.round2(
    first.secret,
    others.map(other => other.public),
  )
  const shareOf = (slot: number) => dealt[identifierOf(slot)]?.signingShare ?? new Uint8Array()

  it('fits its dealer’s commitments for the slot it is meant for', () => {
    for (const slot of [1, 2, 3])
      expect(shareFits(slot, shareOf(slot), first.public.commitment)).to.equal(true)
  })

  it('fits no other slot and no other dealer', () => {
    expect(shareFits(2, shareOf(1), first.public.commitment)).to.equal(false)
    expect(shareFits(1, shareOf(1), others[0]?.public.commitment ?? [])).to.equal(false)
  })

  it('fits nothing when it is no scalar, or the commitments are no points', () => {
    expect(shareFits(1, new Uint8Array(32).fill(0xff), first.public.commitment)).to.equal(false)
    expect(shareFits(1, new Uint8Array(32), first.public.commitment)).to.equal(false)
    expect(shareFits(1, shareOf(1).subarray(1), first.public.commitment)).to.equal(false)
    expect(shareFits(1, shareOf(1), [new Uint8Array(33)])).to.equal(false)
  })
})

describe('a group key', () => {
  it('has even y whichever way the sum of the dealers falls', () => {
    const raw = Array.from({ length: 8 }, (_, seed) => makeKey([0, 1, 2], 2, `parity ${seed}`))
    for (const key of raw) {
      for (const slot of [0, 1, 2]) {
        const pub = publicOf(key, slot)
        expect(pub.commitments[0]?.[0]).to.equal(2)
        expect(() => frost.validateSecret(secretShareOf(key, slot), pub)).to.not.throw()
      }
      expect(groupKeyX(publicOf(key, 0))).to.equal(groupKeyX(publicPackageFromTranscript(key.transcript)))
    }
  })

  it('with odd y is not taken for a finished one', () => {
    const pub = publicOf(makeKey([0, 1, 2], 2, 'odd'))
    const [groupKey, ...rest] = pub.commitments
    const odd = Uint8Array.from(groupKey ?? [])
    odd[0] = 3
    expect(() => groupKeyX({ ...pub, commitments: [odd, ...rest] })).to.throw(RangeError)
  })
})

describe('the installation of a key', () => {
  const installation: GroupKeyInstallation = {
    keyEpoch: 4,
    registryVersion: 7,
    memberSet: 2,
    transcriptHash: FEED_ID,
    participants: [0, 2, 3],
    px: 99n,
  }

  it('is signed with everything that the registry will store', () => {
    const changes: Partial<GroupKeyInstallation>[] = [
      { keyEpoch: 5 },
      { registryVersion: 8 },
      { memberSet: 3 },
      { transcriptHash: `0x${'01'.repeat(32)}` },
      { participants: [0, 2] },
      { px: 100n },
    ]
    const digests = [
      installationDigest(DOMAIN, installation),
      installationDigest({ ...DOMAIN, chainId: 1 }, installation),
      ...changes.map(change => installationDigest(DOMAIN, { ...installation, ...change })),
    ].map(hexOf)
    expect(new Set(digests).size).to.equal(digests.length)
  })

  it('names its participants by a bitmap, which leads back to them', () => {
    expect(bitmapOf([0, 2, 3])).to.equal(0b1101n)
    expect(bitmapOf([])).to.equal(0n)
    for (const slots of [[], [0], [5], [0, 2, 3], [1, 64, 127]]) {
      expect(slotsOf(bitmapOf(slots))).to.deep.equal(slots)
    }
  })
})
