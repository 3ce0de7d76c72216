/** Names a plan by its content, so that two who speak of a quote can tell whether they mean the same plan. */
import { type Hex, keccak256, stringToBytes } from 'viem'
import type { SourcePlan } from './types.ts'

/** A plan's hash is never that of something else. */
const TAG = 'ionet source plan\n'

/**
 * keccak-256 over the plan as JSON without spaces, the keys of each object in the order of their code units. What stands
 * in a list stays in its order: it decides which leg is named when there is no price.
 */
export function planHash(plan: SourcePlan): Hex {
  return keccak256(stringToBytes(TAG + canonicalJson(plan)))
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (isPlainObject(item) ? sortKeys(item) : item))
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sortKeys(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
