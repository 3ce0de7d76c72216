/** A group key made by as many dealers as it has holders, all in one process, as no real network may. */

import { Dealer, type GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'
import { attemptIdOf, type KeygenAttempt } from '../../../protocol/keygen/attempt.ts'
import type { DealtShares } from '../../../protocol/keygen/messages.ts'
import type { GroupKey } from '../../../protocol/membership.ts'
import { at, DOMAIN } from './cast.ts'

export interface DealtKey {
  readonly keys: readonly GeneratedKey[]
  readonly groupKey: GroupKey
}

export function anAttempt(participants: readonly number[], threshold: number): KeygenAttempt {
  return { keyEpoch: 1, registryVersion: 1, memberSet: 1, caller: 0, attempt: 1, participants, threshold }
}

export function dealersFor(attempt: KeygenAttempt): Dealer[] {
  const id = attemptIdOf(DOMAIN, attempt)
  return attempt.participants.map(slot => new Dealer(attempt, id, slot))
}

/** Everybody's commitments but one's own. */
export function commitmentsFor(dealer: Dealer, dealers: readonly Dealer[]) {
  return dealers.filter(other => other !== dealer).map(other => other.own)
}

/** The shares that all others deal to `dealer`. */
export function sharesFor(dealer: Dealer, dealers: readonly Dealer[]): Map<number, DealtShares> {
  return new Map(
    dealers
      .filter(other => other !== dealer)
      .map(other => {
        const shares = other.sharesFor(dealer.slot)
        if (shares === undefined) throw new RangeError(`${other.slot} dealt nothing for ${dealer.slot}`)
        return [other.slot, shares]
      }),
  )
}

export function dealKey(participants: readonly number[], threshold: number): DealtKey {
  const dealers = dealersFor(anAttempt(participants, threshold))
  for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
  const shares = dealers.map(dealer => sharesFor(dealer, dealers))
  const keys = dealers.map((dealer, index) => dealer.finish(at(shares, index)))
  const { px, transcriptHash } = at(keys, 0)
  return { keys, groupKey: { px, transcriptHash, participants } }
}
