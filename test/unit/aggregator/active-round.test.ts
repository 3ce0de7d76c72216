import { expect } from 'chai'
import { ActiveRound, type CertifiedRound } from '../../../aggregator/rounds/active-round.ts'
import { NoncePool } from '../../../aggregator/rounds/nonce-pool.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import {
  decodeProposal,
  encodeNoncePairs,
  encodeProposal,
  encodeReply,
  type Proposal,
  type Reply,
  sessionIdOf,
} from '../../../protocol/round/messages.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { roundStartMs } from '../../../protocol/rounds.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import {
  at,
  castOf,
  crypto,
  DOMAIN,
  FEED_ID,
  ROUND,
  registryView,
  signQuoteAs,
  TIMING,
} from '../../support/network/cast.ts'
import { type DealtKey, dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { waitFor } from '../../support/network/wait.ts'

const cast = castOf(4)
const ALL = [0, 1, 2, 3]
const frost = loadNativeFrostCrypto()

type Answer = (slot: number, proposal: Proposal, sessionId: Reply['sessionId']) => Reply | undefined

describe('a round in flight', () => {
  let dealt: DealtKey
  let asked: { readonly slot: number; readonly session: number }[]
  let certified: CertifiedRound[]
  let counts: string[]
  let faults: string[]
  let book: QuoteBook

  before(() => {
    dealt = dealKey(ALL, 3)
  })
  beforeEach(() => {
    asked = []
    certified = []
    counts = []
    faults = []
    book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, crypto)
  })

  const quoteOf = (slot: number, confidence = 10 + slot): SignedQuote =>
    signQuoteAs(at(cast.members, slot), slot, { confidence })
  const pair = (slot: number) => frost.commit(at(dealt.keys, slot).secret).commitments

  const open = (slots: readonly number[], answer: Answer, aggregate = frost.aggregate): ActiveRound => {
    const membership = registryView(cast, { groupKey: dealt.groupKey })
    const slotOf = (peerKey: string) => cast.members.findIndex(member => member.peerKey === peerKey)
    const network = {
      connected: () => cast.members.map(({ peerKey }) => peerKey),
      request: async (to: string, protocol: string, request: Uint8Array): Promise<Uint8Array> => {
        const slot = slotOf(to)
        if (protocol === CHANNELS.nonces) return encodeNoncePairs([pair(slot), pair(slot)])
        const { body } = openMessage(DOMAIN, MESSAGE_KIND.proposal, request, crypto)
        const proposal = decodeProposal(body)
        asked.push({ slot, session: proposal.session })
        const reply = answer(slot, proposal, sessionIdOf(request))
        if (reply === undefined) return new Promise(() => {})
        return sealMessage(DOMAIN, MESSAGE_KIND.share, 1, encodeReply(reply), at(cast.members, slot).sign)
      },
    }
    const quotes = slots.map(slot => quoteOf(slot))
    return new ActiveRound(
      ROUND,
      'primary',
      quotes,
      { domain: DOMAIN, feedId: FEED_ID, timing: TIMING, membership, groupPublic: at(dealt.keys, 0).public },
      {
        clock: { ...systemClock, now: () => roundStartMs(ROUND) + TIMING.collectMs },
        logger: recordLogger(),
        crypto,
        frost: { aggregate },
        network,
        nonces: new NoncePool(new Uint8Array(32), 1, network, frost),
        record: { failed: () => {}, failedLately: () => false },
        book,
        sign: at(cast.aggregators, 0).sign,
        certified: round => certified.push(round),
        count: outcome => counts.push(outcome),
        fault: (slot, fault) => faults.push(`${slot} ${fault}`),
        aggregatorFault: (index, fault) => faults.push(`aggregator ${index} ${fault}`),
        learned: () => {},
      },
    )
  }

  it('does without a signer whose missing quotes prove a lie about none of the session’s', async () => {
    const [first, second] = [quoteOf(3, 1), quoteOf(3, 2)]
    const round = open([0, 1, 2], (_slot, { session, signers }, sessionId) =>
      session === 0 && _slot === at(signers, 0).slot
        ? { kind: 'missing', sessionId, quotes: [second.bytes] }
        : undefined,
    )
    // It came after the proposal was made.
    round.dispatch({ type: 'tick' })
    book.adopt(first, at(cast.members, 3).identity, roundStartMs(ROUND) + TIMING.collectMs)
    await waitFor('another session', () => asked.some(({ session }) => session === 1))
    expect(book.isEquivocator(1, 3)).to.equal(true)
    expect(faults).to.deep.equal([])
  })

  it('asks others for the same word when a liar shows the proof against itself', async () => {
    const words: bigint[] = []
    const other = quoteOf(1, 1)
    const round = open(ALL, (slot, { word, quotes }, sessionId) => {
      words.push(word)
      const said = at(quotes, 1)
      const evidence = [said, other.bytes] as const
      return slot === 1 ? { kind: 'refused', sessionId, reason: 'EQUIVOCATOR', evidence } : undefined
    })
    round.dispatch({ type: 'tick' })
    await waitFor('another session', () => asked.some(({ session }) => session === 1))
    expect(new Set(words).size).to.equal(1)
  })

  it('adopts no lock on a proposal with two quotes of one member', async () => {
    const sealed = (proposal: Proposal): Uint8Array => {
      const twice = { ...proposal, quotes: [at(proposal.quotes, 0), ...proposal.quotes] }
      const body = encodeProposal(twice)
      return sealMessage(DOMAIN, MESSAGE_KIND.proposal, 1, body, at(cast.aggregators, 1).sign)
    }
    const round = open(ALL, (slot, proposal, sessionId) =>
      slot === 0 ? { kind: 'locked', sessionId, proposal: sealed(proposal) } : undefined,
    )
    round.dispatch({ type: 'tick' })
    await waitFor('two faults', () => faults.length >= 2)
    expect(faults.slice(0, 2).sort()).to.deep.equal(['0 FALSE_LOCK', 'aggregator 1 DUPLICATE_QUOTE'])
  })

  it('announces no certificate that does not hold', async () => {
    const answer: Answer = (slot, { word }, sessionId) => ({
      kind: 'share',
      sessionId,
      identitySignature: at(cast.members, slot).sign(reportDigest(DOMAIN, FEED_ID, word)),
      share: new Uint8Array(32).fill(1),
      nonce: pair(slot),
    })
    const round = open(ALL, answer, () => ({ r: `0x${'12'.repeat(20)}`, s: 5n }))
    round.dispatch({ type: 'tick' })
    await waitFor('the end of the round', () => counts.includes('certified_by_quorum'))
    expect(counts.filter(outcome => outcome === 'BAD_CERTIFICATE')).to.not.deep.equal([])
    expect(certified.map(({ report }) => report.certificate.kind)).to.deep.equal(['quorum'])
    expect(faults).to.deep.equal([])
  })
})
