import { CommanderError } from 'commander'
import { UntoldError } from './untold-error.ts'

/**
 * What the command ends with: 0 worked, 1 failed, 2 wrong input and nothing was left running. Of a verification: 0 it
 * holds, 1 it does not, 2 it cannot be told.
 */
export type ExitCode = 0 | 1 | 2

/** Codes of errors that the user mends by asking differently, or by freeing what is in use. */
const INPUT_ERROR_CODES: ReadonlySet<unknown> = new Set([
  'WRONG_INPUT',
  'BAD_CONFIG',
  'NO_ADAPTER',
  'NOT_A_RECORDING',
  'UNKNOWN_RECORDING_FORMAT',
  'PORT_IN_USE',
  'LOCK_HELD',
  'KEYSTORE_MISSING',
  'KEYSTORE_MALFORMED',
  'KEYSTORE_WRONG_PASSWORD',
  'KEYSTORE_EXISTS',
  'NOT_REGISTERED',
  'WRONG_CHAIN',
])

export interface Failure {
  readonly exitCode: ExitCode
  /** Undefined when the user has been told already. */
  readonly sentence: string | undefined
}

/** How an error that reached the command line is told, and what the exit code is. */
export function failureOf(error: unknown, options: { readonly debug: boolean }): Failure {
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : 2, sentence: undefined }
  if (error instanceof UntoldError) return { ...failureOf(error.cause, options), exitCode: 2 }
  if (!(error instanceof Error)) return { exitCode: 1, sentence: String(error) }
  const code = 'code' in error ? error.code : undefined
  if (INPUT_ERROR_CODES.has(code)) return { exitCode: 2, sentence: error.message }
  return { exitCode: 1, sentence: options.debug ? (error.stack ?? error.message) : firstLine(error.message) }
}

function firstLine(text: string): string {
  const [line = text] = text.split('\n')
  return line
}
