import { expect } from 'chai'
import { hexOf } from '../../../protocol/bytes.ts'
import { topicOf } from '../../../protocol/channels.ts'
import type { Domain } from '../../../protocol/domain.ts'
import {
  activeMembers,
  aggregatorByIdentity,
  memberByIdentity,
  memberBySlot,
  membershipAt,
  peerKeysOf,
  type RegistryView,
  relayerByIdentity,
  relayerByPeerKey,
} from '../../../protocol/membership.ts'
import { DOMAIN, ProtocolNetwork, withSuspended } from '../../support/protocol/network.ts'
import { seeded } from '../../support/protocol/seeded.ts'

const network = new ProtocolNetwork(6)
const { membership } = network

describe('a membership', () => {
  it('finds members by slot and identity, and aggregators only as aggregators', () => {
    expect(memberBySlot(membership, 4)?.identity).to.equal(network.identityOf(4))
    expect(memberBySlot(membership, 6)).to.equal(undefined)
    expect(memberByIdentity(membership, network.identityOf(4))?.slot).to.equal(4)
    expect(memberByIdentity(membership, network.aggregatorIdentity(0))).to.equal(undefined)
    expect(aggregatorByIdentity(membership, network.aggregatorIdentity(1))?.index).to.equal(1)
    expect(aggregatorByIdentity(membership, network.identityOf(0))).to.equal(undefined)
  })

  it('finds relayers only as relayers', () => {
    const relayer = { index: 0, identity: network.identityOf(9), peerKey: hexOf(seeded('relayer')) }
    const gateway = { index: 0, identity: network.identityOf(10), peerKey: hexOf(seeded('gateway')) }
    const served = new ProtocolNetwork(6, { relayers: [relayer], gateways: [gateway] }).membership
    expect(relayerByIdentity(served, relayer.identity)).to.equal(relayer)
    expect(relayerByPeerKey(served, relayer.peerKey)).to.equal(relayer)
    expect(relayerByIdentity(served, gateway.identity)).to.equal(undefined)
    expect(relayerByPeerKey(served, network.membership.aggregators[0]?.peerKey ?? '0x')).to.equal(undefined)
    expect(memberByIdentity(served, relayer.identity)).to.equal(undefined)
    expect(aggregatorByIdentity(served, relayer.identity)).to.equal(undefined)
  })

  it('knows the peer keys of all roles, of suspended members too', () => {
    const relayer = { index: 0, identity: network.identityOf(9), peerKey: hexOf(seeded('relayer')) }
    const gateway = { index: 0, identity: network.identityOf(10), peerKey: hexOf(seeded('gateway')) }
    const { membership: served } = new ProtocolNetwork(6, { relayers: [relayer], gateways: [gateway] })
    const keys = [...served.members, ...served.aggregators].map(({ peerKey }) => peerKey)
    const view: RegistryView = {
      newest: withSuspended(served, 2),
      previous: undefined,
      switchAtSec: 0,
      pending: undefined,
    }
    expect(peerKeysOf(view)).to.deep.equal(new Set([...keys, relayer.peerKey, gateway.peerKey]))
  })

  it('knows those who come with the next rotation, and those who left with the last one', () => {
    const [leaver, comer] = [
      new ProtocolNetwork(9).membership.members[8],
      new ProtocolNetwork(8).membership.members[7],
    ]
    if (leaver === undefined || comer === undefined) throw new Error('not as many members as asked for')
    const view: RegistryView = {
      newest: membership,
      previous: { ...membership, members: [...membership.members, leaver] },
      switchAtSec: 0,
      pending: { memberSet: 2, members: [comer] },
    }
    expect([...peerKeysOf(view)]).to.include.members([leaver.peerKey, comer.peerKey])
  })

  it('changes over to the new key in the round that begins at the switch, and not before', () => {
    const newest = { ...membership, keyEpoch: membership.keyEpoch + 1 }
    const view: RegistryView = { newest, previous: membership, switchAtSec: 100, pending: undefined }
    expect(membershipAt(view, 99_999)).to.equal(membership)
    expect(membershipAt(view, 100_000)).to.equal(newest)
    expect(membershipAt({ ...view, previous: undefined }, 0)).to.equal(newest)
  })

  it('finds a member by its slot also behind an empty one', () => {
    const members = membership.members.filter(({ slot }) => slot !== 1)
    expect(memberBySlot({ ...membership, members }, 2)).to.equal(members[1])
    expect(memberBySlot({ ...membership, members }, 1)).to.equal(undefined)
  })

  it('has neither relayers nor gateways where none are named', () => {
    expect([membership.relayers, membership.gateways]).to.deep.equal([[], []])
  })

  it('loses an active member with a suspension, and keeps its quorum', () => {
    const after = withSuspended(membership, 2)
    expect(activeMembers(after).map(member => member.slot)).to.deep.equal([0, 1, 3, 4, 5])
    expect(after.quorum).to.deep.equal({ n: 6, f: 1, q: 4 })
  })
})

describe('a topic', () => {
  it('has another name in every network', () => {
    const domains: Domain[] = [
      DOMAIN,
      { ...DOMAIN, chainId: 1 },
      { ...DOMAIN, registry: `0x${'cd'.repeat(20)}` },
    ]
    const names = domains.flatMap(domain => [topicOf(domain, 'quotes'), topicOf(domain, 'certified')])
    expect(new Set(names).size).to.equal(6)
  })

  it('has the same name however the registry’s address is written', () => {
    const upper: Domain = { ...DOMAIN, registry: `0x${'AB'.repeat(20)}` }
    expect(topicOf(upper, 'quotes')).to.equal(topicOf(DOMAIN, 'quotes'))
  })
})
