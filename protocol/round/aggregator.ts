/**
 * One round as an aggregator lives it: a pure function of state and event. The table stands in README.md, and
 * the switch follows its order.
 */
import type { Hash } from '../bytes.ts'
import { activeMembers, type Membership, memberBySlot } from '../membership.ts'
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
  /** Members that are known to have said two things: their quotes are in no new word. */
  readonly equivocators: ReadonlySet<number>
  readonly session: Session | undefined
  /** All sessions so far: the number of the next one. */
  readonly sessions: number
  /** Sessions opened so far, by word. At most one word a quote, and one a lock. */
  readonly attempts: ReadonlyMap<bigint, number>
  /** Members that were silent, refused or sent a bad share: chosen again only when nobody else is left. */
  readonly doubtful: ReadonlySet<number>
  /** Members that will sign one word only, by what they showed: the quotes that lead to it. The first claim stays. */
  readonly locks: ReadonlyMap<number, readonly SignedQuote[]>
  /** Identity signatures by word: q of them are a certificate of their own. */
  readonly identitySignatures: ReadonlyMap<bigint, ReadonlyMap<number, Uint8Array>>
}

export type RoundEvent =
  | { readonly type: 'quote'; readonly quote: SignedQuote }
  | { readonly type: 'tick' }
  /** It is proven that a member said two things. `session`: the one that a signer refused for it. */
  | { readonly type: 'equivocation'; readonly slot: number; readonly session: number | undefined }
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

/**
 * @param quotes what is known of the round already; a `tick` then says whether that is enough
 * @param equivocators slots whose quotes cannot count
 */
export function openRound(
  round: Round,
  feedId: Hash,
  turn: Turn,
  quotes: readonly SignedQuote[] = [],
  equivocators: readonly number[] = [],
): RoundState {
  return {
    round,
    feedId,
    turn,
    phase: 'collecting',
    quotes: new Map(
      quotes.filter(({ slot }) => !equivocators.includes(slot)).map(quote => [quote.slot, quote]),
    ),
    equivocators: new Set(equivocators),
    session: undefined,
    sessions: 0,
    attempts: new Map(),
    doubtful: new Set(),
    locks: new Map(),
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
    case 'equivocation':
      return onEquivocation(state, event.slot, event.session, context)
    case 'share':
      return ifCurrent(state, event.session, session => onShare(state, session, event.share))
    case 'missing':
      // Of an earlier session too: the next proposal had better hold them.
      return event.session === state.session?.number
        ? onMissing(state, event.slot, event.quotes, context)
        : stay(withQuotes(state, event.quotes))
    case 'locked':
      // Of an earlier session too: who is locked is not to be asked for another word.
      return event.session === state.session?.number
        ? onLocked(state, event.slot, event.quotes, context)
        : stay(withLateLock(state, event.slot, event.quotes, context))
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

/**
 * Once a word has been asked for, the liar's quote stays in it: the word is an honest one all the same, and who has signed
 * it can sign no other. Only another signer that refuses it for the liar's sake is a reason to ask for a word without.
 */
function onEquivocation(
  state: RoundState,
  slot: number,
  refused: number | undefined,
  context: RoundContext,
): Step {
  const next = { ...state, equivocators: new Set(state.equivocators).add(slot) }
  // Nobody may be left to wait for.
  if (state.phase === 'collecting') return onTick(withoutQuoteOf(next, slot), context)
  const { session } = state
  const spoilt = refused === session?.number && session?.quotes.some(quote => quote.slot === slot) === true
  return spoilt ? propose(withoutQuoteOf(next, slot), context) : stay(next)
}

function withoutQuoteOf(state: RoundState, slot: number): RoundState {
  const quotes = new Map(state.quotes)
  quotes.delete(slot)
  return { ...state, quotes }
}

/** Adds quotes of the round, the first of each slot. */
function withQuotes(state: RoundState, quotes: readonly SignedQuote[]): RoundState {
  const added = new Map(state.quotes)
  for (const quote of quotes) {
    if (quote.quote.round !== state.round || state.equivocators.has(quote.slot)) continue
    if (!added.has(quote.slot)) added.set(quote.slot, quote)
  }
  return added.size === state.quotes.size ? state : { ...state, quotes: added }
}

function onTick(state: RoundState, context: RoundContext): Step {
  const { nowMs, timing, membership } = context
  if (nowMs > roundStartMs(state.round) + 2 * timing.roundMs) return fallback(state, context, 'TOO_LATE')
  if (state.phase !== 'collecting') return stay(state)
  const everyoneIsIn = activeMembers(membership).every(
    ({ slot }) => state.quotes.has(slot) || state.equivocators.has(slot),
  )
  const itIsTime = nowMs >= proposalTimeMs(state.round, state.turn, timing)
  return itIsTime || (everyoneIsIn && state.turn === 'primary') ? propose(state, context) : stay(state)
}

interface Choice {
  readonly word: bigint
  readonly quotes: readonly SignedQuote[]
  readonly signers: readonly number[]
}

/** Opens the next session, or waits for quotes, or gives up. */
function propose(state: RoundState, context: RoundContext): Step {
  const enough = state.quotes.size >= context.membership.quorum.q
  const choice = choose(state, context)
  if (choice === undefined) {
    return enough ? fallback(state, context, 'NO_SIGNERS_LEFT') : stay({ ...state, phase: 'collecting' })
  }
  const session: Session = { number: state.sessions, ...choice, shares: [] }
  const attempt = (state.attempts.get(choice.word) ?? 0) + 1
  return {
    state: {
      ...state,
      phase: 'signing',
      session,
      sessions: state.sessions + 1,
      attempts: new Map(state.attempts).set(choice.word, attempt),
    },
    effects: [{ type: 'propose', session }],
  }
}

/**
 * The word to ask for, and whom. A backup adopts what members are locked to: the primary began it and failed. For a
 * primary the word of all quotes comes first, and a locked one takes its place only when those who are not locked to
 * it are no quorum by themselves: a lock can then only be a leftover, or a lie.
 */
function choose(state: RoundState, context: RoundContext): Choice | undefined {
  const { n, q } = context.membership.quorum
  const [own, locked] = [sortedQuotes(state), lockedQuotes(state)]
  for (const quotes of state.turn === 'backup' ? [...locked, own] : [own, ...locked]) {
    if (quotes.length < q) continue
    const word = wordOf(quotes)
    // ROAST: n − q + 1 sessions for a word are enough to find q honest signers among n, and bound what liars cost.
    if ((state.attempts.get(word) ?? 0) > n - q) continue
    const signers = chooseSigners(state, word, context)
    if (signers !== undefined) return { word, quotes, signers }
  }
  return undefined
}

function sortedQuotes(state: RoundState): SignedQuote[] {
  return [...state.quotes.values()].sort((a, b) => a.slot - b.slot)
}

function wordOf(quotes: readonly SignedQuote[]): bigint {
  return medianWord(quotes.map(signed => signed.quote))
}

/** The quote sets that members are locked to, those with the most members first. */
function lockedQuotes(state: RoundState): (readonly SignedQuote[])[] {
  const byWord = new Map<bigint, { quotes: readonly SignedQuote[]; members: number }>()
  for (const quotes of state.locks.values()) {
    const word = wordOf(quotes)
    const known = byWord.get(word)
    byWord.set(word, { quotes: known?.quotes ?? quotes, members: (known?.members ?? 0) + 1 })
  }
  return [...byWord.values()].sort((a, b) => b.members - a.members).map(({ quotes }) => quotes)
}

/** Whether a member has shown, by a lock or by signing, that it is bound to another word. */
function isLockedElsewhere(state: RoundState, slot: number, word: bigint): boolean {
  const lock = state.locks.get(slot)
  return lock !== undefined && wordOf(lock) !== word
}

/** Exactly q of those who can still sign the word: those who quoted this round first, the doubtful last. */
function chooseSigners(
  state: RoundState,
  word: bigint,
  { candidates, membership }: RoundContext,
): number[] | undefined {
  const rank = (slot: number): number => (state.doubtful.has(slot) ? 2 : 0) + (state.quotes.has(slot) ? 0 : 1)
  const chosen = candidates
    .filter(slot => !isLockedElsewhere(state, slot, word))
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
    // Who signs is locked, too.
    locks: withLock(state, share.slot, session.quotes),
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
  if (next === state) return onRefused(state, slot, context)
  return propose(next, context)
}

function onLocked(
  state: RoundState,
  slot: number,
  quotes: readonly SignedQuote[],
  context: RoundContext,
): Step {
  const usable = isUsable(state, quotes, context)
  // A member that is locked to this very word signs it: to show it as another one is only buying time.
  const another = usable && wordOf(quotes) !== state.session?.word
  if (!another || state.locks.has(slot)) return onRefused(state, slot, context)
  return propose({ ...state, locks: withLock(state, slot, quotes) }, context)
}

function isUsable(state: RoundState, quotes: readonly SignedQuote[], { membership }: RoundContext): boolean {
  return quotes.length >= membership.quorum.q && quotes.every(quote => quote.quote.round === state.round)
}

function withLateLock(
  state: RoundState,
  slot: number,
  quotes: readonly SignedQuote[],
  context: RoundContext,
): RoundState {
  return isUsable(state, quotes, context) ? { ...state, locks: withLock(state, slot, quotes) } : state
}

function withLock(state: RoundState, slot: number, quotes: readonly SignedQuote[]): RoundState['locks'] {
  return state.locks.has(slot) ? state.locks : new Map(state.locks).set(slot, quotes)
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
    const identityOf = (slot: number): string => memberBySlot(context.membership, slot)?.identity ?? ''
    const ascending = [...signatures].sort(([a], [b]) => {
      const [left, right] = [identityOf(a), identityOf(b)]
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
