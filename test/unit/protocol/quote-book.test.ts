import { expect } from 'chai'
import sinon from 'sinon'
import { bigintToBytes, bytesToBigint, hexOf } from '../../../protocol/bytes.ts'
import { ORDER } from '../../../protocol/frost.ts'
import { fromCompact, nobleIdentityCrypto, toCompact } from '../../../protocol/identity.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { encodeSignedQuote, type Quote, quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { type Admission, QuoteBook } from '../../../protocol/round/quote-book.ts'
import { asRound, nextRound, previousRound, type Round } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import {
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  ROUND,
  T_MS,
  TIMING,
  withSuspended,
} from '../../support/protocol/network.ts'
import { otherSignature } from '../../support/protocol/signatures.ts'

const network = new ProtocolNetwork(4)
const { membership } = network
const NOW_MS = T_MS + 150

function openBook(crypto = nobleIdentityCrypto) {
  const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, crypto)
  const admit = (quote: Pick<SignedQuote, 'bytes'>, nowMs = NOW_MS, view: Membership = membership) =>
    book.admit(quote.bytes, () => view, nowMs)
  return { book, admit }
}

function code(admission: Admission): string {
  return 'code' in admission ? `${admission.verdict} ${admission.code}` : admission.verdict
}

/** Signed by the slot's own key, whatever the quote says. */
function signed(slot: number, changes: Partial<Quote>): SignedQuote {
  return network.signedQuote(slot, changes)
}

function withSignature(quote: SignedQuote, signature: Uint8Array): SignedQuote {
  return encodeSignedQuote(DOMAIN, quote.slot, quote.quote, signature)
}

/** (r, n − s) with the other parity: valid by the mathematics, refused because it has high s. */
function mirrored(signature: Uint8Array): Uint8Array {
  const { rs, parity } = fromCompact(signature)
  const s = bytesToBigint(rs.subarray(32))
  const high = Uint8Array.from([...rs.subarray(0, 32), ...bigintToBytes(ORDER - s, 32)])
  return toCompact(high, 1 - parity)
}

describe('a quote book', () => {
  it('accepts a valid quote and remembers when it came', () => {
    const { book, admit } = openBook()
    const quote = network.signedQuote(2)
    expect(admit(quote)).to.deep.equal({ verdict: 'accept', quote })
    expect(book.quotesOf(ROUND)).to.deep.equal([{ signed: quote, receivedAtMs: NOW_MS }])
    expect(book.quoteOf(ROUND, 2)).to.deep.equal({ signed: quote, receivedAtMs: NOW_MS })
    expect(book.quoteOf(ROUND, 1)).to.equal(undefined)
  })

  it('lists the quotes of a round in order of slot', () => {
    const { book, admit } = openBook()
    for (const slot of [3, 0, 2]) admit(network.signedQuote(slot))
    expect(book.quotesOf(ROUND).map(seen => seen.signed.slot)).to.deep.equal([0, 2, 3])
  })

  describe('rejects what no honest node sends', () => {
    it('BAD_SIZE: bytes that are shorter or longer than a quote', () => {
      const { bytes } = network.signedQuote(0)
      const sizes = [new Uint8Array(), bytes.subarray(1), Uint8Array.from([...bytes, 0])]
      for (const wrong of sizes) expect(code(openBook().admit({ bytes: wrong }))).to.equal('reject BAD_SIZE')
    })

    it('MALFORMED: a quote of another network, of another kind, or with a price of zero', () => {
      const { bytes } = network.signedQuote(0)
      const otherNetwork = Uint8Array.from(bytes)
      otherNetwork[0] = (otherNetwork[0] ?? 0) ^ 1
      const otherKind = Uint8Array.from(bytes)
      otherKind[4] = 2
      const zero = signed(0, { price: 0n as Price }).bytes
      for (const wrong of [otherNetwork, otherKind, zero]) {
        expect(code(openBook().admit({ bytes: wrong }))).to.equal('reject MALFORMED')
      }
    })

    it('BAD_ROUND: a round between two slots', () => {
      expect(code(openBook().admit(signed(0, { round: asRound(ROUND + 1) })))).to.equal('reject BAD_ROUND')
    })

    it('OUTSIDE_SLOT: a time that the slot does not touch', () => {
      const { admit } = openBook()
      const second = T_MS / 1_000
      expect(code(admit(signed(0, { observedAt: second - 1 })))).to.equal('reject OUTSIDE_SLOT')
      expect(code(admit(signed(0, { observedAt: second + 2 })))).to.equal('reject OUTSIDE_SLOT')
      expect(code(admit(signed(0, { observedAt: second + 1 })))).to.equal('accept')
    })

    it('BAD_SIGNATURE: signed by another member, by a stranger, or not at all', () => {
      const quote = network.signedQuote(0)
      const digest = quoteDigest(DOMAIN, quote.quote)
      const signatures = [
        network.signerOf(1)(digest),
        network.aggregatorSigner(0)(digest),
        new Uint8Array(64),
        new Uint8Array(64).fill(0xff),
      ]
      for (const signature of signatures) {
        expect(code(openBook().admit(withSignature(quote, signature)))).to.equal('reject BAD_SIGNATURE')
      }
    })

    it('BAD_SIGNATURE: the mirrored form of a good signature', () => {
      const quote = network.signedQuote(0)
      expect(code(openBook().admit(withSignature(quote, mirrored(quote.signature))))).to.equal(
        'reject BAD_SIGNATURE',
      )
    })
  })

  describe('ignores what an honest node may send with another view', () => {
    it('LATE: a quote of a round before the previous one', () => {
      const { admit } = openBook()
      const quote = network.signedQuote(0)
      expect(code(admit(quote, T_MS + 2 * TIMING.roundMs))).to.equal('ignore LATE')
      expect(code(admit(quote, T_MS + 2 * TIMING.roundMs - 1))).to.equal('accept')
    })

    it('TOO_EARLY: a quote of a round after the next one, as far as clocks may differ', () => {
      const { admit } = openBook()
      const quote = network.signedQuote(0)
      const nextBegins = T_MS - TIMING.roundMs - TIMING.skewMs
      expect(code(admit(quote, nextBegins - 1))).to.equal('ignore TOO_EARLY')
      expect(code(admit(quote, nextBegins))).to.equal('accept')
    })

    it('OTHER_KEY_EPOCH: a quote for an earlier or later key', () => {
      const { admit } = openBook()
      expect(code(admit(signed(0, { keyEpoch: KEY_EPOCH - 1 })))).to.equal('ignore OTHER_KEY_EPOCH')
      expect(code(admit(signed(0, { keyEpoch: KEY_EPOCH + 1 })))).to.equal('ignore OTHER_KEY_EPOCH')
    })

    it('OTHER_FEED: a quote of another feed', () => {
      expect(code(openBook().admit(signed(0, { feedId: `0x${'22'.repeat(32)}` })))).to.equal(
        'ignore OTHER_FEED',
      )
    })

    it('UNLISTED: a slot that nobody has, or whose member is suspended', () => {
      const { admit } = openBook()
      expect(code(admit(network.signedQuote(9)))).to.equal('ignore UNLISTED')
      expect(code(admit(network.signedQuote(1), NOW_MS, withSuspended(membership, 1)))).to.equal(
        'ignore UNLISTED',
      )
    })

    it('DUPLICATE: the same bytes again, without looking at the signature', () => {
      const recover = sinon.spy(nobleIdentityCrypto.recover)
      const { admit } = openBook({ ...nobleIdentityCrypto, recover })
      admit(network.signedQuote(0))
      expect(code(admit(network.signedQuote(0)))).to.equal('ignore DUPLICATE')
      expect(recover.callCount).to.equal(1)
    })

    it('DUPLICATE: the same quote under any other signature, without looking at it', () => {
      const recover = sinon.spy(nobleIdentityCrypto.recover)
      const { book, admit } = openBook({ ...nobleIdentityCrypto, recover })
      const quote = network.signedQuote(0)
      admit(quote)
      for (const signature of [otherSignature(quote), mirrored(quote.signature), new Uint8Array(64)]) {
        expect(code(admit(withSignature(quote, signature)))).to.equal('ignore DUPLICATE')
      }
      expect(recover.callCount).to.equal(1)
      expect(book.quotesOf(ROUND)[0]?.signed).to.deep.equal(quote)
    })

    it('KNOWN_EQUIVOCATOR: whatever else a liar says in the same key epoch', () => {
      const { admit } = openBook()
      admit(network.signedQuote(0))
      admit(signed(0, { confidence: 6 }))
      const next = signed(0, {
        round: nextRound(ROUND, TIMING.roundMs),
        observedAt: T_MS / 1_000 + 1,
      })
      expect(code(admit(next, NOW_MS + TIMING.roundMs))).to.equal('ignore KNOWN_EQUIVOCATOR')
    })
  })

  describe('finds equivocation', () => {
    it('in two different quotes of one member for one round, and shows both', () => {
      const { book, admit } = openBook()
      const first = network.signedQuote(0)
      const second = signed(0, { price: 5n as Price })
      admit(first)
      expect(admit(second)).to.deep.equal({
        verdict: 'equivocation',
        evidence: { slot: 0, signer: network.identityOf(0), first, second },
      })
      expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(true)
      expect(book.quotesOf(ROUND)).to.deep.equal([])
    })

    it('never in a mirrored signature of the same quote', () => {
      const { book, admit } = openBook()
      const quote = network.signedQuote(0)
      admit(quote)
      admit(withSignature(quote, mirrored(quote.signature)))
      expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(false)
    })

    it('never in a second valid signature of the same quote', () => {
      const { book, admit } = openBook()
      const quote = network.signedQuote(0)
      expect(hexOf(otherSignature(quote))).to.not.equal(hexOf(quote.signature))
      admit(quote)
      admit(withSignature(quote, otherSignature(quote)))
      expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(false)
    })

    it('never in a second quote that somebody else signed', () => {
      const { book, admit } = openBook()
      admit(network.signedQuote(0))
      const quote = network.quote(0, { price: 5n as Price })
      const forged = encodeSignedQuote(DOMAIN, 0, quote, network.signerOf(1)(quoteDigest(DOMAIN, quote)))
      expect(code(admit(forged))).to.equal('reject BAD_SIGNATURE')
      expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(false)
      expect(book.quotesOf(ROUND)).to.have.length(1)
    })

    it('never in quotes of different rounds', () => {
      const { book, admit } = openBook()
      admit(network.signedQuote(0))
      const later = signed(0, { round: nextRound(ROUND, TIMING.roundMs), observedAt: T_MS / 1_000 + 1 })
      expect(code(admit(later, NOW_MS + TIMING.roundMs))).to.equal('accept')
      expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(false)
    })

    it('never in quotes of different key epochs: the later one takes the place of the earlier', () => {
      const { book, admit } = openBook()
      admit(network.signedQuote(0))
      const renewed = signed(0, { keyEpoch: KEY_EPOCH + 1 })
      expect(code(admit(renewed, NOW_MS, { ...membership, keyEpoch: KEY_EPOCH + 1 }))).to.equal('accept')
      expect(book.isEquivocator(KEY_EPOCH + 1, 0)).to.equal(false)
      expect(book.quotesOf(ROUND).map(seen => seen.signed)).to.deep.equal([renewed])
    })
  })

  it('keeps the last two rounds, the current and the next, and none before', () => {
    const { book, admit } = openBook()
    const rounds: Round[] = []
    for (let ahead = 0; ahead < 6; ahead++) {
      const round = asRound(ROUND + ahead * 10)
      rounds.push(round)
      admit(signed(0, { round, observedAt: T_MS / 1_000 + ahead }), NOW_MS + ahead * TIMING.roundMs)
    }
    expect(rounds.map(round => book.quotesOf(round).length)).to.deep.equal([0, 0, 0, 1, 1, 1])
  })

  it('does not let an old round push out a newer one', () => {
    const { book, admit } = openBook()
    admit(network.signedQuote(0))
    const old = previousRound(ROUND, TIMING.roundMs)
    admit(signed(1, { round: old, observedAt: T_MS / 1_000 - 1 }))
    expect(book.quotesOf(ROUND)).to.have.length(1)
    expect(book.quotesOf(old)).to.have.length(1)
  })

  it('forgets liars of key epochs that have ended', () => {
    const { book, admit } = openBook()
    admit(network.signedQuote(0))
    admit(signed(0, { confidence: 6 }))
    book.forgetBefore(KEY_EPOCH)
    expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(true)
    book.forgetBefore(KEY_EPOCH + 1)
    expect(book.isEquivocator(KEY_EPOCH, 0)).to.equal(false)
  })
})
