/** What members can do together in an emergency: what they sign, how many of them, and why a contract would refuse. */
import type { Domain } from '../../protocol/domain.ts'
import { type EmptyEpoch, emptyEpochDigest, type Veto, vetoDigest } from '../../protocol/epoch/decisions.ts'
import type { Membership } from '../../protocol/membership.ts'
import { type PauseBurns, pauseBurnsDigest } from '../../protocol/pause-burns.ts'
import { utc } from '../agreement/time.ts'
import type { EmergencyFacts } from './facts.ts'

/** What somebody asks for. */
export type Action =
  | { readonly kind: 'veto'; readonly epoch: number }
  | { readonly kind: 'empty'; readonly epoch: number }
  | { readonly kind: 'pause-burns' }

/** What is signed for it, as the contracts stand now. */
export type Signed =
  | ({ readonly action: 'veto' } & Veto)
  | ({ readonly action: 'empty' } & EmptyEpoch)
  | ({ readonly action: 'pause-burns' } & PauseBurns)

export type ActionRefusal =
  | 'NOTHING_STAGED'
  /** An epoch that is active or emptied stays so. */
  | 'EPOCH_OVER'
  /** Epochs are settled in order. */
  | 'NOT_NEXT_EPOCH'
  | 'EPOCH_NOT_ENDED'
  | 'EPOCH_STAGED'
  | 'PAUSE_TOO_SOON'

export interface Statement {
  readonly signed: Signed
  readonly digest: Uint8Array
  readonly needed: number
  /** What that number is. */
  readonly rule: 'f + 1' | 'q'
  /** A sentence each. */
  readonly consequences: readonly string[]
}

export type Stated =
  | { readonly statement: Statement }
  | { readonly refused: ActionRefusal; readonly sentence: string }

export function stateAction(
  action: Action,
  facts: EmergencyFacts,
  network: { readonly domain: Domain; readonly inForce: Membership },
): Stated {
  switch (action.kind) {
    case 'veto':
      return stateVeto(action.epoch, facts, network)
    case 'empty':
      return stateEmpty(action.epoch, facts, network)
    case 'pause-burns':
      return statePause(facts, network)
    default:
      return action satisfies never
  }
}

type Network = Parameters<typeof stateAction>[2]

function stateVeto(epoch: number, facts: EmergencyFacts, { domain, inForce }: Network): Stated {
  const { staged, nowSec } = facts
  const order = outOfTurn(epoch, facts)
  if (order !== undefined) return order
  // Read beside the epoch, not with it: it may have become active in between, and the next one be staged.
  if (staged?.epoch !== epoch)
    return {
      refused: 'NOTHING_STAGED',
      sentence: `no report of epoch ${epoch} is staged: there is nothing to veto`,
    }
  const { attempt, reportHash, activatesAtSec } = staged
  const signed = { action: 'veto', epoch, attempt, reportHash } as const
  return {
    statement: {
      signed,
      digest: vetoDigest(domain, signed),
      needed: inForce.quorum.f + 1,
      rule: 'f + 1',
      consequences: [
        nowSec < activatesAtSec
          ? `the report can become active from ${utc(activatesAtSec)} on, in ${activatesAtSec - nowSec} s: the veto has to be in a block before`
          : `the report can become active in any block, since ${utc(activatesAtSec)}: the veto has to be faster`,
        'the report is void: nothing of it is minted, debited or paid, and balances, roots and supply stay as they are',
        `epoch ${epoch} is settled again, under attempt ${attempt + 1} or a later one, by a report that the members find right`,
      ],
    },
  }
}

function stateEmpty(epoch: number, facts: EmergencyFacts, { domain, inForce }: Network): Stated {
  const order = outOfTurn(epoch, facts)
  if (order !== undefined) return order
  const { nowSec, nextEpochEndSec, staged } = facts
  if (nowSec < nextEpochEndSec)
    return {
      refused: 'EPOCH_NOT_ENDED',
      sentence: `epoch ${epoch} goes on until ${utc(nextEpochEndSec)}: only an epoch that has ended can be emptied`,
    }
  if (staged !== undefined)
    return {
      refused: 'EPOCH_STAGED',
      sentence: `attempt ${staged.attempt} of epoch ${epoch} is staged: let it become active, or veto it first`,
    }
  const signed = { action: 'empty', keyEpoch: inForce.keyEpoch, epoch } as const
  return {
    statement: {
      signed,
      digest: emptyEpochDigest(domain, signed),
      needed: inForce.quorum.q,
      rule: 'q',
      consequences: [
        `the emission of epoch ${epoch} is minted, and all of its pool goes to the reserve, which is released over a year`,
        'nobody is paid for hires or availability of the epoch: its challenge windows are gone for good',
        'roots and debits stay; usage of the epoch, and holds that last so long, are brought with the next epoch that has a report',
      ],
    },
  }
}

function statePause(facts: EmergencyFacts, { domain, inForce }: Network): Stated {
  const { burns, nowSec } = facts
  if (nowSec < burns.nextPauseFromSec)
    return {
      refused: 'PAUSE_TOO_SOON',
      sentence: `burns can be paused again from ${utc(burns.nextPauseFromSec)} on, ${burns.pausedUntilSec > nowSec ? `and are paused until ${utc(burns.pausedUntilSec)}` : 'and go on until then'}`,
    }
  const signed = { action: 'pause-burns', pauses: burns.pauses } as const
  return {
    statement: {
      signed,
      digest: pauseBurnsDigest(domain, signed),
      needed: inForce.quorum.f + 1,
      rule: 'f + 1',
      consequences: [
        `nobody can burn IO for ${burns.pauseSec / 3_600} hours from the block on; prices, claims, withdrawals and settlement go on`,
        'a pause cannot be ended early, and the next one is possible a fortnight after the beginning of this one',
        'signatures are good until a pause begins: hand them over only where it should begin now',
      ],
    },
  }
}

function outOfTurn(epoch: number, { nextEpoch }: EmergencyFacts): Stated | undefined {
  if (epoch < nextEpoch)
    return {
      refused: 'EPOCH_OVER',
      sentence: `epoch ${epoch} is over, and stays as it is: the next to be settled is ${nextEpoch}`,
    }
  if (epoch > nextEpoch)
    return {
      refused: 'NOT_NEXT_EPOCH',
      sentence: `epochs are settled in order, and the next one is ${nextEpoch}, not ${epoch}`,
    }
  return undefined
}
