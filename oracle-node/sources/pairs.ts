import type { SourcePlan } from '../../protocol/sources/types.ts'

/** What a plan wants of each venue, in the order of its legs. */
export function pairsByVenue(plan: SourcePlan): Map<string, string[]> {
  const pairs = new Map<string, string[]>()
  for (const leg of plan.legs) {
    for (const { id } of leg.venues) pairs.set(id, [...(pairs.get(id) ?? []), leg.pair])
  }
  return pairs
}
