/** Which openings an auditor asks for. The choice is the beacon's, so that nobody knows it when work is skipped. */
import { sha256 } from '@noble/hashes/sha2.js'
import { ByteWriter, bytesOf, type Hash, hexOf } from '../bytes.ts'
import { type ChallengeResult, OPENING } from './availability.ts'
import { encodeResult } from './bundle-items.ts'

/**
 * A relayer that lets a hundredth of the epoch's openings pass falsely is found by one auditor with
 * 1 − 0.99^40 = 33%, and by any of seven, each with its own seed, with 94%.
 */
export const SAMPLE_SIZE = 40

/**
 * At most `size` of the openings that are said to have passed, ordered by a hash of seed and line.
 *
 * @param seed of one auditor and epoch
 */
export function drawSample(
  seed: Hash,
  results: readonly ChallengeResult[],
  size: number = SAMPLE_SIZE,
): ChallengeResult[] {
  const seedBytes = bytesOf(seed)
  return results
    .filter(result => result.opening === OPENING.passed)
    .map(result => {
      const line = encodeResult(result)
      const bytes = new ByteWriter().fixed(seedBytes, 32).fixed(line, line.length).done()
      return { result, order: hexOf(sha256(bytes)) }
    })
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .slice(0, size)
    .map(({ result }) => result)
}
