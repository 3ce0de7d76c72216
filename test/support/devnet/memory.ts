import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const CHUNK_BYTES = 16 * 1024 * 1024
/** Longer than any form of a secret, so that none is cut in two by the edge of a chunk. */
const OVERLAP_BYTES = 128
/** Of a page in `/proc/PID/pagemap`. */
const ENTRY_BYTES = 8

/** Whether the memory of a process can be read: same user, and nothing that forbids it. */
export function canReadMemoryOf(pid: number): boolean {
  try {
    return scanMemory(pid, [], 1).bytes > 0
  } catch {
    return false
  }
}

/**
 * The forms in which 32 secret bytes lie in the memory of a program in JavaScript: as bytes, as the digits of a
 * bigint (64 bits each, lowest first, so the bytes in reverse), and as hexadecimal text.
 */
export function formsOf(secret: Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret)
  return [bytes, Buffer.from(bytes.toReversed()), Buffer.from(bytes.toString('hex'))]
}

/**
 * Counts how often each pattern occurs in all writable memory of a process.
 *
 * @param maxBytes ends early, for a mere try
 */
export function scanMemory(
  pid: number,
  patterns: readonly Buffer[],
  maxBytes = Number.POSITIVE_INFINITY,
): { readonly bytes: number; readonly counts: readonly number[] } {
  const counts = patterns.map(() => 0)
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let bytes = 0
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const { start, end } of writtenRegions(pid)) {
      for (let at = start; at < end; at += BigInt(CHUNK_BYTES - OVERLAP_BYTES)) {
        const wanted = Number(end - at < BigInt(CHUNK_BYTES) ? end - at : BigInt(CHUNK_BYTES))
        const read = readAt(memory, chunk, wanted, at)
        bytes += read
        // Hits within the overlap are counted with the chunk that they begin in, unless it is the last.
        const last = at + BigInt(CHUNK_BYTES - OVERLAP_BYTES) >= end
        const limit = last ? read : CHUNK_BYTES - OVERLAP_BYTES
        for (const [index, pattern] of patterns.entries()) {
          counts[index] = (counts[index] ?? 0) + occurrences(chunk.subarray(0, read), pattern, limit)
        }
        if (bytes >= maxBytes) return { bytes, counts }
      }
    }
  } finally {
    closeSync(memory)
    // What was read holds other processes' secrets.
    chunk.fill(0)
  }
  return { bytes, counts }
}

function occurrences(haystack: Buffer, needle: Buffer, before: number): number {
  let count = 0
  let at = haystack.indexOf(needle)
  while (at >= 0 && at < before) {
    count += 1
    at = haystack.indexOf(needle, at + 1)
  }
  return count
}

/** A region may be gone since it was listed, and some devices' cannot be read: they hold nothing of ours. */
function readAt(memory: number, chunk: Buffer, length: number, at: bigint): number {
  try {
    return readSync(memory, chunk, 0, length, at)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EIO') return 0
    throw error
  }
}

interface Region {
  readonly start: bigint
  readonly end: bigint
}

/** What can be written and has been: V8 reserves half a gigabyte for code that it mostly never makes. */
function writtenRegions(pid: number): Region[] {
  const pageBytes = pageBytesOf(pid)
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r')
  try {
    return writableRegions(pid).flatMap(region => writtenPartsOf(pagemap, region, pageBytes))
  } finally {
    closeSync(pagemap)
  }
}

function writableRegions(pid: number): Region[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap(line => {
      const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      return start === undefined || end === undefined
        ? []
        : [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }]
    })
}

/** Runs of pages that are in memory or swapped out. */
function writtenPartsOf(pagemap: number, { start, end }: Region, pageBytes: bigint): Region[] {
  const entries = Buffer.alloc(Number((end - start) / pageBytes) * ENTRY_BYTES)
  const read = readAt(pagemap, entries, entries.length, (start / pageBytes) * BigInt(ENTRY_BYTES))
  const parts: Region[] = []
  for (let index = 0; index < read / ENTRY_BYTES; index += 1) {
    // Bits 62 and 63 of an entry.
    if ((entries.readUInt8(index * ENTRY_BYTES + 7) & 0xc0) === 0) continue
    const at = start + BigInt(index) * pageBytes
    const last = parts.at(-1)
    if (last?.end === at) parts[parts.length - 1] = { start: last.start, end: at + pageBytes }
    else parts.push({ start: at, end: at + pageBytes })
  }
  return parts
}

function pageBytesOf(pid: number): bigint {
  const [, size = '4'] =
    /^KernelPageSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps`, 'utf8')) ?? []
  return BigInt(size) * 1024n
}
