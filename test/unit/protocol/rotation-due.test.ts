import { expect } from 'chai'
import { nextKeyOf } from '../../../protocol/keygen/attempt.ts'
import { answersReason, rotationDue } from '../../../protocol/keygen/due.ts'
import type { RegistryView } from '../../../protocol/membership.ts'
import { castOf, registryView } from '../../support/network/cast.ts'

const TERMS = { rotationSec: 1_000 }
const LONG = { rotationSec: 1_000_000 }
const SWITCH = 5_000
const cast = castOf(4)
const groupKey = { px: 1n, transcriptHash: `0x${'11'.repeat(32)}`, participants: [0, 1, 2, 3] } as const
const incomplete = { ...groupKey, participants: [0, 1, 2] }
const view = (change: Partial<RegistryView> = {}, suspended: readonly number[] = []): RegistryView => ({
  newest: registryView(cast, { groupKey, suspended }),
  previous: undefined,
  switchAtSec: SWITCH,
  pending: undefined,
  ...change,
})
const pending = { memberSet: 2, members: registryView(castOf(5)).members }

describe('the next group key', () => {
  it('is due at once while there is none', () => {
    expect(rotationDue({ ...view(), newest: registryView(cast) }, 0, TERMS)).to.equal('FIRST')
  })

  it('is due on schedule, counted from when the last one began to count', () => {
    expect(rotationDue(view(), SWITCH + 999, TERMS)).to.equal(undefined)
    expect(rotationDue(view(), SWITCH + 1_000, TERMS)).to.equal('SCHEDULE')
  })

  it('is due when a list of members is pending', () => {
    expect(rotationDue(view({ pending }), SWITCH, TERMS)).to.equal('MEMBERS')
  })

  it('is due when a member that holds a share is suspended, not when another one is', () => {
    expect(rotationDue(view({}, [1]), SWITCH, TERMS)).to.equal('SUSPENSION')
    const without3 = { ...view(), newest: registryView(cast, { groupKey: incomplete, suspended: [3] }) }
    expect(rotationDue(without3, SWITCH + 999, TERMS)).to.equal(undefined)
  })

  it('is due when the last one has cooled down and an active member holds no share of it', () => {
    const lacking = { ...view(), newest: registryView(cast, { groupKey: incomplete }) }
    expect(rotationDue(lacking, SWITCH + 599, LONG)).to.equal(undefined)
    expect(rotationDue(lacking, SWITCH + 600, LONG)).to.equal('INCOMPLETE')
    expect(rotationDue(lacking, SWITCH + 499, TERMS)).to.equal(undefined)
    expect(rotationDue(lacking, SWITCH + 500, TERMS)).to.equal('INCOMPLETE')
    expect(rotationDue(view(), SWITCH + 600, LONG)).to.equal(undefined)
  })

  it('for an incomplete one is made with somebody that holds no share of it', () => {
    const lacking = { ...view(), newest: registryView(cast, { groupKey: incomplete }) }
    expect(answersReason('INCOMPLETE', lacking, [0, 1, 2])).to.equal(false)
    expect(answersReason('INCOMPLETE', lacking, [0, 1, 3])).to.equal(true)
    expect(answersReason('SCHEDULE', lacking, [0, 1, 2])).to.equal(true)
  })

  it('is never due before the last handover is over', () => {
    for (const early of [view({ pending }), view({}, [1])]) {
      expect(rotationDue(early, SWITCH - 1, TERMS)).to.equal(undefined)
      // The last reports of the key before may still be on their way to the chain.
      const after = { ...early, previous: early.newest }
      expect(rotationDue(after, SWITCH + 29, TERMS)).to.equal(undefined)
      expect(rotationDue(after, SWITCH + 30, TERMS)).to.not.equal(undefined)
    }
  })

  it('is made by the pending list where there is one, else by the active members, and needs the quorum of all', () => {
    expect(nextKeyOf(view({ pending }))).to.deep.include({
      keyEpoch: 2,
      memberSet: 2,
      quorum: { n: 5, f: 1, q: 4 },
    })
    const after = nextKeyOf(view({}, [1]))
    expect(after).to.deep.include({ memberSet: 1, quorum: { n: 4, f: 1, q: 3 } })
    expect(after.members.map(({ slot }) => slot)).to.deep.equal([0, 2, 3])
  })
})
