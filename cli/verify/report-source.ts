/** Where a report to be checked comes from. Whoever gives it is not believed. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../input-error.ts'

export interface FoundReport {
  readonly from: string
  /** JSON of anything. */
  readonly value: unknown
}

/** A report of 128 members with a quote each is some 60 kB. */
const MAX_CHARS = 1_000_000
const TIMEOUT_MS = 10_000

/**
 * @param source a file, `-` for standard input, or the address of a report or of an aggregator, whose newest is taken
 * @throws {InputError} when nothing is there, or it is no JSON
 */
export async function findReport(source: string, stdin: AsyncIterable<Uint8Array>): Promise<FoundReport> {
  if (source === '-') return { from: 'standard input', value: parse('standard input', await readAll(stdin)) }
  if (!/^https?:\/\//.test(source)) return { from: source, value: parse(source, await readText(source)) }
  const url = reportUrl(source)
  return { from: url, value: parse(url, await download(url)) }
}

/** An address without a path is an aggregator's. */
function reportUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null) throw new InputError(`${text} is no address`)
  return url.pathname === '/' ? new URL('/v1/reports/latest', url).href : url.href
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new InputError(missing ? `there is no file ${file}` : `${file} cannot be read`)
  }
}

async function download(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => {
    throw new InputError(`nothing answers at ${url}`)
  })
  if (response.ok && response.body !== null) return readAll(response.body)
  await response.body?.cancel()
  throw new InputError(`${url} answers ${response.status}: no report is there`)
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > MAX_CHARS) throw new InputError('this is longer than any report')
  }
  return text
}

function parse(from: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InputError(`${from} holds no JSON: give one report, as an aggregator serves it`)
  }
}
