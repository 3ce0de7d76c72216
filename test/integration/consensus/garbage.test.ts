import { expect } from 'chai'
import { CHANNELS } from '../../../protocol/channels.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import { decodeReply, encodeReply, type Reply } from '../../../protocol/round/messages.ts'
import { MAX_STRIKES } from '../../../runtime/p2p/conduct.ts'
import { at, crypto, DOMAIN, signQuoteAs } from '../../support/network/cast.ts'
import { type Consensus, type ConsensusMember, startConsensus } from '../../support/network/consensus.ts'
import {
  expectHonest,
  nextCertificates,
  provenAgainstAggregators,
  provenAgainstMembers,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

describe('a network of four with one member that answers with nonsense', function () {
  this.timeout(60_000)
  let net: Consensus

  before(async () => {
    net = await startConsensus({ n: 4, timing: TRIAL_TIMING, dealt: true })
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
  })
  after(() => net.stop())
  afterEach(() => {
    for (const aggregator of net.aggregators) aggregator.forgive()
    for (const member of net.members) {
      member.tamper = undefined
      member.outgoing = undefined
    }
    expectHonest(net, [0, 1, 2, 3])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  /** Has a member answer proposals with something else than it would. */
  const answering = (liar: ConsensusMember, lie: (reply: Reply) => Reply): void => {
    liar.tamper = async (protocol, _request, answer) => {
      const sealed = await answer()
      if (protocol !== CHANNELS.sign) return sealed
      const reply = decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, sealed, crypto).body)
      return sealMessage(DOMAIN, MESSAGE_KIND.share, 1, encodeReply(lie(reply)), liar.party.sign)
    }
  }
  const namedFor = async (fault: string): Promise<void> => {
    const from = net.aggregators.map(({ faults }) => faults.length)
    const fresh = () => net.aggregators.flatMap(({ faults }, index) => faults.slice(from[index]))
    await waitFor(fault, () => fresh().includes(fault), 20_000)
    await nextCertificates(net, 1)
  }

  it('names one whose replies are no replies', async () => {
    at(net.members, 3).tamper = async (protocol, _request, answer) =>
      protocol === CHANNELS.sign ? new Uint8Array(300).fill(7) : answer()
    await namedFor('3 BAD_REPLY')
    expect(provenAgainstMembers(net)).to.deep.equal([])
  })

  it('names one whose shares are bad, and nobody beside it', async () => {
    answering(at(net.members, 3), reply => {
      if (reply.kind !== 'share') return reply
      const share = Uint8Array.from(reply.share)
      share[31] = (share[31] ?? 0) ^ 1
      return { ...reply, share }
    })
    await namedFor('3 BAD_SHARE')
    expect(provenAgainstMembers(net)).to.deep.equal(['3 BAD_SHARE'])
  })

  it('names one that says something is missing and shows nothing', async () => {
    answering(at(net.members, 3), ({ sessionId }) => ({ kind: 'missing', sessionId, quotes: [] }))
    await namedFor('3 FALSE_MISSING')
  })

  it('names one that shows quotes as missing which their members never signed', async () => {
    const forged = signQuoteAs(at(net.members, 3).party, 0)
    answering(at(net.members, 3), ({ sessionId }) => ({
      kind: 'missing',
      sessionId,
      quotes: [forged.bytes],
    }))
    await namedFor('3 FALSE_MISSING')
  })

  it('names one that shows a lock which nobody sealed', async () => {
    answering(at(net.members, 3), ({ sessionId }) => ({
      kind: 'locked',
      sessionId,
      proposal: new Uint8Array(500),
    }))
    await namedFor('3 FALSE_LOCK')
  })

  it('names one that calls a right word wrong', async () => {
    answering(at(net.members, 3), ({ sessionId }) => ({ kind: 'refused', sessionId, reason: 'WRONG_WORD' }))
    await namedFor('3 FALSE_REFUSAL')
  })

  it('names one that accuses another with quotes that prove nothing', async () => {
    const [first, second] = [
      signQuoteAs(at(net.members, 3).party, 0),
      signQuoteAs(at(net.members, 3).party, 1),
    ]
    answering(at(net.members, 3), ({ sessionId }) => ({
      kind: 'refused',
      sessionId,
      reason: 'EQUIVOCATOR',
      evidence: [first.bytes, second.bytes],
    }))
    await namedFor('3 FALSE_EVIDENCE')
    expect(provenAgainstMembers(net).filter(text => !text.startsWith('3 '))).to.deep.equal([])
    expect(net.aggregators.flatMap(({ learned }) => learned)).to.deep.equal([])
  })

  it('cuts off one that gossips garbage, and certifies without it', async () => {
    const liar = at(net.members, 3)
    let sent = 0
    liar.outgoing = (quote, publish) => {
      for (let k = 0; k < 2; k++) {
        const bytes = Uint8Array.from(quote.bytes)
        // In the signature: everything before it is as it should be.
        bytes[100] = (bytes[100] ?? 0) ^ 1
        bytes[101] = sent++ & 0xff
        publish(bytes)
      }
    }
    const others = [...net.members.slice(0, 3), ...net.aggregators]
    await waitFor(
      'everybody to have cut it off',
      () => others.every(({ network }) => network.counts().BANNED_FOR_REJECTS === 1),
      20_000,
    )
    for (const { network } of others) {
      expect([...network.rejects().keys()]).to.deep.equal([liar.party.peerKey])
      expect(network.rejects().get(liar.party.peerKey)).to.be.at.least(MAX_STRIKES)
      expect(network.connected()).to.not.include(liar.party.peerKey)
    }
    const certified = await nextCertificates(net, 2)
    for (const { quotes } of certified) expect(quotes.map(({ slot }) => slot)).to.deep.equal([0, 1, 2])
  })
})
