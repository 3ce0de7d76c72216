import type { Writable } from 'node:stream'

/** Results go to standard output; what is said beside them to standard error, so that results can be piped. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One JSON document on one line; a bigint is its decimal digits. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)))
}

/** What may wait for somebody who has stopped reading. A quote with all that can be dropped in it is 300,000. */
export const MAX_UNREAD_CHARS = 4 * 1024 * 1024

/**
 * Prints as long as it is read, for who prints until told to stop: `unread` is being told. It resolves when nobody reads
 * any more, as behind `head` (`GONE`), or {@link MAX_UNREAD_CHARS} wait for who does (`STALLED`); nothing is printed from
 * then on. Rejects with what else makes the output unwritable.
 */
export function printWhileRead(stdout: Writable = process.stdout): {
  readonly print: (line: string) => void
  readonly unread: Promise<'GONE' | 'STALLED'>
} {
  const { promise: unread, resolve, reject } = Promise.withResolvers<'GONE' | 'STALLED'>()
  let isRead = true
  // Stays: each later line fails in the same way, and that is no news.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    isRead = false
    if (error.code === 'EPIPE') resolve('GONE')
    else reject(error)
  })
  return {
    unread,
    print: line => {
      if (!isRead) return
      stdout.write(`${line}\n`)
      if (stdout.writableLength <= MAX_UNREAD_CHARS) return
      isRead = false
      resolve('STALLED')
    },
  }
}

export function complain(sentence: string): void {
  process.stderr.write(`ionet: ${sentence}\n`)
}
