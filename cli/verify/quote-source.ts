/** Where a quote's trace to be checked comes from. Whoever gives it is not believed. */
import { InputError } from '../input-error.ts'
import { type FoundJson, findJson } from './json-source.ts'

/** 3,200 values of some 300 characters each. */
const MAX_CHARS = 2_000_000

/**
 * @param source a file, `-` for standard input, or the address of a trace or of an oracle node
 * @param round at an oracle node: which of its quotes
 * @throws {InputError} when nothing is there, or it is no JSON
 */
export function findQuoteTrace(
  source: string,
  round: number | undefined,
  stdin: AsyncIterable<Uint8Array>,
): Promise<FoundJson> {
  return findJson(source, stdin, {
    what: 'trace',
    servedBy: 'an oracle node',
    maxChars: MAX_CHARS,
    urlOf: url => {
      if (url.pathname !== '/') return url.href
      if (round === undefined) throw new InputError(`say which quote of ${url.host} is meant: give --round`)
      return new URL(`/v1/rounds/${round}/trace`, url).href
    },
  })
}
