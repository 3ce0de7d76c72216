/** Notices venues that say the same: one of them may be copying the other, which is one source and not two. */
import type { Tap, TappedTicker } from '../../oracle-node/sources/pipeline.ts'

/** So many changes in a row that are the same, digit by digit, are no accident. */
export const ALIKE_CHANGES = 20

export interface LookAlikes {
  readonly pair: string
  readonly venues: readonly [string, string]
}

/** Remembers what each venue said last, so many changes of each. */
export class LookAlikeWatch implements Tap {
  readonly #changes = new Map<string, Map<string, string[]>>()

  ticker({ venue, pair, ticker: { bid, ask, last } }: TappedTicker): void {
    const ofPair = getOrMake(this.#changes, pair, () => new Map<string, string[]>())
    const said = getOrMake(ofPair, venue, () => [])
    const now = `${bid} ${ask} ${last}`
    if (said.at(-1) === now) return
    said.push(now)
    if (said.length > ALIKE_CHANGES) said.shift()
  }

  found(): LookAlikes[] {
    return [...this.#changes].flatMap(([pair, venues]) => {
      const full = [...venues].filter(([, said]) => said.length === ALIKE_CHANGES)
      return full.flatMap(([first, said], index) =>
        full
          .slice(index + 1)
          .filter(([, other]) => other.every((value, place) => value === said[place]))
          .map(([second]) => ({ pair, venues: [first, second] as const })),
      )
    })
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const held = map.get(key)
  if (held !== undefined) return held
  const made = make()
  map.set(key, made)
  return made
}
