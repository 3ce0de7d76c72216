/**
 * From challenge commitments to each worker's weight. Weight is the number of verified products, strictly linear,
 * and nothing else: usage never changes it (invariant 14).
 */
import type { Address, Hash, Hex } from '../bytes.ts'
import { leafHash, merkleRoot } from '../merkle.ts'
import { abiWords } from '../usage/wire.ts'
import type { AvailabilityClaim, RefusedRecord } from './meter.ts'

/** What became of a commitment's openings. Numbers are part of the protocol. */
export const OPENING = { notDrawn: 0, passed: 1, failed: 2 } as const
export type Opening = (typeof OPENING)[keyof typeof OPENING]

/** One device's commitment in one window, and the result of its openings. */
export interface ChallengeResult {
  readonly window: number
  readonly worker: Address
  readonly device: Hash
  readonly products: number
  readonly commitment: Hash
  readonly opening: Opening
  /** Hash of what was opened, for auditors to ask by; zero when nothing was drawn. */
  readonly transcriptHash: Hash
}

/** One window's root over all commitments, as every oracle node was sent it at the deadline. */
export interface WindowRoot {
  readonly window: number
  readonly root: Hash
}

export function commitmentLeaf(result: Omit<ChallengeResult, 'opening' | 'transcriptHash'>): Hex {
  const { worker, device, window, products, commitment } = result
  return leafHash(abiWords(worker, device, window, products, commitment))
}

export function windowRootOf(results: readonly ChallengeResult[]): Hash {
  return merkleRoot(results.map(commitmentLeaf))
}

/** The report's `commitmentsRoot`: over the roots of the epoch's windows. */
export function commitmentsRootOf(windows: readonly WindowRoot[]): Hash {
  return merkleRoot(windows.map(({ window, root }) => leafHash(abiWords(window, root))))
}

export interface Weighed {
  readonly weights: ReadonlyMap<Address, bigint>
  readonly refused: readonly RefusedRecord[]
}

/**
 * Counts a worker's signed record when the same stands under a window's root. One failed opening costs the device
 * all its windows of the epoch: only so is skipping work never worth it.
 */
export function weighAvailability(
  claims: readonly AvailabilityClaim[],
  results: readonly ChallengeResult[],
): Weighed {
  const committed = new Set(results.map(commitmentLeaf))
  const failed = new Set(results.filter(item => item.opening === OPENING.failed).map(deviceKey))
  // Every commitment is drawn: what was not opened proves nothing, whoever says that it need not have been.
  const opened = new Set(results.filter(item => item.opening === OPENING.passed).map(commitmentLeaf))
  const twice = saidTwice(results)
  const weights = new Map<Address, bigint>()
  const refused: RefusedRecord[] = []
  for (const { worker, sequence, record } of claims) {
    // Deleted once counted: a record that is said twice counts once.
    if (!committed.delete(commitmentLeaf({ worker, ...record }))) {
      refused.push({ worker, sequence, reason: 'NOT_COMMITTED' })
    } else if (twice.has(windowKey({ worker, ...record }))) {
      refused.push({ worker, sequence, reason: 'TWO_COMMITMENTS' })
    } else if (failed.has(deviceKey({ worker, device: record.device }))) {
      refused.push({ worker, sequence, reason: 'FAILED_OPENING' })
    } else if (!opened.has(commitmentLeaf({ worker, ...record }))) {
      refused.push({ worker, sequence, reason: 'NOT_OPENED' })
    } else if (record.products > 0) {
      weights.set(worker, (weights.get(worker) ?? 0n) + BigInt(record.products))
    }
  }
  return { weights, refused }
}

/** A device that commits to two results of one window would be paid for both. */
function saidTwice(results: readonly ChallengeResult[]): ReadonlySet<string> {
  const keys = results.map(windowKey)
  return new Set(keys.filter((key, index) => keys[index - 1] === key))
}

function windowKey(result: { worker: Address; device: Hash; window: number }): string {
  return `${deviceKey(result)} ${result.window}`
}

function deviceKey({ worker, device }: { worker: Address; device: Hash }): string {
  return `${worker} ${device}`
}
