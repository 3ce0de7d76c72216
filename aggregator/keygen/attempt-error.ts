import type { Exclusion } from '../../protocol/keygen/blame.ts'

/** An attempt that led to no signed installation. The next one may, without those that are named. */
export class KeygenAttemptError extends Error {
  readonly code = 'KEYGEN_ATTEMPT_FAILED'
  readonly excluded: readonly Exclusion[]
  constructor(what: string, excluded: readonly Exclusion[] = []) {
    super(`${what}: another attempt follows`)
    this.name = 'KeygenAttemptError'
    this.excluded = excluded
  }
}
