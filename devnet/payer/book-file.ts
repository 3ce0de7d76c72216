/** The payer's book on disk: a payer that forgot what it signed could not tell a late charge from a false one. */
import { readFileSync } from 'node:fs'
import { writeFileAtomic } from '../../runtime/atomic-file.ts'
import type { PayerBook } from '../../sdk/payer.ts'

/** What was stored, to be given to a new book; undefined when nothing was. @throws {SyntaxError} */
export function loadBook(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

export function saveBook(path: string, book: PayerBook): void {
  writeFileAtomic(path, `${JSON.stringify(book.state())}\n`, 0o600)
}
