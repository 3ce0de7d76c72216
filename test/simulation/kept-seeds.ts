import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Invariant } from '../support/simulation/witness.ts'

/** A run that once broke an invariant, or that is worth running whenever something changes. */
export interface KeptSeed {
  readonly seed: number
  readonly rounds: number
  readonly n: number
  /** What it broke, and under which mistake. */
  readonly broke: Invariant
  readonly by?: string
}

export const SEEDS_FILE = fileURLToPath(new URL('seeds.json', import.meta.url))

export function keptSeeds(): readonly KeptSeed[] {
  return JSON.parse(readFileSync(SEEDS_FILE, 'utf8')) as KeptSeed[]
}
