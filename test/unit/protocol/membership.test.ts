import { expect } from 'chai'
import { topicOf } from '../../../protocol/channels.ts'
import type { Domain } from '../../../protocol/domain.ts'
import {
  activeMembers,
  aggregatorByIdentity,
  memberByIdentity,
  memberBySlot,
} from '../../../protocol/membership.ts'
import { DOMAIN, ProtocolNetwork, withSuspended } from '../../support/protocol/network.ts'

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
