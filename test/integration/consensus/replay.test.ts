import { expect } from 'chai'
import { encodeSignedQuote, type Quote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { asRound, nextRound, type Round, roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import { at, DOMAIN, FEED_ID, signQuoteAs } from '../../support/network/cast.ts'
import {
  type Consensus,
  type ConsensusMember,
  priceOf,
  startConsensus,
} from '../../support/network/consensus.ts'
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

describe('a network of four that hears what is meant for elsewhere', function () {
  this.timeout(60_000)
  let net: Consensus
  let liar: ConsensusMember

  before(async () => {
    net = await startConsensus({ n: 4, timing: TRIAL_TIMING, dealt: true })
    liar = at(net.members, 3)
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
  })
  after(() => net.stop())
  afterEach(() => {
    liar.outgoing = undefined
    expectHonest(net, [0, 1, 2, 3])
    expect(provenAgainstMembers(net)).to.deep.equal([])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  /** Publishes what a lying member made of its quote, beside the quote; resolves with both. */
  const beside = (make: (quote: Quote) => Uint8Array): Promise<{ honest: SignedQuote; bytes: Uint8Array }> =>
    new Promise(resolve => {
      liar.outgoing = (honest, publish) => {
        liar.outgoing = undefined
        const bytes = make(honest.quote)
        publish(bytes)
        publish(honest.bytes)
        resolve({ honest, bytes })
      }
    })
  const certifiedRound = (round: Round) =>
    waitFor('the round to be certified', () =>
      certificatesOf(net).find(certified => roundOf(certified) === round),
    )
  const heldBytes = (round: Round): string[] =>
    [...net.members.slice(0, 3), ...net.aggregators].map(({ book }) =>
      Buffer.from(book.quoteOf(round, 3)?.signed.bytes ?? []).toString('hex'),
    )

  it('rejects a quote that the member signed for another chain', async () => {
    const elsewhere = { ...DOMAIN, chainId: 1 }
    const before = net.aggregators.map(({ network }) => network.counts().GOSSIP_REJECTED)
    const { honest } = await beside(quote => {
      const other: Quote = { ...quote, price: priceOf(8) }
      return encodeSignedQuote(elsewhere, 3, other, liar.party.sign(quoteDigest(elsewhere, other))).bytes
    })
    const certified = await certifiedRound(honest.quote.round)
    expect(certified.quotes.map(({ slot }) => slot)).to.include(3)
    for (const [index, { network }] of net.aggregators.entries()) {
      expect(network.counts().GOSSIP_REJECTED).to.equal((before[index] ?? 0) + 1)
      expect([...network.rejects().keys()]).to.deep.equal([liar.party.peerKey])
    }
  })

  it('rejects a quote for another chain that was given this one’s tag', async () => {
    const elsewhere = { ...DOMAIN, chainId: 1 }
    const before = net.aggregators.map(({ network }) => network.counts().GOSSIP_REJECTED)
    const { honest } = await beside(quote => {
      const other: Quote = { ...quote, price: priceOf(8) }
      return encodeSignedQuote(DOMAIN, 3, other, liar.party.sign(quoteDigest(elsewhere, other))).bytes
    })
    await certifiedRound(honest.quote.round)
    expect(new Set(heldBytes(honest.quote.round))).to.deep.equal(
      new Set([Buffer.from(honest.bytes).toString('hex')]),
    )
    for (const [index, { network }] of net.aggregators.entries()) {
      expect(network.counts().GOSSIP_REJECTED).to.equal((before[index] ?? 0) + 1)
    }
  })

  it('takes a quote for another feed for no lie about this one', async () => {
    const { honest } = await beside(
      quote =>
        signQuoteAs(liar.party, 3, { ...quote, feedId: `0x${'77'.repeat(32)}`, price: priceOf(8) }).bytes,
    )
    const certified = await certifiedRound(honest.quote.round)
    expect(certified.report.feedId).to.equal(FEED_ID)
    expect(new Set(heldBytes(honest.quote.round))).to.deep.equal(
      new Set([Buffer.from(honest.bytes).toString('hex')]),
    )
  })

  it('ignores an old quote that is sent again in a later round', async () => {
    const [old] = certificatesOf(net)
    const stale = old?.quotes.find(({ slot }) => slot === 3)
    if (stale === undefined) throw new Error('no quote of the liar')
    const { honest } = await beside(() => stale.bytes)
    await certifiedRound(honest.quote.round)
    expect(new Set(heldBytes(honest.quote.round))).to.deep.equal(
      new Set([Buffer.from(honest.bytes).toString('hex')]),
    )
  })

  it('keeps no quote of ten minutes ahead, and takes it for nothing when the time has come', async () => {
    const { roundMs } = net.timing
    const ahead = asRound(roundAt(Date.now() + 600_000, roundMs))
    const { honest } = await beside(
      quote =>
        signQuoteAs(liar.party, 3, {
          ...quote,
          round: ahead,
          observedAt: Math.floor(roundStartMs(ahead) / 1_000),
        }).bytes,
    )
    await certifiedRound(honest.quote.round)
    expect(heldBytes(ahead)).to.deep.equal(heldBytes(ahead).map(() => ''))
    expect(net.aggregators.every(({ network }) => network.connected().includes(liar.party.peerKey))).to.equal(
      true,
    )
  })

  it('lets a member that was restarted within a round sign nothing in it, and be back two rounds later', async () => {
    const { roundMs } = net.timing
    const restartedIn = roundAt(Date.now(), roundMs)
    const before = at(net.members, 1).guard.lockOf(restartedIn)?.word
    await net.restart(1)
    const quiet = nextRound(roundAt(Date.now(), roundMs), roundMs)
    const [back] = await nextCertificates(net, 1, ({ quotes }) => quotes.some(({ slot }) => slot === 1))
    if (back === undefined) throw new Error('it did not come back')
    expect(roundOf(back)).to.be.above(restartedIn)
    expect(at(net.members, 1).guard.lockOf(restartedIn)?.word).to.equal(before)
    expect(quiet).to.be.above(restartedIn)
  })
})
