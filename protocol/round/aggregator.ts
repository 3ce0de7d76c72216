/**
 * One round as an aggregator lives it: a pure function of state and event. The table stands in README.md, and
 * the switch follows its order.
 */
import type { Hash } from '../bytes.ts'
import { activeMembers, type Membership } from '../membership.ts'
import type { SignedQuote } from '../quote.ts'
import { type Round, roundStartMs } from '../rounds.ts'
import { medianWord } from './median.ts'
import type { Refusal } from './messages.ts'
import { proposalTimeMs, type RoundTiming, type Turn } from './timing.ts'

export interface ShareOf {
  readonly slot: number
  readonly share: Uint8Array
  readonly identitySignature: Uint8Array
}

/** One attempt to have exactly q members sign one word. */
export interface Session {
  readonly number: number
  readonly word: bigint
  readonly quotes: readonly SignedQuote[]
  readonly signers: readonly number[]
  readonly shares: readonly ShareOf[]
}

export interface RoundState {
  readonly round: Round
  readonly feedId: Hash
  readonly turn: Turn
  readonly phase: 'collecting' | 'signing' | 'aggregating' | 'certified' | 'abandoned'
  /** Valid quotes by slot. */
  readonly quotes: ReadonlyMap<number, SignedQuote>
  readonly session: Session | undefined
  /** All sessions so far: the number of the next one. */
  readonly sessions: number
  /** Sessions opened so far, by word. At most one word a quote, and one that is adopted. */
  readonly attempts: ReadonlyMap<bigint, number>
  /** Members that were silent, refused or sent a bad share: chosen again only when nobody else is left. */
  readonly doubtful: ReadonlySet<number>
  /** A word that some member is locked to: nothing else can be certified in this round any more. */
  readonly adopted: readonly SignedQuote[] | undefined
  /** Identity signatures by word: q of them are a certificate of their own. */
  readonly identitySignatures: ReadonlyMap<bigint, ReadonlyMap<number, Uint8Array>>
}

export type RoundEvent =
  | { readonly type: 'quote'; readonly quote: SignedQuote }
  | { readonly type: 'tick' }
  | { readonly type: 'share'; readonly session: number; readonly share: ShareOf }
  | {
      readonly type: 'missing'
      readonly session: number
      readonly slot: number
      readonly quotes: readonly SignedQuote[]
    }
  | {
      readonly type: 'locked'
      readonly session: number
      readonly slot: number
      readonly quotes: readonly SignedQuote[]
    }
  | {
      readonly type: 'refused'
      readonly session: number
      readonly slot: number
      readonly reason: Refusal | 'SILENT'
    }
  | { readonly type: 'aggregated'; readonly session: number }
  | { readonly type: 'bad-shares'; readonly session: number; readonly slots: readonly number[] }
  | { readonly type: 'certified-elsewhere' }

export type RoundEffect =
  /** Seal the proposal and ask every signer for its share. */
  | { readonly type: 'propose'; readonly session: Session }
  /** Add the shares up; answer with `aggregated` or `bad-shares`. */
  | { readonly type: 'aggregate'; readonly session: Session }
  /** The group key could not sign: q identity signatures certify the word by themselves. */
  | { readonly type: 'certify-by-quorum'; readonly word: bigint; readonly signatures: readonly Uint8Array[] }
  | { readonly type: 'abandon'; readonly reason: AbandonReason }

export type AbandonReason = 'NO_SIGNERS_LEFT' | 'TOO_LATE'

export interface RoundContext {
  readonly nowMs: number
  readonly membership: Membership
  readonly timing: RoundTiming
  /** Members whose stream is up and that hold a share, best first. */
  readonly candidates: readonly number[]
}

export interface Step {
  readonly state: RoundState
  readonly effects: readonly RoundEffect[]
}

/** @param quotes what is known of the round already; a `tick` then says whether that is enough */
export function openRound(
  round: Round,
  feedId: Hash,
  turn: Turn,
  quotes: readonly SignedQuote[] = [],
): RoundState {
  return {
    round,
    feedId,
    turn,
    phase: 'collecting',
    quotes: new Map(quotes.map(quote => [quote.slot, quote])),
    session: undefined,
    sessions: 0,
    attempts: new Map(),
    doubtful: new Set(),
    adopted: undefined,
    identitySignatures: new Map(),
  }
}

export function step(state: RoundState, event: RoundEvent, context: RoundContext): Step {
  if (state.phase === 'certified' || state.phase === 'abandoned') return stay(state)
  switch (event.type) {
    case 'quote':
      return onQuote(state, event.quote, context)
    case 'tick':
      return onTick(state, context)
    case 'share':
      return ifCurrent(state, event.session, session => onShare(state, session, event.share))
    case 'missing':
      // Of an earlier session too: the next proposal had better hold them.
      return event.session === state.session?.number
        ? onMissing(state, event.slot, event.quotes, context)
        : stay(withQuotes(state, event.quotes))
    case 'locked':
      return ifCurrent(state, event.session, () => onLocked(state, event.slot, event.quotes, context))
    case 'refused':
      // Of an earlier session too: who was silent then is not to be counted on now.
      return event.session === state.session?.number
        ? onRefused(state, event.slot, context)
        : stay(withDoubt(state, [event.slot]))
    case 'aggregated':
      return ifCurrent(state, event.session, () => stay({ ...state, phase: 'certified' }))
    case 'bad-shares':
      return ifCurrent(state, event.session, () => onBadShares(state, event.slots, context))
    case 'certified-elsewhere':
      return stay({ ...state, phase: 'certified' })
    default:
      return event satisfies never
  }
}

function stay(state: RoundState): Step {
  return { state, effects: [] }
}

function ifCurrent(state: RoundState, number: number, then: (session: Session) => Step): Step {
  return state.session?.number === number ? then(state.session) : stay(state)
}

function onQuote(state: RoundState, quote: SignedQuote, context: RoundContext): Step {
  return state.phase === 'collecting' ? onTick(withQuotes(state, [quote]), context) : stay(state)
}

/** Adds quotes of the round, the first of each slot. */
function withQuotes(state: RoundState, quotes: readonly SignedQuote[]): RoundState {
  const added = new Map(state.quotes)
  for (const quote of quotes) {
    if (quote.quote.round === state.round && !added.has(quote.slot)) added.set(quote.slot, quote)
  }
  return added.size === state.quotes.size ? state : { ...state, quotes: added }
}

function onTick(state: RoundState, context: RoundContext): Step {
  const { nowMs, timing, membership } = context
  if (state.phase !== 'collecting') return stay(state)
  if (nowMs > roundStartMs(state.round) + 2 * timing.roundMs) return abandon(state, 'TOO_LATE')
  const everyoneIsIn = state.quotes.size === activeMembers(membership).length
  const itIsTime = nowMs >= proposalTimeMs(state.round, state.turn, timing)
  return itIsTime || (everyoneIsIn && state.turn === 'primary') ? propose(state, context) : stay(state)
}

/** Chooses q signers and opens the next session, or waits for what is missing. */
function propose(state: RoundState, context: RoundContext): Step {
  const { q, n } = context.membership.quorum
  const quotes = state.adopted ?? sortedQuotes(state)
  if (quotes.length < q) return stay({ ...state, phase: 'collecting' })
  const word = medianWord(quotes.map(signed => signed.quote))
  const attempt = (state.attempts.get(word) ?? 0) + 1
  // ROAST: n − q + 1 sessions for a word are enough to find q honest signers among n, and bound what liars cost.
  if (attempt > n - q + 1) return fallback(state, context, 'NO_SIGNERS_LEFT')
  const signers = chooseSigners(state, context)
  if (signers === undefined) return fallback(state, context, 'NO_SIGNERS_LEFT')
  const session: Session = {
    number: state.sessions,
    word,
    quotes,
    signers,
    shares: [],
  }
  return {
    state: {
      ...state,
      phase: 'signing',
      session,
      sessions: state.sessions + 1,
      attempts: new Map(state.attempts).set(word, attempt),
    },
    effects: [{ type: 'propose', session }],
  }
}

function sortedQuotes(state: RoundState): SignedQuote[] {
  return [...state.quotes.values()].sort((a, b) => a.slot - b.slot)
}

/** Exactly q: those who quoted this round first, the doubtful last. */
function chooseSigners(state: RoundState, { candidates, membership }: RoundContext): number[] | undefined {
  const rank = (slot: number): number => (state.doubtful.has(slot) ? 2 : 0) + (state.quotes.has(slot) ? 0 : 1)
  const chosen = candidates
    .map((slot, order) => ({ slot, order }))
    .sort((a, b) => rank(a.slot) - rank(b.slot) || a.order - b.order)
    .slice(0, membership.quorum.q)
    .map(({ slot }) => slot)
  return chosen.length === membership.quorum.q ? chosen.sort((a, b) => a - b) : undefined
}

function onShare(state: RoundState, session: Session, share: ShareOf): Step {
  if (state.phase !== 'signing' || !session.signers.includes(share.slot)) return stay(state)
  if (session.shares.some(known => known.slot === share.slot)) return stay(state)
  const shares = [...session.shares, share]
  const next: RoundState = {
    ...state,
    session: { ...session, shares },
    identitySignatures: withSignature(state, session.word, share),
  }
  if (shares.length < session.signers.length) return stay(next)
  return {
    state: { ...next, phase: 'aggregating' },
    effects: [{ type: 'aggregate', session: { ...session, shares } }],
  }
}

function withSignature(state: RoundState, word: bigint, share: ShareOf): RoundState['identitySignatures'] {
  const ofWord = new Map(state.identitySignatures.get(word)).set(share.slot, share.identitySignature)
  return new Map(state.identitySignatures).set(word, ofWord)
}

function onMissing(
  state: RoundState,
  slot: number,
  quotes: readonly SignedQuote[],
  context: RoundContext,
): Step {
  const next = withQuotes(state, quotes)
  // A signer that claims something is missing and shows nothing new is only buying time.
  if (state.adopted !== undefined || next === state) return onRefused(state, slot, context)
  return propose(next, context)
}

function onLocked(
  state: RoundState,
  slot: number,
  quotes: readonly SignedQuote[],
  context: RoundContext,
): Step {
  const usable =
    quotes.length >= context.membership.quorum.q && quotes.every(quote => quote.quote.round === state.round)
  if (!usable || state.adopted !== undefined) return onRefused(state, slot, context)
  return propose({ ...state, adopted: quotes }, context)
}

function onRefused(state: RoundState, slot: number, context: RoundContext): Step {
  return propose(withDoubt(state, [slot]), context)
}

function withDoubt(state: RoundState, slots: readonly number[]): RoundState {
  return { ...state, doubtful: new Set([...state.doubtful, ...slots]) }
}

function onBadShares(state: RoundState, slots: readonly number[], context: RoundContext): Step {
  return propose(withDoubt(state, slots), context)
}

/** Identity signatures of a quorum certify what the group key could not. */
function fallback(state: RoundState, context: RoundContext, reason: AbandonReason): Step {
  for (const [word, signatures] of state.identitySignatures) {
    if (signatures.size < context.membership.quorum.q) continue
    const { members } = context.membership
    const ascending = [...signatures].sort(([a], [b]) => {
      const [left, right] = [members[a]?.identity ?? '', members[b]?.identity ?? '']
      return left < right ? -1 : left > right ? 1 : 0
    })
    return {
      state: { ...state, phase: 'certified' },
      effects: [{ type: 'certify-by-quorum', word, signatures: ascending.map(([, signature]) => signature) }],
    }
  }
  return abandon(state, reason)
}

function abandon(state: RoundState, reason: AbandonReason): Step {
  return { state: { ...state, phase: 'abandoned' }, effects: [{ type: 'abandon', reason }] }
}
