import { expect } from 'chai'
import { Dealer } from '../../../oracle-node/keygen/dealer.ts'
import { aggregateShares, frost, identifierOf, verifyGroupSignature } from '../../../protocol/frost.ts'
import { attemptIdOf, decodeTranscript, publicPackageFromTranscript } from '../../../protocol/keygen.ts'
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
        .with.property('code', 'WRONG_COMMITMENT')
    }
    expect(dealer.shareFor(1)).to.equal(undefined)
  })

  it('names the dealer whose polynomial has another degree', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const dealer = at(dealers, 0)
    const others = commitmentsFor(dealer, dealers).map(other =>
      other.slot === 2 ? { ...other, commitment: other.commitment.slice(1) } : other,
    )
    expect(() => dealer.fixTranscript(others))
      .to.throw()
      .that.includes({ code: 'WRONG_COMMITMENT', slot: 2 })
  })

  it('deals to nobody when a proof of knowledge is false', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const dealer = at(dealers, 0)
    const stolen = at(dealers, 3).own.proofOfKnowledge
    const others = commitmentsFor(dealer, dealers).map(other =>
      other.slot === 2 ? { ...other, proofOfKnowledge: stolen } : other,
    )
    expect(() => dealer.fixTranscript(others))
      .to.throw()
      .with.property('code', 'BAD_PROOF')
    expect(dealer.shareFor(1)).to.equal(undefined)
  })

  it('refuses commitments that are no points', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const dealer = at(dealers, 0)
    const junk = new Uint8Array(33).fill(5)
    const others = commitmentsFor(dealer, dealers).map(other =>
      other.slot === 2 ? { ...other, commitment: [junk, junk, junk] } : other,
    )
    expect(() => dealer.fixTranscript(others))
      .to.throw()
      .with.property('name', 'KeygenError')
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

  it('names the dealer of a share that does not fit', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
    const me = at(dealers, 0)
    const shares = sharesFor(me, dealers)
    const meantForAnother = at(dealers, 2).shareFor(1) ?? new Uint8Array()
    expect(me.accepts(2, meantForAnother)).to.equal(false)
    expect(me.accepts(2, new Uint8Array(32))).to.equal(false)
    expect(me.accepts(2, new Uint8Array(5))).to.equal(false)
    shares.set(2, meantForAnother)
    expect(() => me.finish(shares))
      .to.throw()
      .that.includes({ code: 'BAD_SHARE', slot: 2 })
  })

  it('still has the shares for the others after it has finished itself: an answer may get lost', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
    const me = at(dealers, 0)
    me.finish(sharesFor(me, dealers))
    expect(at(dealers, 1).accepts(0, me.shareFor(1) ?? new Uint8Array())).to.equal(true)
  })

  it('has nothing left to give away when it is given up', () => {
    const dealers = dealersFor(anAttempt(range(4), 3))
    const me = at(dealers, 0)
    me.fixTranscript(commitmentsFor(me, dealers))
    me.forget()
    expect(me.shareFor(1)).to.equal(undefined)
  })
})
