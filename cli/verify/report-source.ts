/** Where a report to be checked comes from. Whoever gives it is not believed. */
import { type FoundJson, findJson } from './json-source.ts'

export type FoundReport = FoundJson

/** A report of 128 members with a quote each is some 60 kB. */
const MAX_CHARS = 1_000_000

/**
 * @param source a file, `-` for standard input, or the address of a report or of an aggregator, whose newest is taken
 * @throws {InputError} when nothing is there, or it is no JSON
 */
export function findReport(source: string, stdin: AsyncIterable<Uint8Array>): Promise<FoundReport> {
  return findJson(source, stdin, {
    what: 'report',
    servedBy: 'an aggregator',
    maxChars: MAX_CHARS,
    // An address without a path is an aggregator's.
    urlOf: url => (url.pathname === '/' ? new URL('/v1/reports/latest', url).href : url.href),
  })
}
