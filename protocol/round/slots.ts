/** Which slots a proposal names: one member speaks once, and the same set is always the same bytes. */
import type { Membership } from '../membership.ts'
import type { Proposal } from './messages.ts'

/** One a slot, ascending. */
export function isOneEach(items: readonly { readonly slot: number }[]): boolean {
  return items.every(({ slot }, index) => slot > (items[index - 1]?.slot ?? -1))
}

/** Exactly q, one a slot, all of them holding shares: what is frozen with the key. Who is suspended is not asked. */
export function isSignerSet({ signers }: Pick<Proposal, 'signers'>, membership: Membership): boolean {
  const holders = new Set(membership.groupKey?.participants)
  return (
    signers.length === membership.quorum.q &&
    isOneEach(signers) &&
    signers.every(({ slot }) => holders.has(slot))
  )
}
