/** Results go to standard output; what is said beside them to standard error, so that results can be piped. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One JSON document on one line; a bigint is its decimal digits. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)))
}

/**
 * Resolves when nobody reads standard output any more, as behind `head`: for who prints until told to stop, that is being
 * told. Rejects with what else makes it unwritable.
 */
export function readerGone(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Stays: each later line fails in the same way, and that is no news.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') resolve()
    else reject(error)
  })
  return promise
}

export function complain(sentence: string): void {
  process.stderr.write(`ionet: ${sentence}\n`)
}
