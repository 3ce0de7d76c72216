/**
 * The number of the last attempt that each aggregator called, on disk before this node deals for it: after a restart
 * it would deal otherwise under the same name, which to everybody else is a proven lie.
 */
import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { writeFileAtomic } from '../../runtime/atomic-file.ts'

export interface AttemptRecord {
  /** 0 for a caller that has called for none. */
  highest(caller: number): number
  /** Durable when it returns. */
  note(caller: number, attempt: number): void
}

/** By the caller's index, which is one byte: so bounded. */
const FILE = z.record(z.string().regex(/^\d{1,3}$/), z.number().int().nonnegative())

/**
 * A file that cannot be read is an error: without it this node could be made to contradict itself. It may be deleted
 * once no aggregator calls with attempts from before.
 *
 * @throws when it is there and holds something else
 */
export function attemptRecord(path: string): AttemptRecord {
  const stored = existsSync(path) ? FILE.parse(JSON.parse(readFileSync(path, 'utf8'))) : {}
  const highest = new Map(Object.entries(stored).map(([caller, attempt]) => [Number(caller), attempt]))
  return {
    highest: caller => highest.get(caller) ?? 0,
    note: (caller, attempt) => {
      const next = new Map(highest).set(caller, attempt)
      writeFileAtomic(path, JSON.stringify(Object.fromEntries(next)), 0o600)
      highest.set(caller, attempt)
    },
  }
}
