import { expect } from 'chai'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { memberBySlot } from '../../../protocol/membership.ts'
import {
  decodeSignedQuote,
  encodeSignedQuote,
  quoteDigest,
  type SignedQuote,
} from '../../../protocol/quote.ts'
import type { Proposal, Refusal } from '../../../protocol/round/messages.ts'
import { decideOnProposal, type SignerContext, type SignerDecision } from '../../../protocol/round/signer.ts'
import { asRound, nextRound } from '../../../protocol/rounds.ts'
import {
  chosenSigner,
  DOMAIN,
  FEED_ID,
  KEY_EPOCH,
  ProtocolNetwork,
  ROUND,
  secretOf,
  T_MS,
  TIMING,
  withSuspended,
} from '../../support/protocol/network.ts'
import { otherSignature } from '../../support/protocol/signatures.ts'

const network = new ProtocolNetwork(5)
const { membership } = network
const q = membership.quorum.q
/** After the primary's time and before the backup's. */
const NOW_MS = T_MS + TIMING.collectMs + 50
const OWN_SLOT = 1

function verifyQuote(bytes: Uint8Array): SignedQuote | undefined {
  const signed = decodeSignedQuote(DOMAIN, bytes)
  const signer = nobleIdentityCrypto.recover(quoteDigest(DOMAIN, signed.quote), signed.signature)
  return signer !== undefined && signer === memberBySlot(membership, signed.slot)?.identity
    ? signed
    : undefined
}

function context(changes: Partial<SignerContext> = {}): SignerContext {
  return {
    nowMs: NOW_MS,
    slot: OWN_SLOT,
    feedId: FEED_ID,
    membership,
    timing: TIMING,
    silentUntil: 0,
    highestCertified: ROUND - 10,
    lock: undefined,
    hasKeyShare: true,
    nonceUnspent: () => true,
    seen: network.signedQuotes().map(signed => ({ signed, receivedAtMs: T_MS + 50 })),
    equivocatorSinceMs: () => undefined,
    verifyQuote,
    ...changes,
  }
}

interface Asked {
  readonly proposal?: Proposal
  readonly keyEpoch?: number
  readonly sender?: `0x${string}`
  readonly context?: Partial<SignerContext>
}

function decide(asked: Asked = {}): SignerDecision {
  const {
    proposal = network.proposal(),
    keyEpoch = KEY_EPOCH,
    sender = network.aggregatorIdentity(0),
  } = asked
  return decideOnProposal(proposal, keyEpoch, sender, context(asked.context))
}

function refused(reason: Refusal): SignerDecision {
  return { kind: 'refused', reason }
}

const primary = network.aggregatorIdentity(0)
const backup = network.aggregatorIdentity(1)
const BACKUP_MS = T_MS + TIMING.collectMs + TIMING.backupMs

describe('a signer', () => {
  it('signs the word of a proposal that holds all it saw', () => {
    const proposal = network.proposal()
    expect(decide({ proposal })).to.deep.equal({
      kind: 'sign',
      word: proposal.word,
      own: chosenSigner(OWN_SLOT),
    })
  })

  describe('whose turn it is', () => {
    it('NOT_AN_AGGREGATOR: nobody else may propose, members included', () => {
      expect(decide({ sender: network.identityOf(0) })).to.deep.equal(refused('NOT_AN_AGGREGATOR'))
    })

    it('NOT_ITS_TURN: an aggregator that is neither primary nor backup', () => {
      expect(decide({ sender: network.aggregatorIdentity(2) })).to.deep.equal(refused('NOT_ITS_TURN'))
    })

    it('TOO_EARLY: the primary before the deadline, unless everyone is in', () => {
      const early = { nowMs: T_MS + TIMING.collectMs - TIMING.skewMs - 1 }
      const some = network.proposal({ from: network.signedQuotes([0, 1, 2, 3]) })
      expect(decide({ proposal: some, context: { ...early, seen: [] } })).to.deep.equal(refused('TOO_EARLY'))
      expect(decide({ context: { ...early, seen: [] } }).kind).to.equal('sign')
      const onTime = { nowMs: early.nowMs + 1, seen: [] }
      expect(decide({ proposal: some, context: onTime }).kind).to.equal('sign')
    })

    it('TOO_EARLY: the backup before its time, even when everyone is in', () => {
      const nowMs = BACKUP_MS - TIMING.skewMs - 1
      expect(decide({ sender: backup, context: { nowMs } })).to.deep.equal(refused('TOO_EARLY'))
      expect(decide({ sender: backup, context: { nowMs: nowMs + 1 } }).kind).to.equal('sign')
    })

    it('waits for nobody who is known to have said two things, and for everybody else', () => {
      const nowMs = T_MS + 1
      const knows = { nowMs, seen: [], equivocatorSinceMs: (slot: number) => (slot === 4 ? T_MS : undefined) }
      const without = (...slots: number[]) => network.proposal({ from: network.signedQuotes(slots) })
      expect(decide({ proposal: without(0, 1, 2, 3), context: knows }).kind).to.equal('sign')
      // As many quotes, but the liar's in place of an honest one's.
      expect(decide({ proposal: without(0, 1, 2, 4), context: knows })).to.deep.equal(refused('TOO_EARLY'))
    })

    it('counts only active members when it asks whether everyone is in', () => {
      const nowMs = T_MS + 1
      const from = network.signedQuotes([0, 1, 2, 3])
      const view = withSuspended(membership, 4)
      const asked = { proposal: network.proposal({ from }), context: { nowMs, seen: [], membership: view } }
      expect(decide(asked).kind).to.equal('sign')
    })

    it('OTHER_KEY_EPOCH: a proposal under another key than its own view has', () => {
      expect(decide({ keyEpoch: KEY_EPOCH + 1 })).to.deep.equal(refused('OTHER_KEY_EPOCH'))
    })

    it('OTHER_FEED: a proposal for another feed', () => {
      const proposal = network.proposal({ feedId: `0x${'22'.repeat(32)}` })
      expect(decide({ proposal })).to.deep.equal(refused('OTHER_FEED'))
    })
  })

  describe('which round it is', () => {
    it('ROUND_OUTSIDE_WINDOW: neither the current round nor the one before', () => {
      expect(decide({ context: { nowMs: T_MS + 2 * TIMING.roundMs } })).to.deep.equal(
        refused('ROUND_OUTSIDE_WINDOW'),
      )
      expect(decide({ context: { nowMs: T_MS + 2 * TIMING.roundMs - 1 } }).kind).to.equal('sign')
    })

    it('ROUND_OUTSIDE_WINDOW: a round that has not begun, though everyone is in', () => {
      expect(decide({ context: { nowMs: T_MS - TIMING.skewMs - 1 } })).to.deep.equal(
        refused('ROUND_OUTSIDE_WINDOW'),
      )
    })

    it('ROUND_OUTSIDE_WINDOW: a round between two slots', () => {
      const proposal = network.proposal({ round: asRound(ROUND + 1) })
      expect(decide({ proposal })).to.deep.equal(refused('ROUND_OUTSIDE_WINDOW'))
    })

    it('JUST_STARTED: a round that an earlier life of the member may have locked', () => {
      expect(decide({ context: { silentUntil: ROUND } })).to.deep.equal(refused('JUST_STARTED'))
      expect(decide({ context: { silentUntil: ROUND - 10 } }).kind).to.equal('sign')
    })

    it('ALREADY_CERTIFIED: a round at or below the highest certified one', () => {
      for (const highestCertified of [ROUND, nextRound(ROUND, TIMING.roundMs)]) {
        expect(decide({ context: { highestCertified } })).to.deep.equal(refused('ALREADY_CERTIFIED'))
      }
    })
  })

  describe('that is locked', () => {
    const lock = { word: network.proposal().word + (1n << 176n), proposal: Uint8Array.of(1, 2, 3) }

    it('shows the locked proposal instead of signing another word', () => {
      expect(decide({ context: { lock } })).to.deep.equal({ kind: 'locked', lock })
    })

    it('shows it before it looks at signers or quotes', () => {
      const proposal = network.proposal({ signers: [], quotes: [] })
      expect(decide({ proposal, context: { lock } })).to.deep.equal({ kind: 'locked', lock })
    })

    it('signs the same word again, in any session and for any aggregator', () => {
      const proposal = network.proposal({ session: 2 })
      const same = { lock: { ...lock, word: proposal.word }, nowMs: BACKUP_MS }
      for (const sender of [primary, backup]) {
        expect(decide({ proposal, sender, context: same }).kind).to.equal('sign')
      }
    })

    it('signs the locked word though it saw more quotes since: they cannot be added to it', () => {
      const proposal = network.proposal({ from: network.signedQuotes([0, 1, 2, 3]) })
      expect(decide({ proposal }).kind).to.equal('missing')
      const same = { lock: { ...lock, word: proposal.word } }
      expect(decide({ proposal, context: same }).kind).to.equal('sign')
    })

    it('still refuses what is no honest proposal of the locked word', () => {
      const word = network.proposal().word
      const proposal = network.proposal({ from: network.signedQuotes([0, 1]), word })
      expect(decide({ proposal, context: { lock: { ...lock, word } } })).to.deep.equal(
        refused('TOO_FEW_QUOTES'),
      )
    })
  })

  describe('asked among signers', () => {
    const signers = (...slots: number[]) => network.proposal({ signers: slots.map(chosenSigner) })

    it('BAD_SIGNER_SET: fewer or more than q, unsorted, twice the same, unknown', () => {
      const sets = [[0, 1, 2], [0, 1, 2, 3, 4], [1, 0, 2, 3], [0, 1, 1, 2], [0, 1, 2, 77], []]
      for (const set of sets) {
        expect(decide({ proposal: signers(...set) }), set.join()).to.deep.equal(refused('BAD_SIGNER_SET'))
      }
    })

    it('BAD_SIGNER_SET: one that is suspended, or holds no share of the key', () => {
      const suspended = withSuspended(membership, 3)
      expect(decide({ context: { membership: suspended } })).to.deep.equal(refused('BAD_SIGNER_SET'))
      const fewer = new ProtocolNetwork(5, {
        groupKey: { px: 1n, transcriptHash: `0x${'00'.repeat(32)}`, participants: [0, 1, 2, 4] },
      })
      expect(decide({ context: { membership: fewer.membership } })).to.deep.equal(refused('BAD_SIGNER_SET'))
      const noKey = new ProtocolNetwork(5, { groupKey: undefined })
      expect(decide({ context: { membership: noKey.membership } })).to.deep.equal(refused('BAD_SIGNER_SET'))
    })

    it('NOT_CHOSEN: itself not among them', () => {
      expect(decide({ proposal: signers(0, 2, 3, 4) })).to.deep.equal(refused('NOT_CHOSEN'))
    })

    it('NO_KEY_SHARE: chosen, and without a share of this key', () => {
      expect(decide({ context: { hasKeyShare: false } })).to.deep.equal(refused('NO_KEY_SHARE'))
    })

    it('UNKNOWN_NONCE: a pair that is spent or was never its own', () => {
      const asked: number[] = []
      const decision = decide({
        context: {
          nonceUnspent: own => {
            asked.push(own.slot)
            return false
          },
        },
      })
      expect(decision).to.deep.equal(refused('UNKNOWN_NONCE'))
      expect(asked).to.deep.equal([OWN_SLOT])
    })
  })

  describe('looking at quotes', () => {
    it('TOO_FEW_QUOTES: fewer than q', () => {
      const from = network.signedQuotes().slice(0, q - 1)
      expect(decide({ proposal: network.proposal({ from }), context: { seen: [] } })).to.deep.equal(
        refused('TOO_FEW_QUOTES'),
      )
    })

    it('BAD_QUOTE: one that does not verify', () => {
      const [first, ...others] = network.signedQuotes()
      if (first === undefined) throw new Error('no quotes')
      const forged = encodeSignedQuote(
        DOMAIN,
        0,
        first.quote,
        nobleIdentityCrypto.sign(quoteDigest(DOMAIN, first.quote), secretOf('stranger', 0)),
      )
      expect(decide({ proposal: network.proposal({ from: [forged, ...others] }) })).to.deep.equal(
        refused('BAD_QUOTE'),
      )
    })

    it('BAD_QUOTE: one of another round', () => {
      const old = network.signedQuote(0, { round: asRound(ROUND - 10) })
      const quotes = [old, ...network.signedQuotes([1, 2, 3, 4])].map(quote => quote.bytes)
      expect(decide({ proposal: network.proposal({ quotes }) })).to.deep.equal(refused('BAD_QUOTE'))
    })

    it('DUPLICATE_QUOTE: one slot twice, or slots out of order', () => {
      for (const slots of [
        [0, 1, 2, 2, 3],
        [1, 0, 2, 3, 4],
      ]) {
        const from = network.signedQuotes(slots)
        expect(decide({ proposal: network.proposal({ from }) })).to.deep.equal(refused('DUPLICATE_QUOTE'))
      }
    })

    it('EQUIVOCATOR: one of a member that is known since before the round to have signed two', () => {
      const since = (sinceMs: number) => ({
        equivocatorSinceMs: (slot: number) => (slot === 4 ? sinceMs : undefined),
      })
      expect(decide({ context: since(T_MS - 1) })).to.deep.equal(refused('EQUIVOCATOR'))
      // Some have signed before it came out: whoever refused then would leave them bound to a word nobody else signs.
      expect(decide({ context: since(T_MS) }).kind).to.equal('sign')
    })

    it('WRONG_WORD: a word that does not follow from the quotes, in any bit', () => {
      const { word } = network.proposal()
      for (const bit of [0n, 40n, 80n, 96n, 175n, 176n, 255n]) {
        const proposal = network.proposal({ word: word ^ (1n << bit) })
        expect(decide({ proposal }), `bit ${bit}`).to.deep.equal(refused('WRONG_WORD'))
      }
    })
  })

  describe('that misses quotes', () => {
    const from = network.signedQuotes([0, 1, 2, 3])
    const proposal = network.proposal({ from })
    const dropped = network.signedQuote(4)
    const seenAt = (receivedAtMs: number) => ({ seen: [{ signed: dropped, receivedAtMs }] })
    const marginMs = T_MS + TIMING.collectMs - TIMING.inclusionMarginMs

    it('shows those that it saw before the margin, without signing', () => {
      expect(decide({ proposal, context: seenAt(marginMs - 1) })).to.deep.equal({
        kind: 'missing',
        quotes: [dropped],
      })
    })

    it('lets those go that came within the margin: they may not have reached the proposer', () => {
      expect(decide({ proposal, context: seenAt(marginMs) }).kind).to.equal('sign')
    })

    it('keeps its own margin, whatever the proposer waited for', () => {
      const timing = { ...TIMING, inclusionMarginMs: 0 }
      const late = seenAt(T_MS + TIMING.collectMs - 1)
      expect(decide({ proposal, context: late }).kind).to.equal('sign')
      expect(decide({ proposal, context: { ...late, timing } }).kind).to.equal('missing')
    })

    it('shows them before it says that the word is wrong', () => {
      const wrong = { ...proposal, word: proposal.word ^ 1n }
      expect(decide({ proposal: wrong, context: seenAt(T_MS) }).kind).to.equal('missing')
    })

    it('does not ask for quotes of members that are suspended by now', () => {
      const view = withSuspended(membership, 4)
      expect(decide({ proposal, context: { ...seenAt(T_MS), membership: view } }).kind).to.equal('sign')
    })

    it('does not ask for quotes under a key that has been replaced by now', () => {
      const old = network.signedQuote(4, { keyEpoch: KEY_EPOCH - 1 })
      const seen = [{ signed: old, receivedAtMs: T_MS }]
      expect(decide({ proposal, context: { seen } }).kind).to.equal('sign')
    })

    it('takes a quote under a second valid signature for the same quote', () => {
      const second = encodeSignedQuote(DOMAIN, 0, network.quote(0), otherSignature(network.signedQuote(0)))
      const seen = [{ signed: second, receivedAtMs: T_MS }]
      expect(decide({ proposal, context: { seen } }).kind).to.equal('sign')
    })

    it('takes another quote of the same member: it has said two things, and either will do', () => {
      const other = network.signedQuote(0, { confidence: 77 })
      const seen = [{ signed: other, receivedAtMs: T_MS }]
      expect(decide({ proposal, context: { seen } }).kind).to.equal('sign')
    })
  })

  it('checks in the protocol’s order: with everything wrong, the first code stands', () => {
    const worst: Asked = {
      proposal: network.proposal({ feedId: `0x${'22'.repeat(32)}`, quotes: [], signers: [], word: 0n }),
      keyEpoch: KEY_EPOCH + 1,
      sender: network.identityOf(3),
      context: {
        nowMs: T_MS - 5_000,
        highestCertified: ROUND,
        hasKeyShare: false,
        nonceUnspent: () => false,
      },
    }
    const order: [Refusal | 'locked' | 'sign', Asked][] = [
      ['NOT_AN_AGGREGATOR', {}],
      ['NOT_ITS_TURN', { sender: network.aggregatorIdentity(2) }],
      ['TOO_EARLY', { sender: primary }],
      ['OTHER_KEY_EPOCH', { context: { ...worst.context, nowMs: T_MS + 10_000 } }],
      ['OTHER_FEED', { keyEpoch: KEY_EPOCH }],
      ['ROUND_OUTSIDE_WINDOW', { proposal: network.proposal({ quotes: [], signers: [], word: 0n }) }],
      [
        'ALREADY_CERTIFIED',
        { context: { ...worst.context, nowMs: NOW_MS, lock: { word: 9n, proposal: new Uint8Array() } } },
      ],
      [
        'locked',
        {
          context: {
            nowMs: NOW_MS,
            hasKeyShare: false,
            nonceUnspent: () => false,
            lock: { word: 9n, proposal: new Uint8Array() },
          },
        },
      ],
      ['BAD_SIGNER_SET', { context: { nowMs: NOW_MS, hasKeyShare: false, nonceUnspent: () => false } }],
      [
        'NOT_CHOSEN',
        {
          proposal: network.proposal({
            quotes: [],
            word: 0n,
            signers: [0, 2, 3, 4].map(chosenSigner),
          }),
        },
      ],
      ['NO_KEY_SHARE', { proposal: network.proposal({ quotes: [], word: 0n }) }],
      ['UNKNOWN_NONCE', { context: { nowMs: NOW_MS, nonceUnspent: () => false } }],
      ['TOO_FEW_QUOTES', { context: { nowMs: NOW_MS } }],
      ['WRONG_WORD', { proposal: network.proposal({ word: 0n }) }],
      ['sign', { proposal: network.proposal() }],
    ]
    let asked = worst
    for (const [expected, mended] of order) {
      asked = { ...asked, ...mended }
      const decision = decide(asked)
      expect(decision.kind === 'refused' ? decision.reason : decision.kind).to.equal(expected)
    }
  })
})
