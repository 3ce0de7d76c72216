import { expect } from 'chai'
import { CHANNELS } from '../../../protocol/channels.ts'
import { at } from '../../support/network/cast.ts'
import { type Consensus, registryOf, startConsensus } from '../../support/network/consensus.ts'
import {
  certificatesOf,
  expectHonest,
  nextCertificates,
  provenAgainstAggregators,
  provenAgainstMembers,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

describe('a network of four with one member that says nothing', function () {
  this.timeout(60_000)
  let net: Consensus

  before(async () => {
    net = await startConsensus({ n: 4, timing: TRIAL_TIMING, dealt: true })
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
  })
  after(() => net.stop())
  afterEach(() => {
    for (const member of net.members) {
      member.tamper = undefined
      member.outgoing = undefined
    }
    expectHonest(net, [0, 1, 2, 3])
    expect(provenAgainstMembers(net)).to.deep.equal([])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  it('certifies the others’ median', async () => {
    const silent = at(net.members, 3)
    silent.outgoing = () => {}
    silent.tamper = () => new Promise(() => {})
    const certified = await nextCertificates(net, 3, ({ quotes }) => quotes.length === 3)
    for (const { quotes, signers } of certified) {
      expect(quotes.map(({ slot }) => slot)).to.deep.equal([0, 1, 2])
      expect(signers).to.deep.equal([0, 1, 2])
    }
  })

  it('names the member that quotes and does not answer, and certifies the same round without it', async () => {
    const silent = at(net.members, 3)
    silent.tamper = (protocol, _request, answer) =>
      protocol === CHANNELS.sign ? new Promise(() => {}) : answer()
    const named = () => net.aggregators.flatMap(({ faults }) => faults)
    await waitFor('the silence to be noticed', () => named().includes('3 SILENT'))
    const [certified] = await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
    expect(certified?.signers).to.deep.equal([0, 1, 2])
  })

  it('asks a member directly for the quote that gossip did not bring', async () => {
    const asked = new Set<string>()
    const quiet = at(net.members, 1)
    quiet.outgoing = () => {}
    quiet.tamper = (protocol, _request, answer) => {
      asked.add(protocol)
      return answer()
    }
    const [certified] = await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
    expect(certified?.quotes.map(({ slot }) => slot)).to.deep.equal([0, 1, 2, 3])
    expect(asked).to.include(CHANNELS.quote)
  })

  it('goes on with three when the fourth is suspended, and asks it for nothing', async () => {
    const { newest } = net.view()
    const members = newest.members.map(member => ({ ...member, suspended: member.slot === 2 }))
    net.changeTo(registryOf({ ...newest, registryVersion: newest.registryVersion + 1, members }))
    const before = certificatesOf(net).length
    // A round in flight still has the old view.
    const certified = await nextCertificates(net, 3, ({ quotes }) => quotes.length === 3)
    expect(certificatesOf(net).length).to.be.above(before)
    for (const { quotes, signers } of certified) {
      expect(quotes.map(({ slot }) => slot)).to.deep.equal([0, 1, 3])
      expect(signers).to.deep.equal([0, 1, 3])
    }
  })
})
