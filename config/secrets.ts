import { existsSync, readFileSync, statSync } from 'node:fs'
import { Secret } from '../runtime/secret.ts'
import type { Problems } from './load.ts'

/** Anybody but the owner may do something with the file. */
const FOREIGN_PERMISSIONS = 0o077

/**
 * Reads a password from the first line of a file. Passwords have no environment variable of their own: those are
 * seen by every child process and end in crash reports.
 */
export function readPasswordFile(file: string, path: string, problems: Problems): Secret {
  if (!existsSync(file)) {
    problems.add(path, `${file} does not exist`, 'write the password into it, and `chmod 600` it')
    return new Secret('')
  }
  if (process.platform !== 'win32' && (statSync(file).mode & FOREIGN_PERMISSIONS) !== 0) {
    problems.add(path, `${file} can be read by others`, '`chmod 600` it')
    return new Secret('')
  }
  const [password = ''] = readFileSync(file, 'utf8').split(/\r?\n/)
  if (password === '') problems.add(path, `${file} holds no password`, 'write it into the first line')
  return new Secret(password)
}
