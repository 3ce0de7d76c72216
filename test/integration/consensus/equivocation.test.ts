import { expect } from 'chai'
import type { Round } from '../../../protocol/rounds.ts'
import { at, signQuoteAs } from '../../support/network/cast.ts'
import {
  type Consensus,
  type ConsensusMember,
  priceOf,
  startConsensus,
} from '../../support/network/consensus.ts'
import { HostileAggregator } from '../../support/network/hostile-aggregator.ts'
import {
  certificatesOf,
  expectHonest,
  nextCertificates,
  provenAgainstAggregators,
  provenAgainstMembers,
  roundOf,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

const HONEST = [0, 1, 2]

describe('a network of four with one member that says two things', function () {
  this.timeout(60_000)
  let net: Consensus
  let liar: ConsensusMember

  beforeEach(async () => {
    net = await startConsensus({ n: 4, timing: TRIAL_TIMING, dealt: true })
    liar = at(net.members, 3)
  })
  afterEach(() => net.stop())

  /** Says two things in the first round from now on. Resolves with that round. */
  const lieOnce = (
    say: (first: Uint8Array, second: Uint8Array, publish: (bytes: Uint8Array) => void) => void,
  ) =>
    new Promise<Round>(resolve => {
      liar.outgoing = (quote, publish) => {
        const second = signQuoteAs(liar.party, 3, { ...quote.quote, price: priceOf(9) })
        liar.outgoing = undefined
        say(quote.bytes, second.bytes, publish)
        resolve(quote.quote.round)
      }
    })

  it('certifies the round in which it does so, and leaves its quotes out from then on', async () => {
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
    const round = await lieOnce((first, second, publish) => {
      publish(first)
      publish(second)
    })
    await waitFor('the round of the lie to be certified', () =>
      certificatesOf(net).some(certified => roundOf(certified) === round),
    )
    const later = await nextCertificates(net, 2)
    for (const { quotes } of later) expect(quotes.map(({ slot }) => slot)).to.deep.equal(HONEST)
    expectHonest(net, [...HONEST, 3])
    expect(provenAgainstMembers(net)).to.deep.equal(['3 EQUIVOCATION'])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  it('shows the proof to an aggregator that has heard one of the two only, which then does without', async () => {
    // The liar is found out before the aggregators hear of it: the second quote reaches members alone.
    const round = await lieOnce((first, second, publish) => {
      publish(first)
      for (const member of net.members.slice(0, 3)) {
        void liarTells(member, second)
      }
    })
    for (const { book } of net.aggregators) expect(book.isEquivocator(1, 3)).to.equal(false)
    await waitFor('the members to know', () =>
      net.members.slice(0, 3).every(({ book }) => book.isEquivocator(1, 3)),
    )
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    const certified = await nextCertificates(net, 2, found => roundOf(found) > round)
    for (const { quotes } of certified) expect(quotes.map(({ slot }) => slot)).to.deep.equal(HONEST)
    const proofs = net.aggregators.flatMap(({ learned }) => learned)
    expect(proofs.map(({ slot }) => slot)).to.include(3)
    expectHonest(net, [...HONEST, 3])
    expect(provenAgainstMembers(net)).to.deep.equal(['3 EQUIVOCATION'])
  })

  it('lets nobody blame an honest aggregator whose word holds a quote of it', async () => {
    const hostile = new HostileAggregator(net)
    const round = await hostile.nextRound()
    const signers = await hostile.pairsOf([0, 1, 2])
    const quotes = await hostile.quotesOf(round, [0, 1, 2, 3])
    const second = signQuoteAs(liar.party, 3, { ...at(quotes, 3).quote, price: priceOf(9) })
    // One member has signed before the lie comes out, and the others are asked after.
    const sealed = hostile.seal(round, quotes, signers)
    const first = await hostile.propose(0, sealed)
    for (const member of net.members.slice(0, 3)) await liarTells(member, second.bytes)
    const others = await Promise.all([1, 2].map(slot => hostile.propose(slot, sealed)))
    expect([first, ...others].map(({ kind }) => kind)).to.deep.equal(['share', 'share', 'share'])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  /** Puts a quote straight into a member's book, as gossip to it alone would. */
  const liarTells = async (member: ConsensusMember, bytes: Uint8Array): Promise<void> => {
    await waitFor('the member to have the first', () => {
      const admission = member.book.admit(bytes, () => net.membership(), Date.now())
      return admission.verdict === 'equivocation' || member.book.isEquivocator(1, 3)
    })
  }
})
