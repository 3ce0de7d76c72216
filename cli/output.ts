/** Results go to standard output; what is said beside them to standard error, so that results can be piped. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** One JSON document on one line; a bigint is its decimal digits. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)))
}

export function complain(sentence: string): void {
  process.stderr.write(`ionet: ${sentence}\n`)
}
