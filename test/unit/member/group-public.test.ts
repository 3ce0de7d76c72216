import { expect } from 'chai'
import { GroupPublic } from '../../../member/group-public.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { at, castOf, registryView } from '../../support/network/cast.ts'
import { type DealtKey, dealKey } from '../../support/network/dealt-keys.ts'
import { Wire } from '../../support/network/wire.ts'

const cast = castOf(4)
const LIMITS = { maxRequestBytes: 0, maxInFlightPerPeer: 2, timeoutMs: 1_000 }

describe('the public half of the group key', () => {
  let dealt: DealtKey
  let other: DealtKey
  let membership: Membership
  let wire: Wire
  let group: GroupPublic
  let asked: number[]

  before(() => {
    dealt = dealKey([0, 1, 2, 3], 3)
    other = dealKey([0, 1, 2, 3], 3)
    membership = registryView(cast, { groupKey: dealt.groupKey })
  })
  /** Member `slot` shows these bytes for a transcript. */
  const shows = (slot: number, bytes: () => Uint8Array): void => {
    wire.peer(at(cast.members, slot).peerKey).handle(CHANNELS.transcript, LIMITS, async () => {
      asked.push(slot)
      return bytes()
    })
  }
  const transcript = (): Uint8Array => at(dealt.keys, 0).transcript

  beforeEach(() => {
    wire = new Wire()
    asked = []
    group = new GroupPublic(wire.peer(at(cast.aggregators, 0).peerKey))
  })

  it('follows from a transcript that the registry names, whoever shows it', async () => {
    shows(0, () => {
      throw new Error('no')
    })
    shows(1, () => at(other.keys, 0).transcript)
    shows(2, () => Uint8Array.of(1, 2, 3))
    shows(3, transcript)
    await group.fetch(membership)
    expect(asked).to.deep.equal([0, 1, 2, 3])
    const { public: signing, beacon } = at(dealt.keys, 0)
    expect(group.current(membership)?.signing.verifyingShares).to.deep.equal(signing.verifyingShares)
    expect(group.current(membership)?.beacon).to.deep.equal(beacon.public)
  })

  it('stays unknown when nobody shows the right one', async () => {
    shows(0, () => at(other.keys, 0).transcript)
    await group.fetch(membership)
    expect(group.current(membership)).to.equal(undefined)
  })

  it('is asked for once at a time, and no more when it is known', async () => {
    shows(0, transcript)
    await Promise.all([group.fetch(membership), group.fetch(membership)])
    await group.fetch(membership)
    expect(asked).to.deep.equal([0])
  })

  it('is unknown for another key that the registry names', async () => {
    shows(0, transcript)
    await group.fetch(membership)
    expect(group.current(registryView(cast, { groupKey: other.groupKey, keyEpoch: 2 }))).to.equal(undefined)
  })

  it('is known for two keys at a time, each asked for by its transcript’s hash', async () => {
    const third = dealKey([0, 1, 2, 3], 3)
    const views = [dealt, other, third].map(({ groupKey }, index) =>
      registryView(cast, { groupKey, keyEpoch: index + 1 }),
    )
    wire.peer(at(cast.members, 0).peerKey).handle(CHANNELS.transcript, LIMITS, async hash => {
      const shown = [dealt, other, third].find(({ groupKey }) => groupKey.transcriptHash === hexOf(hash))
      return at(shown?.keys ?? [], 0).transcript
    })
    await Promise.all(views.slice(0, 2).map(view => group.fetch(view)))
    expect(views.map(view => group.current(view) !== undefined)).to.deep.equal([true, true, false])
    await group.fetch(at(views, 2))
    expect(views.map(view => group.current(view) !== undefined)).to.deep.equal([false, true, true])
  })

  it('is not asked of suspended members, nor before there is a key', async () => {
    shows(0, transcript)
    await group.fetch(registryView(cast, { groupKey: dealt.groupKey, suspended: [0] }))
    await group.fetch(registryView(cast))
    expect(asked).to.deep.equal([])
  })
})
