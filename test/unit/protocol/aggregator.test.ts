import { expect } from 'chai'
import { verifyQuorumSignatures } from '../../../protocol/certificate.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { membershipOf } from '../../../protocol/membership.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { reportDigest } from '../../../protocol/report.ts'
import {
  openRound,
  type RoundContext,
  type RoundEvent,
  type RoundState,
  type Session,
  type Step,
  step,
} from '../../../protocol/round/aggregator.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import { nextRound } from '../../../protocol/rounds.ts'
import {
  DOMAIN,
  FEED_ID,
  ProtocolNetwork,
  ROUND,
  T_MS,
  TIMING,
  withSuspended,
} from '../../support/protocol/network.ts'

const network = new ProtocolNetwork(5)
const { q, n } = network.membership.quorum
const BEFORE_MS = T_MS + 100
const DEADLINE_MS = T_MS + TIMING.collectMs

function context(changes: Partial<RoundContext> = {}): RoundContext {
  return {
    nowMs: DEADLINE_MS,
    membership: network.membership,
    timing: TIMING,
    candidates: network.slots,
    ...changes,
  }
}

function run(state: RoundState, events: readonly RoundEvent[], changes: Partial<RoundContext> = {}): Step {
  return events.reduce<Step>((last, event) => step(last.state, event, context(changes)), {
    state,
    effects: [],
  })
}

function quoteEvent(quote: SignedQuote): RoundEvent {
  return { type: 'quote', quote }
}

/** A round that has the quotes of some slots before the deadline. */
function collecting(slots: readonly number[], turn: 'primary' | 'backup' = 'primary'): RoundState {
  const open = openRound(ROUND, FEED_ID, turn)
  return run(open, network.signedQuotes(slots).map(quoteEvent), { nowMs: BEFORE_MS }).state
}

/** A round whose first session is with its signers. */
function signing(slots: readonly number[] = [0, 1, 2, 3]): RoundState {
  return run(collecting(slots), [{ type: 'tick' }]).state
}

function wordOf(slots: readonly number[]): bigint {
  return medianWord(network.signedQuotes(slots).map(signed => signed.quote))
}

function sessionOf(state: RoundState): Session {
  if (state.session === undefined) throw new Error('no session is open')
  return state.session
}

function share(slot: number, word: bigint, session = 0): RoundEvent {
  const identitySignature = network.signerOf(slot)(reportDigest(DOMAIN, FEED_ID, word))
  return {
    type: 'share',
    session,
    share: { slot, share: new Uint8Array(32).fill(slot + 1), identitySignature },
  }
}

function refusal(slot: number, session = 0): RoundEvent {
  return { type: 'refused', session, slot, reason: 'SILENT' }
}

function proposed({ effects }: Step): Session {
  const [effect] = effects
  if (effects.length !== 1 || effect?.type !== 'propose') throw new Error('it did not propose')
  return effect.session
}

describe('an aggregator that collects', () => {
  it('waits for the deadline while somebody is missing', () => {
    const before = run(collecting([0, 1, 2, 3]), [{ type: 'tick' }], { nowMs: DEADLINE_MS - 1 })
    expect(before.effects).to.deep.equal([])
    expect(before.state.phase).to.equal('collecting')
  })

  it('proposes at the deadline with every quote it has', () => {
    const after = run(collecting([3, 0, 1, 2]), [{ type: 'tick' }])
    const session: Session = {
      number: 0,
      word: wordOf([0, 1, 2, 3]),
      quotes: network.signedQuotes([0, 1, 2, 3]),
      signers: [0, 1, 2, 3],
      shares: [],
    }
    expect(after.effects).to.deep.equal([{ type: 'propose', session }])
    expect(after.state).to.deep.include({
      phase: 'signing',
      session,
      sessions: 1,
      attempts: new Map([[session.word, 1]]),
    })
  })

  it('proposes at once when everyone is in', () => {
    const last = step(
      collecting([0, 1, 2, 3]),
      quoteEvent(network.signedQuote(4)),
      context({ nowMs: BEFORE_MS }),
    )
    expect(proposed(last).quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2, 3, 4])
  })

  it('does not wait for members that are suspended', () => {
    const membership = withSuspended(network.membership, 4)
    const changes = { nowMs: BEFORE_MS, membership, candidates: [0, 1, 2, 3] }
    const last = run(
      openRound(ROUND, FEED_ID, 'primary'),
      network.signedQuotes([0, 1, 2, 3]).map(quoteEvent),
      changes,
    )
    expect(proposed(last).signers).to.deep.equal([0, 1, 2, 3])
  })

  it('waits as the backup for its own time, even when everyone is in', () => {
    const state = collecting(network.slots, 'backup')
    expect(state.phase).to.equal('collecting')
    expect(run(state, [{ type: 'tick' }], { nowMs: DEADLINE_MS }).state.phase).to.equal('collecting')
    expect(run(state, [{ type: 'tick' }], { nowMs: DEADLINE_MS + TIMING.backupMs }).state.phase).to.equal(
      'signing',
    )
  })

  it('goes on collecting when the deadline finds fewer than a quorum, and proposes with the quote that makes one', () => {
    const few = run(collecting([0, 1, 2]), [{ type: 'tick' }])
    expect(few).to.deep.equal({ state: collecting([0, 1, 2]), effects: [] })
    const enough = step(few.state, quoteEvent(network.signedQuote(4)), context({ nowMs: DEADLINE_MS + 20 }))
    expect(proposed(enough).quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2, 4])
  })

  it('keeps the first quote of a slot', () => {
    const state = collecting([0])
    const again = step(
      state,
      quoteEvent(network.signedQuote(0, { confidence: 9 })),
      context({ nowMs: BEFORE_MS }),
    )
    expect(again).to.deep.equal({ state, effects: [] })
  })

  it('gives a round up that is two slots old', () => {
    const state = collecting([0, 1])
    const lastMoment = { nowMs: T_MS + 2 * TIMING.roundMs }
    expect(run(state, [{ type: 'tick' }], lastMoment).state.phase).to.equal('collecting')
    const late = run(state, [{ type: 'tick' }], { nowMs: lastMoment.nowMs + 1 })
    expect(late.effects).to.deep.equal([{ type: 'abandon', reason: 'TOO_LATE' }])
    expect(late.state.phase).to.equal('abandoned')
  })

  it('gives the round up when fewer than a quorum can sign', () => {
    const alone = run(collecting([0, 1, 2, 3]), [{ type: 'tick' }], { candidates: [0, 1, 2] })
    expect(alone.effects).to.deep.equal([{ type: 'abandon', reason: 'NO_SIGNERS_LEFT' }])
  })

  it('chooses those who quoted before those who did not, and the better ones of them', () => {
    const candidates = [4, 3, 2, 1, 0]
    const state = collecting([0, 1, 2, 4])
    expect(proposed(run(state, [{ type: 'tick' }], { candidates })).signers).to.deep.equal([0, 1, 2, 4])
    const everyone = collecting([0, 1, 2, 3], 'primary')
    expect(proposed(run(everyone, [{ type: 'tick' }], { candidates })).signers).to.deep.equal([0, 1, 2, 3])
    const backup = collecting(network.slots, 'backup')
    const step2 = run(backup, [{ type: 'tick' }], { candidates, nowMs: DEADLINE_MS + TIMING.backupMs })
    expect(proposed(step2).signers).to.deep.equal([1, 2, 3, 4])
  })
})

describe('an aggregator that learns that a member said two things', () => {
  const liar = (slot: number, session?: number): RoundEvent => ({ type: 'equivocation', slot, session })

  it('drops its quote while it collects, and does not take another', () => {
    const { state } = run(collecting([0, 1, 2]), [liar(2), quoteEvent(network.signedQuote(2))], {
      nowMs: BEFORE_MS,
    })
    expect([...state.quotes.keys()]).to.deep.equal([0, 1])
  })

  it('does not wait for it: with everybody else in, it proposes', () => {
    const after = run(collecting([0, 1, 2, 3]), [liar(4)], { nowMs: BEFORE_MS })
    expect(proposed(after).quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2, 3])
  })

  it('knows of those that were found out in earlier rounds', () => {
    const open = openRound(ROUND, FEED_ID, 'primary', network.signedQuotes([0, 1, 2, 3, 4]), [4])
    const after = run(open, [{ type: 'tick' }], { nowMs: BEFORE_MS })
    expect(proposed(after).quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2, 3])
  })

  it('lets a session go on that nobody refused for it: who has signed can sign no other word', () => {
    const state = signing(network.slots)
    const { word } = sessionOf(state)
    const after = run(state, [share(0, word), liar(4)])
    expect(after.effects).to.deep.equal([])
    expect(after.state.session).to.deep.include({ number: 0, word })
  })

  it('proposes again without its quote when a signer refuses for it, and doubts nobody', () => {
    const state = run(collecting([0, 1, 2, 3]), [quoteEvent(network.signedQuote(4)), { type: 'tick' }]).state
    const after = run(state, [liar(4, 0)])
    expect(proposed(after)).to.deep.include({ number: 1, word: wordOf([0, 1, 2, 3]) })
    expect(after.state.doubtful.size).to.equal(0)
  })

  it('goes on with a word that holds its quote when members have signed it', () => {
    const state = run(collecting(network.slots), [{ type: 'tick' }]).state
    const { word } = sessionOf(state)
    const after = run(state, [share(0, word), share(1, word), liar(4, 0)])
    expect(proposed(after)).to.deep.include({ number: 1, word })
  })

  it('asks the next signers for the same word when the liar itself refuses it', () => {
    const state = run(collecting(network.slots), [{ type: 'tick' }]).state
    const { word, signers } = sessionOf(state)
    const asked = signers.at(-1) ?? 0
    const after = run(state, [liar(asked), refusal(asked)])
    expect(proposed(after)).to.deep.include({ number: 1, word })
  })

  it('opens no session when the liar’s quote is not in the one that was refused', () => {
    const after = run(signing(), [liar(4, 0)])
    expect(after.effects).to.deep.equal([])
  })
})

describe('an aggregator that has proposed', () => {
  it('adds the shares up when all q have come', () => {
    const state = signing()
    const { word } = sessionOf(state)
    const events = [0, 1, 2, 3].map(slot => share(slot, word))
    const before = run(state, events.slice(0, q - 1))
    expect(before.effects).to.deep.equal([])
    expect(before.state.phase).to.equal('signing')
    const last = run(state, events)
    expect(last.state.phase).to.equal('aggregating')
    expect(last.effects.map(effect => effect.type)).to.deep.equal(['aggregate'])
    expect(sessionOf(last.state).shares.map(({ slot }) => slot)).to.deep.equal([0, 1, 2, 3])
  })

  it('counts a share once, and none of those who were not asked', () => {
    const state = signing()
    const { word } = sessionOf(state)
    const { state: after } = run(state, [share(0, word), share(0, word), share(4, word)])
    expect(sessionOf(after).shares.map(({ slot }) => slot)).to.deep.equal([0])
    expect([...(after.identitySignatures.get(word)?.keys() ?? [])]).to.deep.equal([0])
  })

  it('ignores quotes and ticks: the word is on its way', () => {
    const state = signing()
    const events: RoundEvent[] = [quoteEvent(network.signedQuote(4)), { type: 'tick' }]
    for (const event of events) {
      expect(step(state, event, context({ nowMs: T_MS + 1_500 }))).to.deep.equal({ state, effects: [] })
    }
  })

  it('gives up when two slots have passed', () => {
    const after = run(signing(), [{ type: 'tick' }], { nowMs: T_MS + 2 * TIMING.roundMs + 1 })
    expect(after.effects).to.deep.equal([{ type: 'abandon', reason: 'TOO_LATE' }])
  })

  it('ignores shares and ends that belong to an earlier session', () => {
    const { state } = run(signing(), [refusal(3)])
    const { word } = sessionOf(state)
    const old: RoundEvent[] = [
      share(0, word, 0),
      { type: 'aggregated', session: 0 },
      { type: 'bad-shares', session: 0, slots: [1] },
    ]
    for (const event of old) expect(step(state, event, context())).to.deep.equal({ state, effects: [] })
  })

  it('asks others when one refuses, with a new session for the same word', () => {
    const after = run(signing(), [refusal(2)])
    expect(proposed(after)).to.deep.include({ number: 1, word: wordOf([0, 1, 2, 3]), signers: [0, 1, 3, 4] })
    expect([...after.state.attempts.values()]).to.deep.equal([2])
  })

  it('remembers who refused in an earlier session, and does not open a new one for it', () => {
    const second = run(signing(), [refusal(2)])
    const third = run(second.state, [refusal(1, 0)])
    expect(third.effects).to.deep.equal([])
    expect([...third.state.doubtful]).to.deep.equal([2, 1])
  })

  it('opens at most n − q + 1 sessions for a word', () => {
    let current = run(collecting([0, 1, 2, 3]), [{ type: 'tick' }])
    let opened = 0
    while (current.state.phase === 'signing' && opened < 20) {
      opened += 1
      current = run(current.state, [refusal(0, sessionOf(current.state).number)])
    }
    expect(opened).to.equal(n - q + 1)
    expect(current.effects).to.deep.equal([{ type: 'abandon', reason: 'NO_SIGNERS_LEFT' }])
    expect(current.state.phase).to.equal('abandoned')
  })
})

describe('an aggregator that is shown quotes it lacked', () => {
  const missing = (quotes: readonly SignedQuote[], session = 0): RoundEvent => ({
    type: 'missing',
    session,
    slot: 0,
    quotes,
  })

  it('proposes again with them, and blames nobody', () => {
    const after = run(signing(), [missing([network.signedQuote(4)])])
    expect(proposed(after)).to.deep.include({ number: 1, word: wordOf(network.slots) })
    expect(proposed(after).quotes.map(quote => quote.slot)).to.deep.equal(network.slots)
    expect(after.state.doubtful.size).to.equal(0)
    expect([...after.state.attempts.values()]).to.deep.equal([1, 1])
  })

  it('keeps what a list of an earlier session brings for the next proposal', () => {
    const { state } = run(signing(), [refusal(3)])
    const kept = run(state, [missing([network.signedQuote(4)], 0)])
    expect(kept.effects).to.deep.equal([])
    const next = run(kept.state, [refusal(2, sessionOf(state).number)])
    expect(proposed(next)).to.deep.include({ word: wordOf(network.slots) })
  })

  it('takes a list without anything new for a refusal', () => {
    for (const quotes of [[], [network.signedQuote(3)]]) {
      const after = run(signing(), [missing(quotes)])
      expect([...after.state.doubtful]).to.deep.equal([0])
      expect(proposed(after)).to.deep.include({ word: wordOf([0, 1, 2, 3]), signers: [1, 2, 3, 4] })
    }
  })

  it('takes none of another round', () => {
    const later = network.signedQuote(4, { round: nextRound(ROUND, TIMING.roundMs) })
    expect([...run(signing(), [missing([later])]).state.doubtful]).to.deep.equal([0])
  })

  it('cannot be kept busy: every list must bring a quote, and there are n of them', () => {
    let current = run(signing(), [missing([network.signedQuote(4)])])
    for (let count = 0; count < 20 && current.state.phase === 'signing'; count++) {
      current = run(current.state, [missing(network.signedQuotes(), sessionOf(current.state).number)])
    }
    expect(current.state.phase).to.equal('abandoned')
    expect(current.state.sessions).to.be.at.most(2 + (n - q + 1))
  })
})

describe('an aggregator that is shown a lock', () => {
  const others = network.signedQuotes([1, 2, 3, 4])
  const locked = (slot: number, quotes: readonly SignedQuote[], session = 0): RoundEvent => ({
    type: 'locked',
    session,
    slot,
    quotes,
  })

  it('asks the others for its word while they are a quorum without that member', () => {
    const after = run(signing(), [locked(1, others)])
    expect(proposed(after)).to.deep.include({ word: wordOf([0, 1, 2, 3]), signers: [0, 2, 3, 4] })
    expect(after.state.doubtful.size).to.equal(0)
  })

  it('adopts the locked quotes as they are when the others are none', () => {
    const after = run(signing(), [locked(1, others), locked(2, others, 1)])
    expect(proposed(after)).to.deep.include({ number: 2, word: wordOf([1, 2, 3, 4]), quotes: others })
    expect(after.state.doubtful.size).to.equal(0)
  })

  it('adopts what most members are locked to', () => {
    const lie = network.signedQuotes([0, 1, 3, 4])
    const first = run(signing(), [locked(3, lie), locked(1, others, 1)])
    // Neither word has a quorum without the member that is locked to the other one.
    const { state } = run(first.state, [refusal(0, 2)])
    expect(state.locks.size).to.equal(2)
    const after = run(first.state, [locked(2, others, sessionOf(first.state).number)])
    expect(proposed(after)).to.deep.include({ word: wordOf([1, 2, 3, 4]), signers: [0, 1, 2, 4] })
  })

  it('goes back to a word that members have signed', () => {
    const { word } = sessionOf(signing())
    const after = run(signing(), [
      share(0, word),
      share(1, word),
      { type: 'missing', session: 0, slot: 3, quotes: [network.signedQuote(4)] },
    ])
    expect(proposed(after)).to.deep.include({ word })
    expect(proposed(after).signers).to.include.members([0, 1])
  })

  it('adopts a lock at once as a backup: the primary began it', () => {
    const backup = run(collecting([0, 1, 2, 3], 'backup'), [{ type: 'tick' }], {
      nowMs: DEADLINE_MS + TIMING.backupMs,
    })
    const after = run(backup.state, [locked(1, others)])
    expect(proposed(after)).to.deep.include({ word: wordOf([1, 2, 3, 4]), quotes: others })
  })

  it('takes a lock on the very word it asked for as a refusal', () => {
    const state = signing()
    const after = run(state, [locked(1, sessionOf(state).quotes)])
    expect([...after.state.doubtful]).to.deep.equal([1])
    expect(proposed(after)).to.deep.include({ word: sessionOf(state).word, signers: [0, 2, 3, 4] })
  })

  it('remembers a lock that comes late, and asks that member for no other word', () => {
    const first = run(signing(), [locked(1, others)])
    const late = run(first.state, [locked(2, others, 0)])
    expect(late.effects).to.deep.equal([])
    const after = run(late.state, [refusal(0, sessionOf(late.state).number)])
    expect(proposed(after)).to.deep.include({ word: wordOf([1, 2, 3, 4]) })
  })

  it('believes the first lock of a member only', () => {
    const first = run(signing(), [locked(1, others)])
    const second = run(first.state, [locked(1, network.signedQuotes(), 1)])
    expect(second.state.locks.get(1)).to.equal(others)
    expect([...second.state.doubtful]).to.deep.equal([1])
  })

  it('takes a lock that leads to no word for a refusal', () => {
    const old = network.signedQuote(4, { round: nextRound(ROUND, TIMING.roundMs) })
    for (const quotes of [others.slice(0, q - 1), [...others.slice(0, q - 1), old], []]) {
      const after = run(signing(), [locked(1, quotes)])
      expect([...after.state.doubtful]).to.deep.equal([1])
      expect(after.state.locks.size).to.equal(0)
    }
  })
})

describe('an aggregator that has all shares', () => {
  function aggregating(): RoundState {
    const state = signing()
    const { word, signers } = sessionOf(state)
    return run(
      state,
      signers.map(slot => share(slot, word)),
    ).state
  }

  it('is done when they add up', () => {
    const after = run(aggregating(), [{ type: 'aggregated', session: 0 }])
    expect(after.effects).to.deep.equal([])
    expect(after.state.phase).to.equal('certified')
  })

  it('asks others when some shares are bad', () => {
    const after = run(aggregating(), [{ type: 'bad-shares', session: 0, slots: [1] }])
    expect(proposed(after)).to.deep.include({ number: 1, signers: [0, 2, 3, 4] })
    expect([...after.state.doubtful]).to.deep.equal([1])
  })

  it('falls back on the identity signatures of a quorum, ascending by address', () => {
    const failed: RoundEvent = { type: 'bad-shares', session: 0, slots: [1] }
    const { word } = sessionOf(aggregating())
    const after = run(aggregating(), [failed], { candidates: [0, 1, 2] })
    expect(after.state.phase).to.equal('certified')
    const [effect] = after.effects
    if (effect?.type !== 'certify-by-quorum') throw new Error('no fallback')
    expect(effect.word).to.equal(word)
    const digest = reportDigest(DOMAIN, FEED_ID, word)
    expect(
      verifyQuorumSignatures(network.membership, digest, effect.signatures, nobleIdentityCrypto),
    ).to.equal(true)
    expect(effect.signatures).to.have.length(q)
  })

  it('falls back ascending by address also where a slot is empty and places are not slots', () => {
    const six = new ProtocolNetwork(6)
    for (const slots of [
      [0, 1, 2, 4],
      [0, 2, 3, 4],
      [1, 2, 3, 5],
      [0, 1, 3, 5],
      [2, 3, 4, 5],
    ]) {
      const membership = membershipOf({
        ...six.membership,
        members: six.membership.members.filter(({ slot }) => slots.includes(slot)),
      })
      const digest = reportDigest(DOMAIN, FEED_ID, 7n)
      const signatures = new Map(slots.map(slot => [slot, six.signerOf(slot)(digest)]))
      const state: RoundState = {
        ...openRound(ROUND, FEED_ID, 'primary'),
        phase: 'signing',
        identitySignatures: new Map([[7n, signatures]]),
      }
      const { effects } = step(state, { type: 'tick' }, context({ nowMs: T_MS + 5_000, membership }))
      const [effect] = effects
      if (effect?.type !== 'certify-by-quorum') throw new Error('no fallback')
      expect(
        verifyQuorumSignatures(membership, digest, effect.signatures, nobleIdentityCrypto),
        slots.join(),
      ).to.equal(true)
    }
  })

  it('falls back after the last session too', () => {
    let current = run(aggregating(), [{ type: 'bad-shares', session: 0, slots: [] }])
    while (current.state.phase === 'signing') {
      current = run(current.state, [refusal(0, sessionOf(current.state).number)])
    }
    expect(current.effects.map(effect => effect.type)).to.deep.equal(['certify-by-quorum'])
  })

  it('collects identity signatures of a word across its sessions', () => {
    const first = signing()
    const { word } = sessionOf(first)
    const second = run(first, [share(0, word), share(1, word), share(2, word), refusal(3)])
    const { state } = run(second.state, [share(4, word, 1)])
    const after = run(state, [refusal(0, 1)], { candidates: [] })
    expect(after.effects.map(effect => effect.type)).to.deep.equal(['certify-by-quorum'])
  })

  it('does not add signatures of different words together', () => {
    const first = signing()
    const word = sessionOf(first).word
    const second = run(first, [
      share(0, word),
      share(1, word),
      share(2, word),
      { type: 'missing', session: 0, slot: 3, quotes: [network.signedQuote(4)] },
    ])
    const other = wordOf(network.slots)
    expect(other).to.not.equal(word)
    // Three have signed the one word; that a fourth has signed another must not make a quorum.
    const signatures = new Map(second.state.identitySignatures).set(other, new Map([[3, new Uint8Array(64)]]))
    const after = run({ ...second.state, identitySignatures: signatures }, [refusal(4, 1)])
    expect(after.effects).to.deep.equal([{ type: 'abandon', reason: 'NO_SIGNERS_LEFT' }])
  })
})

describe('a round that is over', () => {
  it('is over as soon as somebody else has certified it', () => {
    for (const state of [collecting([0]), signing()]) {
      const after = run(state, [{ type: 'certified-elsewhere' }])
      expect(after.effects).to.deep.equal([])
      expect(after.state.phase).to.equal('certified')
    }
  })

  it('does nothing more, whatever happens', () => {
    const { word } = sessionOf(signing())
    const events: RoundEvent[] = [
      quoteEvent(network.signedQuote(4)),
      { type: 'tick' },
      { type: 'equivocation', slot: 0, session: 0 },
      share(0, word),
      { type: 'missing', session: 0, slot: 0, quotes: network.signedQuotes() },
      { type: 'locked', session: 0, slot: 0, quotes: network.signedQuotes() },
      refusal(0),
      { type: 'aggregated', session: 0 },
      { type: 'bad-shares', session: 0, slots: [0] },
      { type: 'certified-elsewhere' },
    ]
    for (const phase of ['certified', 'abandoned'] as const) {
      const state = { ...signing(), phase }
      for (const event of events) expect(step(state, event, context())).to.deep.equal({ state, effects: [] })
    }
  })
})
