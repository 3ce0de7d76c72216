import { expect } from 'chai'
import type { CertifiedRound } from '../../../aggregator/rounds/active-round.ts'
import {
  type Certificate,
  verifyCertifiedReport,
  verifyQuorumSignatures,
} from '../../../protocol/certificate.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { verifyGroupSignature } from '../../../protocol/frost.ts'
import { installationDigest } from '../../../protocol/keygen/installation.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { medianReport, medianWord } from '../../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeNoncePairs,
  decodeReply,
  encodeNonceRequest,
  encodeProposal,
  encodeReply,
  type NoncePair,
  type Reply,
} from '../../../protocol/round/messages.ts'
import { collectionDeadlineMs } from '../../../protocol/round/timing.ts'
import { aggregatorTurn, nextRound, type Round, roundAt } from '../../../protocol/rounds.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { at, crypto, DOMAIN, FEED_ID, signQuoteAs } from '../../support/network/cast.ts'
import {
  type Consensus,
  type ConsensusAggregator,
  priceOf,
  startConsensus,
} from '../../support/network/consensus.ts'
import { waitFor } from '../../support/network/wait.ts'

const SLOTS = [0, 1, 2, 3]

describe('a network of four members and two aggregators', function () {
  this.timeout(60_000)
  let net: Consensus

  before(async () => {
    net = await startConsensus({ n: 4 })
    // As the service's loop does; whose turn it is to call is the aggregators' business.
    while (net.installations.length === 0) {
      for (const aggregator of net.aggregators) await aggregator.callKeygen()
      await systemClock.sleep(20)
    }
    await waitFor('shares to be loaded', () => net.members.every(member => member.holdsShare()))
  })
  after(() => net.stop())
  afterEach(() => {
    for (const member of net.members) {
      member.tamper = undefined
      member.outgoing = undefined
    }
  })

  /** The next certificate of an aggregator that satisfies `wanted`. */
  const nextCertificate = (
    aggregator: ConsensusAggregator,
    wanted: (certified: CertifiedRound) => boolean = () => true,
  ): Promise<CertifiedRound> => {
    const from = aggregator.certified.length
    return waitFor('a certificate', () => aggregator.certified.slice(from).find(wanted))
  }
  const isValid = ({ report }: CertifiedRound): boolean =>
    verifyCertifiedReport(DOMAIN, net.membership(), report, crypto)
  const kindOf = ({ report }: CertifiedRound): Certificate['kind'] => report.certificate.kind
  const roundOf = ({ report }: CertifiedRound): Round => unpackReport(report.word).round

  /** Begins with the next round in which `index` is the primary aggregator. */
  const roundOfPrimary = (index: number): Round => {
    const { roundMs } = net.timing
    let round = nextRound(roundAt(systemClock.now(), roundMs), roundMs)
    while (aggregatorTurn(round, roundMs, 2).primary !== index) round = nextRound(round, roundMs)
    return round
  }
  const quotesSeen = (round: Round, slots: readonly number[]): Promise<SignedQuote[]> =>
    waitFor(`quotes of ${slots.join()}`, () => {
      const seen = at(net.members, 0).book.quotesOf(round)
      const chosen = seen.filter(({ signed }) => slots.includes(signed.slot)).map(({ signed }) => signed)
      return chosen.length === slots.length && chosen
    })

  let boots = 0
  /** A pair of each signer for a hostile aggregator 1, which does not run any rounds of its own. */
  const pairsFor = async (signers: readonly number[]): Promise<ChosenSigner[]> => {
    boots += 1
    const request = encodeNonceRequest({ keyEpoch: 1, bootId: `0x${boots.toString(16).padStart(64, '0')}` })
    return Promise.all(
      signers.map(async slot => {
        const answer = await at(net.aggregators, 1).network.request(
          at(net.members, slot).party.peerKey,
          CHANNELS.nonces,
          request,
          { timeoutMs: 2_000, maxReplyBytes: 1_024 },
        )
        const pair: NoncePair = at(decodeNoncePairs(answer), 0)
        return { slot, ...pair }
      }),
    )
  }
  const sealProposal = (
    round: Round,
    quotes: readonly SignedQuote[],
    word: bigint,
    signers: readonly ChosenSigner[],
  ): Uint8Array =>
    sealMessage(
      DOMAIN,
      MESSAGE_KIND.proposal,
      1,
      encodeProposal({
        feedId: FEED_ID,
        round,
        session: 0,
        quotes: quotes.map(({ bytes }) => bytes),
        word,
        signers,
        equivocations: [],
      }),
      at(net.aggregators, 1).party.sign,
    )
  const propose = async (slot: number, sealed: Uint8Array): Promise<Reply> => {
    const { peerKey } = at(net.members, slot).party
    const options = { timeoutMs: 2_000, maxReplyBytes: 20_000 }
    const answer = await at(net.aggregators, 1).network.request(peerKey, CHANNELS.sign, sealed, options)
    return decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, answer, crypto).body)
  }
  const wordOf = (quotes: readonly SignedQuote[]): bigint => medianWord(quotes.map(({ quote }) => quote))
  const sleepUntil = (timeMs: number): Promise<void> =>
    systemClock.sleep(Math.max(0, timeMs - systemClock.now()))

  describe('generating its key', () => {
    it('ends with an installation that a quorum consents to and the new key itself signed', () => {
      const installation = at(net.installations, 0)
      const { keyEpoch, participants, px, signature, consents } = installation
      const digest = installationDigest(DOMAIN, installation)
      expect({ keyEpoch, participants }).to.deep.equal({ keyEpoch: 1, participants: SLOTS })
      expect(verifyGroupSignature(px, digest, signature)).to.equal(true)
      expect(verifyQuorumSignatures(net.membership(), digest, consents, crypto)).to.equal(true)
    })

    it('calls no second one while the key is installed', async () => {
      await at(net.aggregators, 0).callKeygen()
      await at(net.aggregators, 1).callKeygen()
      expect(net.installations).to.have.length(1)
    })
  })

  describe('with one honest aggregator', () => {
    before(() => at(net.aggregators, 0).startRounds())

    it('certifies the median of all quotes under the group key', async () => {
      const aggregator = at(net.aggregators, 0)
      const certified = await nextCertificate(aggregator, ({ quotes }) => quotes.length === 4)
      expect(isValid(certified)).to.equal(true)
      expect(kindOf(certified)).to.equal('group')
      expect(certified.signers).to.have.length(3)
      const { price } = unpackReport(certified.report.word)
      expect(price).to.equal((priceOf(1) + priceOf(2)) / 2n)
    })

    it('certifies with the other three when one member does not answer proposals', async () => {
      const silent = at(net.members, 0)
      silent.tamper = (protocol, _request, answer) =>
        protocol === CHANNELS.sign ? new Promise(() => {}) : answer()
      const aggregator = at(net.aggregators, 0)
      const from = aggregator.outcomes.length
      // Sooner or later it is among those that are asked.
      await waitFor('the silence to be noticed', () => aggregator.outcomes.slice(from).includes('SILENT'))
      const certified = await nextCertificate(aggregator, ({ signers }) => !signers.includes(0))
      expect(certified.signers).to.deep.equal([1, 2, 3])
      expect(isValid(certified)).to.equal(true)
    })

    it('names the member whose share is bad and certifies the same round without it', async () => {
      const liar = at(net.members, 1)
      liar.tamper = async (protocol, _request, answer) => {
        const sealed = await answer()
        if (protocol !== CHANNELS.sign) return sealed
        const reply = decodeReply(openMessage(DOMAIN, MESSAGE_KIND.share, sealed, crypto).body)
        if (reply.kind !== 'share') return sealed
        const share = Uint8Array.from(reply.share)
        share[31] = (share[31] ?? 0) ^ 1
        return sealMessage(DOMAIN, MESSAGE_KIND.share, 1, encodeReply({ ...reply, share }), liar.party.sign)
      }
      const aggregator = at(net.aggregators, 0)
      const blamed = () =>
        aggregator.logs.filter(line => line.sentence === 'a signature share does not verify')
      // A member that a slow machine made late can turn one such round into a quorum certificate: then the next one shows it.
      const certified = await waitFor('a round that was certified without it after the blame', () =>
        aggregator.certified.find(
          found =>
            kindOf(found) === 'group' && blamed().some(({ fields }) => fields['round'] === roundOf(found)),
        ),
      )
      expect(blamed().map(({ fields }) => fields['slots'])).to.deep.include([1])
      expect(blamed().every(({ fields }) => String(fields['slots']) === '1')).to.equal(true)
      expect(certified.signers).to.deep.equal([0, 2, 3])
      expect(isValid(certified)).to.equal(true)
    })

    it('goes on when a member has been stopped and started again', async () => {
      await net.restart(2)
      expect(at(net.members, 2).holdsShare()).to.equal(true)
      const restarted = at(net.members, 2)
      const certified = await nextCertificate(
        at(net.aggregators, 0),
        ({ signers, quotes }) => signers.includes(2) && quotes.some(({ slot }) => slot === 2),
      )
      expect(isValid(certified)).to.equal(true)
      expect(restarted.outcomes).to.include('share')
    })
  })

  describe('against a hostile primary aggregator', () => {
    it('no member signs a word that does not follow from the quotes', async () => {
      const round = roundOfPrimary(1)
      const signers = await pairsFor([0, 1, 2])
      const quotes = await quotesSeen(round, SLOTS)
      const lie = wordOf(quotes) + (1n << 176n)
      const sealed = sealProposal(round, quotes, lie, signers)
      const replies = await Promise.all([0, 1, 2].map(slot => propose(slot, sealed)))
      expect(replies.map(reply => reply.kind === 'refused' && reply.reason)).to.deep.equal(
        [0, 1, 2].map(() => 'WRONG_WORD'),
      )
      expect(at(net.members, 0).guard.lockOf(round)?.word).to.not.equal(lie)
    })

    it('members show the quotes that a proposal leaves out, and lock nothing', async () => {
      const round = roundOfPrimary(1)
      const signers = await pairsFor([0, 1, 2])
      const quotes = await quotesSeen(round, SLOTS)
      await sleepUntil(collectionDeadlineMs(round, net.timing))
      const kept = quotes.filter(({ slot }) => slot !== 3)
      const reply = await propose(0, sealProposal(round, kept, wordOf(kept), signers))
      expect(reply.kind).to.equal('missing')
      const shown = reply.kind === 'missing' ? reply.quotes.map(bytes => Buffer.from(bytes)) : []
      expect(shown).to.deep.equal([Buffer.from(at(quotes, 3).bytes)])
      expect(at(net.members, 0).guard.lockOf(round)).to.equal(undefined)
    })

    it('members locked to one word refuse another, and the backup certifies the locked one', async () => {
      const round = roundOfPrimary(1)
      const deadlineMs = collectionDeadlineMs(round, net.timing)
      // The last quote comes so late that leaving it out is allowed: both words are then honest ones.
      at(net.members, 3).outgoing = (quote, publish) => {
        if (quote.quote.round !== round) return publish(quote.bytes)
        void sleepUntil(deadlineMs - net.timing.inclusionMarginMs + 10).then(() => publish(quote.bytes))
      }
      // Asked directly it would be there in time.
      at(net.members, 3).tamper = (protocol, _request, answer) =>
        protocol === CHANNELS.quote ? Promise.resolve(new Uint8Array()) : answer()
      const signers = await pairsFor([0, 1, 2])
      const three = await quotesSeen(round, [0, 1, 2])
      await sleepUntil(deadlineMs)
      const sealed = sealProposal(round, three, wordOf(three), signers)
      const shares = await Promise.all([0, 1, 2].map(slot => propose(slot, sealed)))
      expect(shares.map(({ kind }) => kind)).to.deep.equal(['share', 'share', 'share'])

      const four = await quotesSeen(round, SLOTS)
      expect(wordOf(four)).to.not.equal(wordOf(three))
      const second = await propose(0, sealProposal(round, four, wordOf(four), await pairsFor([0, 1, 2])))
      expect(second.kind).to.equal('locked')

      const certified = await nextCertificate(at(net.aggregators, 0), found => roundOf(found) === round)
      expect(certified.report.word).to.equal(wordOf(three))
      expect(isValid(certified)).to.equal(true)
    })

    it('a nonce pair that has signed is refused the second time', async () => {
      const round = roundOfPrimary(1)
      const signers = await pairsFor([0, 1, 2])
      const quotes = await quotesSeen(round, SLOTS)
      const sealed = sealProposal(round, quotes, wordOf(quotes), signers)
      const first = await propose(0, sealed)
      const second = await propose(0, sealed)
      expect(first.kind).to.equal('share')
      expect(second).to.include({ kind: 'refused', reason: 'UNKNOWN_NONCE' })
    })
  })

  describe('with a member that says two things', () => {
    it('everybody finds out, and its quotes count no more', async () => {
      const liar = at(net.members, 3)
      liar.outgoing = (quote, publish) => {
        publish(quote.bytes)
        const { round } = quote.quote
        publish(signQuoteAs(liar.party, 3, { ...quote.quote, round, price: priceOf(9) }).bytes)
      }
      await waitFor('everybody to know', () =>
        [...net.members.slice(0, 3), at(net.aggregators, 0)].every(({ book }) => book.isEquivocator(1, 3)),
      )
      const certified = await nextCertificate(at(net.aggregators, 0), ({ quotes }) => quotes.length === 3)
      expect(certified.quotes.map(({ slot }) => slot)).to.deep.equal([0, 1, 2])
      const report = medianReport(certified.quotes.map(({ quote }) => quote))
      expect(report.price).to.equal(priceOf(1))
      expect(isValid(certified)).to.equal(true)
    })
  })
})
