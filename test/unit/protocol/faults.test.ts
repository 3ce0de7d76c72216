import { expect } from 'chai'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { encodeSignedQuote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { faultOfProposal, faultOfRefusal, isFalseMissing } from '../../../protocol/round/faults.ts'
import type { Proposal, Refusal } from '../../../protocol/round/messages.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { claimedSlot, isAuthentic, verifyEquivocation } from '../../../protocol/round/verify-quote.ts'
import { asRound, nextRound } from '../../../protocol/rounds.ts'
import {
  chosenSigner,
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  ROUND,
  T_MS,
  TIMING,
  withSuspended,
} from '../../support/protocol/network.ts'

const network = new ProtocolNetwork(5)
const { membership } = network
const context = { domain: DOMAIN, feedId: FEED_ID, membership, timing: TIMING, crypto: nobleIdentityCrypto }
const authentic = (bytes: Uint8Array): boolean => isAuthentic(bytes, ROUND, context)
const forged = encodeSignedQuote(
  DOMAIN,
  0,
  network.quote(0),
  network.signerOf(1)(quoteDigest(DOMAIN, network.quote(0))),
)

describe('what a refused proposal says of its aggregator', () => {
  const faultOf = (reason: Refusal, changes: Partial<Proposal> = {}, view = membership) =>
    faultOfProposal(reason, network.proposal(changes), view, bytes =>
      isAuthentic(bytes, ROUND, { ...context, membership: view }),
    )

  it('is a fault where its own bytes show it', () => {
    for (const reason of ['TOO_FEW_QUOTES', 'DUPLICATE_QUOTE', 'WRONG_WORD', 'FALSE_EVIDENCE'] as const)
      expect(faultOf(reason)).to.equal(reason)
  })

  it('is nothing where time or view explain it', () => {
    const open: Refusal[] = [
      'TOO_EARLY',
      'OTHER_KEY_EPOCH',
      'ALREADY_CERTIFIED',
      'UNKNOWN_NONCE',
      'EQUIVOCATOR',
    ]
    for (const reason of open) expect(faultOf(reason), reason).to.equal(undefined)
  })

  it('is no fault for a signer or a quote of a member that is suspended by now', () => {
    const view = withSuspended(membership, 1)
    expect(faultOf('BAD_SIGNER_SET', {}, view)).to.equal(undefined)
    expect(faultOf('BAD_QUOTE', {}, view)).to.equal(undefined)
  })

  it('is a fault for signers that no view explains, and for a quote that nobody signed', () => {
    for (const slots of [
      [0, 1, 2],
      [1, 0, 2, 3],
      [0, 1, 2, 77],
    ]) {
      expect(faultOf('BAD_SIGNER_SET', { signers: slots.map(chosenSigner) })).to.equal('BAD_SIGNER_SET')
    }
    const quotes = [forged, ...network.signedQuotes([1, 2, 3])].map(({ bytes }) => bytes)
    expect(faultOf('BAD_QUOTE', { quotes })).to.equal('BAD_QUOTE')
  })

  it('is a fault for a quote of another round, or observed outside its own, though its member signed it', () => {
    const next = nextRound(ROUND, TIMING.roundMs)
    for (const wrong of [
      network.signedQuote(0, { round: next, observedAt: T_MS / 1_000 + 1 }),
      network.signedQuote(0, { observedAt: T_MS / 1_000 + 60 }),
    ]) {
      const quotes = [wrong, ...network.signedQuotes([1, 2, 3])].map(({ bytes }) => bytes)
      expect(faultOf('BAD_QUOTE', { quotes })).to.equal('BAD_QUOTE')
    }
  })
})

describe('what an answer says of its member', () => {
  it('is a lie where the proposal’s bytes show the contrary, and nothing else', () => {
    expect(faultOfRefusal('WRONG_WORD')).to.equal('FALSE_REFUSAL')
    for (const reason of ['BUSY', 'TOO_EARLY', 'BAD_QUOTE', 'UNKNOWN_NONCE'] as const)
      expect(faultOfRefusal(reason), reason).to.equal(undefined)
  })

  it('shows nothing missing when it is empty, forged, or in the session already', () => {
    const included = network.signedQuotes([0, 1, 2, 3])
    const shows = (quotes: readonly SignedQuote[]) =>
      isFalseMissing(
        quotes.map(({ bytes }) => bytes),
        included,
        authentic,
      )
    expect(shows([])).to.equal(true)
    expect(shows([network.signedQuote(2)])).to.equal(true)
    expect(isFalseMissing([forged.bytes], [], authentic)).to.equal(true)
    expect(shows([network.signedQuote(2), network.signedQuote(4)])).to.equal(false)
  })
})

describe('a proof that a member said two things', () => {
  const [first, second] = [network.signedQuote(2), network.signedQuote(2, { confidence: 9 })]
  const proof = (a: SignedQuote, b: SignedQuote) => verifyEquivocation([a.bytes, b.bytes], context)

  it('is two different quotes of one slot and round, both signed by its member', () => {
    expect(proof(first, second)).to.deep.equal({ slot: 2, signer: network.identityOf(2), first, second })
    const later = { round: nextRound(ROUND, TIMING.roundMs), observedAt: T_MS / 1_000 + 1 }
    expect(proof(first, first)).to.equal(undefined)
    expect(proof(first, network.signedQuote(3))).to.equal(undefined)
    expect(proof(first, network.signedQuote(2, later))).to.equal(undefined)
    expect(proof(first, network.signedQuote(2, { keyEpoch: KEY_EPOCH - 1 }))).to.equal(undefined)
    expect(proof(forged, network.signedQuote(0))).to.equal(undefined)
  })

  it('is none of quotes that are rejected wherever they are shown', () => {
    for (const changes of [
      { round: asRound(ROUND + 1) },
      { observedAt: T_MS / 1_000 - 1 },
      { observedAt: T_MS / 1_000 + 2 },
    ]) {
      const [one, other] = [
        network.signedQuote(2, changes),
        network.signedQuote(2, { ...changes, confidence: 9 }),
      ]
      expect(proof(one, other)).to.equal(undefined)
      const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, nobleIdentityCrypto)
      const evidence = { slot: 2, signer: network.identityOf(2), first: one, second: other }
      expect(book.learn(evidence, T_MS)).to.equal(false)
      expect(book.equivocationsOf(KEY_EPOCH)).to.deep.equal([])
    }
  })

  it('holds against a member that is suspended, too', () => {
    const suspended = { ...context, membership: withSuspended(membership, 2) }
    expect(verifyEquivocation([first.bytes, second.bytes], suspended)).to.not.equal(undefined)
  })

  it('takes the member’s quotes out of the book, of every round, and is remembered with its time', () => {
    const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, nobleIdentityCrypto)
    const next = network.signedQuote(2, { round: nextRound(ROUND, TIMING.roundMs) })
    for (const quote of [network.signedQuote(1), first, next]) {
      expect(book.adopt(quote, network.identityOf(quote.slot), T_MS).verdict).to.equal('accept')
    }
    const evidence = proof(first, second)
    if (evidence === undefined) throw new Error('no proof')
    expect(book.learn(evidence, T_MS + 5)).to.equal(true)
    expect(book.learn(evidence, T_MS + 9)).to.equal(false)
    expect(book.equivocationOf(KEY_EPOCH, 2)).to.deep.equal({ evidence, sinceMs: T_MS + 5 })
    expect(book.equivocationsOf(KEY_EPOCH)).to.deep.equal([evidence])
    expect(book.quotesOf(ROUND).map(({ signed }) => signed.slot)).to.deep.equal([1])
    expect(book.quotesOf(next.quote.round)).to.deep.equal([])
    expect(book.adopt(first, network.identityOf(2), T_MS)).to.deep.include({ code: 'KNOWN_EQUIVOCATOR' })
  })

  it('is found when a verified quote contradicts the one that is known', () => {
    const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, nobleIdentityCrypto)
    book.adopt(first, network.identityOf(2), T_MS)
    expect(book.adopt(first, network.identityOf(2), T_MS)).to.deep.include({ code: 'DUPLICATE' })
    const admission = book.adopt(second, network.identityOf(2), T_MS)
    expect(admission).to.deep.include({ verdict: 'equivocation', evidence: proof(first, second) })
  })

  it('reads the slot that a quote claims from its bytes', () => {
    expect(claimedSlot(first.bytes)).to.equal(2)
    expect(claimedSlot(new Uint8Array(3))).to.equal(undefined)
  })
})
