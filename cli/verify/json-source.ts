/** Reads one JSON document from wherever the user says. Whoever gives it is not believed. */
import { createReadStream } from 'node:fs'
import { InputError } from '../input-error.ts'

export interface FoundJson {
  readonly from: string
  /** JSON of anything. */
  readonly value: unknown
}

/** What is looked for, for sentences: `report`, and who serves it. */
export interface WantedJson {
  readonly what: string
  readonly servedBy: string
  readonly maxChars: number
  /** What an address that the user gave leads to. */
  readonly urlOf: (url: URL) => string
}

const TIMEOUT_MS = 10_000

/**
 * @param source a file, `-` for standard input, or an address
 * @throws {InputError} when nothing is there, or it is no JSON
 */
export async function findJson(
  source: string,
  stdin: AsyncIterable<Uint8Array>,
  wanted: WantedJson,
): Promise<FoundJson> {
  const found = (from: string, text: string) => ({ from, value: parse(from, text, wanted) })
  if (source === '-')
    return found('standard input', await readAll(stdin, wanted, () => 'standard input cannot be read'))
  if (!/^https?:\/\//.test(source)) return found(source, await readText(source, wanted))
  const address = URL.parse(source)
  if (address === null) throw new InputError(`${source} is no address`)
  const url = wanted.urlOf(address)
  return found(url, await download(url, wanted))
}

function readText(file: string, wanted: WantedJson): Promise<string> {
  return readAll(createReadStream(file), wanted, error => {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return missing ? `there is no file ${file}` : `${file} cannot be read`
  })
}

async function download(url: string, wanted: WantedJson): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => {
    throw new InputError(`nothing answers at ${url}`)
  })
  if (response.ok && response.body !== null)
    return readAll(response.body, wanted, () => `${url} does not answer to the end`)
  await response.body?.cancel()
  throw new InputError(`${url} answers ${response.status}: no ${wanted.what} is there`)
}

/** Reads no more than there may be, however much there is. @param complaint what to say of an error on the way */
async function readAll(
  pieces: AsyncIterable<Uint8Array>,
  { maxChars, what }: WantedJson,
  complaint: (error: unknown) => string,
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const piece of pieces) {
      text += decoder.decode(piece, { stream: true })
      if (text.length > maxChars) break
    }
  } catch (error) {
    throw new InputError(complaint(error))
  }
  if (text.length > maxChars) throw new InputError(`this is longer than any ${what}`)
  return text
}

function parse(from: string, text: string, { what, servedBy }: WantedJson): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InputError(`${from} holds no JSON: give one ${what}, as ${servedBy} serves it`)
  }
}
