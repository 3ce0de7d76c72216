import { expect } from 'chai'
import type { FollowedLog } from '../../../chain/settlement/events.ts'
import { Registries } from '../../../chain/settlement/registries.ts'
import { membershipUnder } from '../../../chain/settlement/view.ts'
import { rotationDue } from '../../../protocol/keygen/due.ts'
import { membershipOf } from '../../../protocol/membership.ts'
import { castOf } from '../../support/network/cast.ts'

const members = castOf(4).members.map(({ identity, peerKey }) => ({ identity, peerKey }))
const others = castOf(7).members.map(({ identity, peerKey }) => ({ identity, peerKey }))

function log(eventName: string, args: object): FollowedLog {
  return { eventName, args } as unknown as FollowedLog
}

describe('members whom the timelock has installed', () => {
  const registries = new Registries()
  registries.add(log('MembersProposed', { memberSet: 1, members }))
  const key = { px: 5n, transcriptHash: '0x77', participants: 15n }
  registries.add(log('GroupKeyRotated', { keyEpoch: 1, memberSet: 1, ...key, switchesAt: 100 }))
  registries.add(log('MembersInstalled', { keyEpoch: 2, memberSet: 2, members: others }), 200)
  const current = membershipOf({
    registryVersion: 9,
    keyEpoch: 3,
    groupKey: undefined,
    members: castOf(4).members.map((member, slot) => ({ ...member, slot, suspended: false })),
    aggregators: [],
  })
  const under = (keyEpoch: number) =>
    membershipUnder(keyEpoch, { groupKeyOf: epoch => registries.groupKeyOf(epoch) }, current)

  it('begin a key epoch at the second of their block', () => {
    expect([99, 100, 199, 200].map(sec => registries.keyEpochAt(sec))).to.deep.equal([undefined, 1, 1, 2])
  })

  it('certify in it as a quorum, and have no group key', () => {
    expect(under(1)?.groupKey?.px).to.equal(5n)
    const membership = under(2)
    expect(membership?.groupKey).to.equal(undefined)
    expect(membership?.quorum).to.deep.equal({ n: 7, f: 2, q: 5 })
    expect(membership?.memberSet).to.equal(2)
  })

  it('have to make a key at once', () => {
    const newest = under(2)
    if (newest === undefined) throw new Error('they are known')
    const view = { newest, previous: undefined, switchAtSec: 200, pending: undefined }
    expect(rotationDue(view, 200, { rotationSec: 1_000 })).to.equal('FIRST')
  })
})
