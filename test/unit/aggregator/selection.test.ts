import { expect } from 'chai'
import fc from 'fast-check'
import {
  afterFailure,
  EVERYBODY,
  participantsOf,
  type Selection,
} from '../../../aggregator/keygen/selection.ts'
import { quorumOf } from '../../../protocol/quorum.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, slot) => slot)

/** Participants of the first attempts when every one of them fails and nobody is seen to fail. */
function sequence(present: readonly number[], quorum: number, attempts: number): number[][] {
  let selection: Selection = EVERYBODY
  return range(attempts).map(() => {
    const participants = participantsOf(selection, present, quorum)
    selection = afterFailure(selection, [], present, quorum)
    return participants
  })
}

describe('who takes part in a key generation', () => {
  it('is everybody at first, then everybody but one in turn, and then everybody again', () => {
    expect(sequence([0, 1, 2, 3], 3, 6)).to.deep.equal([
      [0, 1, 2, 3],
      [1, 2, 3],
      [0, 2, 3],
      [0, 1, 3],
      [0, 1, 2],
      [0, 1, 2, 3],
    ])
  })

  it('is everybody, again and again, while no more than a quorum are present', () => {
    expect(sequence([0, 2, 3], 3, 3)).to.deep.equal([
      [0, 2, 3],
      [0, 2, 3],
      [0, 2, 3],
    ])
  })

  it('comes to every set that can be spared before any comes again', () => {
    const { n, q } = quorumOf(7)
    const sets = sequence(range(n), q, 1 + 7 + 21).map(slots => slots.join())
    expect(new Set(sets).size).to.equal(sets.length)
  })

  it('is everybody but those that were seen to fail, once, before the turn goes on', () => {
    const present = [0, 1, 2, 3]
    const suspicious = afterFailure(EVERYBODY, [2], present, 3)
    expect(participantsOf(suspicious, present, 3)).to.deep.equal([0, 1, 3])
    const wrong = afterFailure(suspicious, [], present, 3)
    expect(participantsOf(wrong, present, 3)).to.deep.equal([1, 2, 3])
  })

  it('remembers whom it saw fail one after the other', () => {
    const present = range(7)
    let selection = afterFailure(EVERYBODY, [2], present, 5)
    selection = afterFailure(selection, [4], present, 5)
    selection = afterFailure(selection, [], present, 5)
    expect(participantsOf(selection, present, 5)).to.deep.equal([0, 1, 3, 5, 6])
  })

  it('suspects nobody when more fail than can be spared: it may be the caller itself that is cut off', () => {
    const present = [0, 1, 2, 3]
    const selection = afterFailure(EVERYBODY, present, present, 3)
    expect(participantsOf(selection, present, 3)).to.deep.equal([1, 2, 3])
  })

  it('is never fewer than a quorum, also when members have gone since', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 12 }),
        fc.array(fc.array(fc.nat(11), { maxLength: 12 }), { maxLength: 40 }),
        fc.array(fc.nat(11), { maxLength: 4 }),
        (n, failures, gone) => {
          const { q } = quorumOf(n)
          let selection: Selection = EVERYBODY
          for (const seen of failures) selection = afterFailure(selection, seen, range(n), q)
          const present = range(n).filter(slot => !gone.includes(slot))
          if (present.length < q) return
          const participants = participantsOf(selection, present, q)
          expect(participants.length).to.be.at.least(q)
          expect(present).to.include.members(participants)
        },
      ),
    )
  })

  it('comes to be the honest members alone, whatever the faulty ones do to be overlooked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 10 }),
        fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 }),
        fc.infiniteStream(fc.array(fc.nat(9), { maxLength: 5 })),
        (n, picks, sightings) => {
          const { q, f } = quorumOf(n)
          const faulty = new Set(picks.slice(0, f).map(pick => pick % n))
          let selection: Selection = EVERYBODY
          // Every set of at most n − q ≤ 5 of 10, each second attempt.
          for (let attempt = 0; attempt < 2 * 2 ** n; attempt++) {
            if (!participantsOf(selection, range(n), q).some(slot => faulty.has(slot))) return
            const seen = sightings.next().value ?? []
            selection = afterFailure(selection, seen, range(n), q)
          }
          expect.fail(`the faulty ${[...faulty]} were never left out together`)
        },
      ),
    )
  })
})
