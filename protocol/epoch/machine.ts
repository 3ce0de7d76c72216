/**
 * An epoch's life at the relayer: open → sealed → computed → published → certified → staged → active → final; or
 * emptied, when a quorum gives it up. The table stands in README.md; the switch follows it.
 *
 * Effects are done after the state has been stored, and repeated on every tick until the next state is reached:
 * each of them is harmless to do twice.
 */
import type { Hash } from '../bytes.ts'

/** The contract takes no attempt further above the lowest one that it takes: a thief could use up all at once. */
export const MAX_SKIPPED_ATTEMPTS = 1_000

/** The way of an epoch that is settled, in order. */
export const EPOCH_WAY = [
  'open',
  'sealed',
  'computed',
  'published',
  'certified',
  'staged',
  'active',
  'final',
] as const
/** An epoch without a report ends apart from the way, wherever it was on it. */
export const EPOCH_PHASES = [...EPOCH_WAY, 'emptied'] as const
export type EpochPhase = (typeof EPOCH_PHASES)[number]

export interface EpochState {
  readonly epoch: number
  readonly phase: EpochPhase
  /** Grows whenever another report is needed: nodes sign one report for each (epoch, attempt). */
  readonly attempt: number
  /** From `computed` on. */
  readonly bundleHash: Hash | undefined
  /** From `certified` on: unix seconds. */
  readonly validUntilSec: number | undefined
}

export type EpochEvent =
  /** Time as the newest finalised block has it. */
  | { readonly type: 'tick'; readonly finalSec: number }
  | { readonly type: 'computed'; readonly bundleHash: Hash }
  /** The bundle is not on this disk any more, nor is it with anybody else. */
  | { readonly type: 'lost' }
  /** Oracle nodes hold the whole bundle. */
  | { readonly type: 'copied'; readonly copies: number }
  | { readonly type: 'certified'; readonly validUntilSec: number }
  /** So many nodes refused that a quorum cannot be reached. */
  | { readonly type: 'refused' }
  | { readonly type: 'staged' }
  | { readonly type: 'activated' }
  /** The chain takes no attempt below this one any more, whoever made the one that was vetoed. */
  | { readonly type: 'vetoed'; readonly nextAttempt: number }
  /** On chain, by a quorum: the epoch has no report, and its usage is owed in the next one. */
  | { readonly type: 'emptied' }
  /** The chain went back behind what it had shown. */
  | { readonly type: 'reorganised' }
  | { readonly type: 'finalised' }

export type EpochEffect =
  | { readonly type: 'compute'; readonly attempt: number }
  | { readonly type: 'publish'; readonly bundleHash: Hash }
  | { readonly type: 'collect-signatures'; readonly attempt: number }
  | { readonly type: 'stage' }
  | { readonly type: 'activate' }
  /** The next epoch may be staged, and suppliers may claim. */
  | { readonly type: 'announce' }
  /** Records of the epoch need no longer be kept apart from its bundle. */
  | { readonly type: 'prune' }

export interface EpochContext {
  /** The first second after the epoch. */
  readonly endSec: number
  /** How long after the end batch roots may still reach the oracle nodes. */
  readonly graceSec: number
  /** q: copies of the bundle without which there is no certificate. */
  readonly quorum: number
  /** Whether the epoch before is active: staging is strictly in order. */
  readonly previousActive: boolean
}

export interface EpochStep {
  readonly state: EpochState
  readonly effects: readonly EpochEffect[]
}

export function openEpoch(epoch: number): EpochState {
  return { epoch, phase: 'open', attempt: 0, bundleHash: undefined, validUntilSec: undefined }
}

export function stepEpoch(state: EpochState, event: EpochEvent, context: EpochContext): EpochStep {
  switch (event.type) {
    case 'tick':
      return tick(state, event.finalSec, context)
    case 'computed':
      if (state.phase !== 'sealed') return stay(state)
      return enter({ ...state, phase: 'computed', bundleHash: event.bundleHash }, context)
    case 'copied':
      if (state.phase !== 'computed' || event.copies < context.quorum) return stay(state)
      return enter({ ...state, phase: 'published' }, context)
    case 'lost':
      // Nothing was audited yet: the same attempt will do.
      if (state.phase !== 'computed') return stay(state)
      return enter({ ...openEpoch(state.epoch), phase: 'sealed', attempt: state.attempt }, context)
    case 'certified':
      if (state.phase !== 'published') return stay(state)
      return enter({ ...state, phase: 'certified', validUntilSec: event.validUntilSec }, context)
    case 'refused':
      return state.phase === 'published' ? again(state, context) : stay(state)
    case 'staged':
      // Anybody may stage a certificate: the chain's word counts in whatever phase this relayer is.
      return isOver(state.phase) ? stay(state) : enter({ ...state, phase: 'staged' }, context)
    case 'activated':
      return state.phase === 'final' ? stay(state) : enter({ ...state, phase: 'active' }, context)
    case 'vetoed':
      return vetoed(state, event.nextAttempt, context)
    case 'emptied':
      if (state.phase === 'final' || state.phase === 'emptied') return stay(state)
      return enter({ ...openEpoch(state.epoch), phase: 'emptied', attempt: state.attempt }, context)
    case 'reorganised':
      if (state.phase === 'emptied') return again(state, context)
      return state.phase === 'staged' || state.phase === 'active'
        ? enter({ ...state, phase: behind(state) }, context)
        : stay(state)
    case 'finalised':
      return state.phase === 'active' ? enter({ ...state, phase: 'final' }, context) : stay(state)
    default:
      return unreachable(event)
  }
}

function tick(state: EpochState, finalSec: number, context: EpochContext): EpochStep {
  if (state.phase === 'open') {
    return finalSec >= context.endSec + context.graceSec
      ? enter({ ...state, phase: 'sealed' }, context)
      : stay(state)
  }
  const expired = state.validUntilSec !== undefined && finalSec >= state.validUntilSec
  if (state.phase === 'certified' && expired) return again(state, context)
  return enter(state, context)
}

/** Another attempt: what was signed for this one stays the only report of it. */
function again(state: EpochState, context: EpochContext, attempt = state.attempt + 1): EpochStep {
  return enter({ ...openEpoch(state.epoch), phase: 'sealed', attempt }, context)
}

/** Goes on with the first attempt that the chain takes; one that it takes already is kept. */
function vetoed(state: EpochState, nextAttempt: number, context: EpochContext): EpochStep {
  if (isOver(state.phase) || state.attempt >= nextAttempt) return stay(state)
  return state.phase === 'open'
    ? enter({ ...state, attempt: nextAttempt }, context)
    : again(state, context, nextAttempt)
}

/** Whether the chain has closed the epoch: only the chain can open it again. */
function isOver(phase: EpochPhase): boolean {
  return phase === 'active' || phase === 'final' || phase === 'emptied'
}

/** Where a relayer stands whose staging or activation the chain has forgotten; without a report, at the start. */
function behind({ bundleHash, validUntilSec }: EpochState): EpochPhase {
  if (bundleHash === undefined) return 'sealed'
  return validUntilSec === undefined ? 'computed' : 'certified'
}

function enter(state: EpochState, context: EpochContext): EpochStep {
  return { state, effects: effectsOf(state, context) }
}

function stay(state: EpochState): EpochStep {
  return { state, effects: [] }
}

/** What is to be done in a phase, until it is left. */
function effectsOf(state: EpochState, context: EpochContext): readonly EpochEffect[] {
  switch (state.phase) {
    case 'open':
      return []
    case 'sealed':
      return [{ type: 'compute', attempt: state.attempt }]
    case 'computed':
      return state.bundleHash === undefined ? [] : [{ type: 'publish', bundleHash: state.bundleHash }]
    case 'published':
      return [{ type: 'collect-signatures', attempt: state.attempt }]
    case 'certified':
      return context.previousActive ? [{ type: 'stage' }] : []
    case 'staged':
      return [{ type: 'activate' }]
    case 'active':
      return [{ type: 'announce' }]
    case 'final':
      return [{ type: 'prune' }]
    case 'emptied':
      return []
    default:
      return unreachable(state.phase)
  }
}

function unreachable(value: never): never {
  throw new TypeError(`no rule for ${JSON.stringify(value)}`)
}
