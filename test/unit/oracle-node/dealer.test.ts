import { expect } from 'chai'
import { Dealer } from '../../../oracle-node/keygen/dealer.ts'
import {
  aggregateShares,
  frost,
  identifierOf,
  shareFits,
  verifyGroupSignature,
} from '../../../protocol/frost.ts'
import { attemptIdOf } from '../../../protocol/keygen/attempt.ts'
import { decodeTranscript, publicPackageFromTranscript } from '../../../protocol/keygen/transcript.ts'
import { at, DOMAIN } from '../../support/network/cast.ts'
import {
  anAttempt,
  commitmentsFor,
  dealersFor,
  dealKey,
  sharesFor,
} from '../../support/network/dealt-keys.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, slot) => slot)
const DIGEST = new Uint8Array(32).fill(7)

describe('key generation among dealers', () => {
  for (const { n, q } of [
    { n: 4, q: 3 },
    { n: 5, q: 4 },
    { n: 7, q: 5 },
  ]) {
    it(`gives ${n} members shares of one key, with which any ${q} of them sign`, () => {
      const { keys } = dealKey(range(n), q)
      const px = at(keys, 0).px
      expect(keys.map(key => key.px)).to.deep.equal(keys.map(() => px))
      for (const signers of [range(n).slice(0, q), range(n).slice(n - q)]) {
        const nonces = signers.map(slot => frost.commit(at(keys, slot).secret))
        const commitments = signers.map((slot, index) => ({
          identifier: identifierOf(slot),
          hiding: at(nonces, index).commitments.hiding,
          binding: at(nonces, index).commitments.binding,
        }))
        const shares = new Map(
          signers.map((slot, index) => {
            const { secret, public: pub } = at(keys, slot)
            return [
              slot,
              frost.signShare(secret, pub, at(nonces, index).nonces, commitments, DIGEST),
            ] as const
          }),
        )
        const signature = aggregateShares(at(keys, 0).public, commitments, DIGEST, shares)
        expect(verifyGroupSignature(px, DIGEST, signature)).to.equal(true)
      }
    })
  }

  it('lets anybody derive the same key from the transcript', () => {
    const { keys } = dealKey(range(4), 3)
    const [first, second] = keys
    expect(first?.transcript).to.deep.equal(second?.transcript)
    const { transcript } = decodeTranscript(first?.transcript ?? new Uint8Array())
    expect(publicPackageFromTranscript(transcript).verifyingShares).to.deep.equal(
      first?.public.verifyingShares,
    )
  })

  it('is not for a slot that does not take part', () => {
    const attempt = anAttempt([0, 1, 2], 3)
    expect(() => new Dealer(attempt, attemptIdOf(DOMAIN, attempt), 3))
      .to.throw()
      .with.property('code', 'NOT_A_PARTICIPANT')
  })

  it('refuses a set of commitments that is not exactly the participants', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const dealer = at(dealers, 0)
    const others = commitmentsFor(dealer, dealers)
    for (const wrong of [
      others.slice(1),
      [...others, at(others, 0)],
      [at(others, 0), at(others, 0), at(others, 1)],
    ]) {
      expect(() => dealer.fixTranscript(wrong))
        .to.throw()
        .with.property('code', 'INCOMPLETE')
    }
    expect(dealer.sharesFor(1)).to.equal(undefined)
  })

  it('deals to nobody when another dealer’s commitments or proof are false, in either polynomial', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const junk = new Uint8Array(33).fill(5)
    for (const which of ['signing', 'beacon'] as const) {
      const honest = at(dealers, 2).own[which]
      const stolen = at(dealers, 3).own[which].proofOfKnowledge
      for (const bad of [
        { ...honest, commitment: honest.commitment.slice(1) },
        { ...honest, commitment: [junk, junk, junk] },
        { ...honest, proofOfKnowledge: stolen },
      ]) {
        const dealer = at(dealersFor(anAttempt(range(4), 3)), 0)
        const others = commitmentsFor(at(dealers, 0), dealers).map(other =>
          other.slot === 2 ? { ...other, [which]: bad } : other,
        )
        expect(() => dealer.fixTranscript(others))
          .to.throw()
          .with.property('code', 'BAD_INPUT')
        expect(dealer.sharesFor(1)).to.equal(undefined)
      }
    }
  })

  it('comes to different transcripts when one dealer tells two stories', () => {
    const attempt = anAttempt(range(4), 3)
    const dealers = dealersFor(attempt)
    const secondStory = new Dealer(attempt, attemptIdOf(DOMAIN, attempt), 3).own
    const hashes = [0, 1].map(slot => {
      const dealer = at(dealers, slot)
      const others = commitmentsFor(dealer, dealers)
      return dealer.fixTranscript(
        slot === 0 ? others : others.map(other => (other.slot === 3 ? secondStory : other)),
      )
    })
    expect(hashes[0]).to.not.equal(hashes[1])
  })

  it('finishes with exactly the shares that were dealt to it', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
    const me = at(dealers, 0)
    const shares = sharesFor(me, dealers)
    expect(() => me.finish(new Map([...shares].slice(1))))
      .to.throw()
      .with.property('code', 'INCOMPLETE')
    const [good, other] = [shares.get(2), at(dealers, 2).sharesFor(1)]
    if (good === undefined || other === undefined) throw new Error('nothing was dealt')
    for (const bad of [other, { ...good, beacon: other.beacon }, { ...good, signing: other.signing }]) {
      expect(() => me.finish(new Map([...shares, [2, bad]])))
        .to.throw()
        .with.property('code', 'BAD_INPUT')
    }
  })

  it('gives every member a share of the one beacon key, which is not the signing key', () => {
    const { keys } = dealKey(range(4), 3)
    const { commitments } = at(keys, 0).beacon.public
    for (const [slot, key] of keys.entries()) {
      expect(key.beacon.public.commitments).to.deep.equal(commitments)
      expect(shareFits(slot, key.beacon.secret, commitments)).to.equal(true)
      expect(shareFits(slot, key.beacon.secret, key.public.commitments)).to.equal(false)
    }
  })

  it('still has the shares for the others after it has finished itself: an answer may get lost', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
    const me = at(dealers, 0)
    const before = me.sharesFor(1)
    me.finish(sharesFor(me, dealers))
    expect(me.sharesFor(1)).to.deep.equal(before)
    expect(shareFits(1, before?.signing ?? new Uint8Array(), me.own.signing.commitment)).to.equal(true)
  })

  it('has nothing left to give away when it is given up', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const me = at(dealers, 0)
    me.fixTranscript(commitmentsFor(me, dealers))
    me.forget()
    expect(me.sharesFor(1)).to.equal(undefined)
  })
})
