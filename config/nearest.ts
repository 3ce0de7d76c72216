/** More slips than this, and it is another word. */
const MAX_SLIPS = 2
/** No name is longer; the distance takes the time of the square. */
const MAX_LENGTH = 64

/** The end of a sentence about an unknown name: what was probably meant, or nothing. */
export function meant(name: string, known: Iterable<string>): string {
  const near = nearest(name, known)
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The name that was probably meant: the nearest by letters added, left out or changed; undefined when none is near. */
function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let fewest = Math.min(MAX_SLIPS, name.length - 1) + 1
  for (const candidate of known) {
    const count = slips(name.toLowerCase(), candidate.toLowerCase(), fewest)
    if (count < fewest) [best, fewest] = [candidate, count]
  }
  return best
}

/** Levenshtein's distance; lengths that differ by `limit` are not looked at any further. */
function slips(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const changed = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? limit
}
