/** The first line in which two sorted lists differ, named by its key. */
import { compareBytes } from '../bytes.ts'
import type { Where } from './audit-types.ts'

export interface LineFormat<T> {
  readonly encode: (line: T) => Uint8Array
  /** Whose line it is: equal for lines that speak of the same. */
  readonly key: (line: T) => string
  readonly text: (line: T) => string
}

/** Undefined when the lists are equal. */
export function firstDifference<T>(
  part: Where['part'],
  expected: readonly T[],
  found: readonly T[],
  format: LineFormat<T>,
): Where | undefined {
  for (let index = 0; index < Math.max(expected.length, found.length); index++) {
    const where = differenceAt(expected[index], found[index], format)
    if (where !== undefined) return { part, index, ...where }
  }
  return undefined
}

function differenceAt<T>(
  expected: T | undefined,
  found: T | undefined,
  { encode, key, text }: LineFormat<T>,
): Pick<Where, 'key' | 'expected' | 'found'> | undefined {
  if (expected === undefined) {
    return found === undefined ? undefined : { key: key(found), expected: 'no line', found: text(found) }
  }
  if (found === undefined) return { key: key(expected), expected: text(expected), found: 'no line' }
  if (compareBytes(encode(expected), encode(found)) === 0) return undefined
  if (key(expected) === key(found))
    return { key: key(expected), expected: text(expected), found: text(found) }
  // Sorted lists: the lower key is the one that the other list lacks.
  return key(expected) < key(found)
    ? { key: key(expected), expected: text(expected), found: 'no line' }
    : { key: key(found), expected: 'no line', found: text(found) }
}
