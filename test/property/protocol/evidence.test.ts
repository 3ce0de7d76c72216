import { expect } from 'chai'
import fc from 'fast-check'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { verifyEquivocation } from '../../../protocol/round/verify-quote.ts'
import { asRound } from '../../../protocol/rounds.ts'
import {
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  ROUND,
  T_MS,
  TIMING,
} from '../../support/protocol/network.ts'

const network = new ProtocolNetwork(4)
const openBook = () => new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, nobleIdentityCrypto)

const anyQuote = fc.record({
  round: fc.constantFrom(-1, 0, 0, 0, 1, 10).map(offset => asRound(ROUND + offset)),
  observedAt: fc.constantFrom(-1, 0, 0, 1, 2, 60).map(offset => T_MS / 1_000 + offset),
  confidence: fc.nat(20),
  keyEpoch: fc.constantFrom(KEY_EPOCH, KEY_EPOCH, KEY_EPOCH, KEY_EPOCH - 1),
})

describe('evidence', function () {
  this.timeout(30_000)

  it('that a process learns and passes on is rejected by nobody', () => {
    let learned = 0
    const scene = fc.record({
      slot: fc.nat(3),
      quotes: fc.tuple(anyQuote, anyQuote),
      same: fc.boolean(),
      nowMs: fc.integer({ min: T_MS - 3_000, max: T_MS + 5_000 }),
    })
    fc.assert(
      fc.property(scene, ({ slot, quotes: [one, other], same, nowMs }) => {
        const second = same ? { ...one, confidence: other.confidence } : other
        const pair = [network.signedQuote(slot, one).bytes, network.signedQuote(slot, second).bytes] as const
        const context = { domain: DOMAIN, feedId: FEED_ID, timing: TIMING, membership: network.membership }
        const evidence = verifyEquivocation(pair, { ...context, crypto: nobleIdentityCrypto })
        if (evidence === undefined || !openBook().learn(evidence, nowMs)) return
        learned += 1
        const book = openBook()
        for (const bytes of pair)
          expect(book.admit(bytes, () => network.membership, nowMs).verdict).to.not.equal('reject')
      }),
      { numRuns: 150 },
    )
    expect(learned).to.be.greaterThan(5)
  })
})
