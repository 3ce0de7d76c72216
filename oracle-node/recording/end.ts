/** The last block of a recording that was ended in order: what the file holds, so that it shows when some of it is gone. */
import { z } from 'zod'
import type { RecordEnd } from './record.ts'

const count = z.int().min(0)

const end = z.strictObject({
  entries: count,
  missing: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

export function encodeRecordEnd({ entries, missing, sha256 }: RecordEnd): string {
  return JSON.stringify({ entries, missing, sha256 })
}

/** @throws {Error} when it is none */
export function decodeRecordEnd(text: string): RecordEnd {
  return end.parse(JSON.parse(text))
}
