/** Where bundles come from: a file, or whoever serves them. What they hold is judged by its hash and nothing else. */
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Hash } from '../../protocol/bytes.ts'
import { BundleReader, type BundleResult, describeFault } from '../../protocol/epoch/bundle-reader.ts'
import { InputError } from '../input-error.ts'

/** A bundle as it was read, and from where. */
export interface FoundBundle {
  readonly from: string
  readonly result: BundleResult
}

export interface WantedBundle {
  readonly epoch: number
  /** As the chain has it. */
  readonly hash: Hash
}

/** Where bundles may be. */
export interface BundleSources {
  /** A directory of files that are named by their hash, such as a relayer keeps. */
  readonly directory: string | undefined
  /** Relayers and oracle nodes. */
  readonly urls: readonly string[]
}

/** What a source gave in place of the bundle that was asked for, as a sentence. */
export type Complaint = string

/** A server that says nothing for so long is given up. */
const SILENCE_MS = 15_000

/** @throws {InputError} when the file cannot be read */
export async function readBundleFile(file: string): Promise<FoundBundle> {
  try {
    return { from: file, result: await readStream(createReadStream(file)) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new InputError(`${file} cannot be read (${code}): give the file of an epoch's bundle`)
  }
}

/**
 * Asks one source after the other for a bundle, the directory first. The first that has the right one wins; else the
 * last wrong one is given, so that it can be told what is wrong with it, and undefined when nobody has any.
 */
export async function findBundle(
  sources: BundleSources,
  wanted: WantedBundle,
): Promise<{ readonly found: FoundBundle | undefined; readonly complaints: readonly Complaint[] }> {
  const complaints: Complaint[] = []
  let wrong: FoundBundle | undefined
  const { directory, urls } = sources
  const asks = [
    ...(directory === undefined ? [] : [() => lookInto(directory, wanted)]),
    ...urls.map(url => () => askSource(url, wanted)),
  ]
  for (const ask of asks) {
    const answer = await ask()
    if (typeof answer === 'string') {
      complaints.push(answer)
      continue
    }
    const fault = faultOf(answer.result, wanted.hash)
    if (fault === undefined) return { found: answer, complaints }
    complaints.push(`${answer.from} is another bundle: ${fault}`)
    wrong = answer
  }
  return { found: wrong, complaints }
}

/** What is wrong with a bundle before its content is looked at; undefined when it is the one that is wanted. */
export function faultOf(result: BundleResult, hash: Hash): string | undefined {
  if ('fault' in result) return describeFault(result.fault)
  return result.hash === hash ? undefined : `its hash is ${result.hash}, not ${hash}`
}

/** Files are named as relayers and oracle nodes name theirs: by the digits of the hash. */
async function lookInto(directory: string, { hash }: WantedBundle): Promise<FoundBundle | Complaint> {
  const file = join(directory, hash.slice('0x'.length))
  return existsSync(file) ? readBundleFile(file) : `${file} is not there`
}

/** By hash at relayers and oracle nodes alike; by number at relayers. */
async function askSource(url: string, { epoch, hash }: WantedBundle): Promise<FoundBundle | Complaint> {
  const base = url.replace(/\/+$/, '')
  let complaint: Complaint = `${base} does not have it`
  for (const path of [`/v1/bundles/${hash}`, `/v1/epochs/${epoch}/bundle`]) {
    const answer = await download(base + path)
    if (typeof answer !== 'string') return answer
    complaint = answer
  }
  return complaint
}

async function download(url: string): Promise<FoundBundle | Complaint> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const response = await fetch(url, { signal: silence.signal })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      return `${url} answers ${response.status}`
    }
    const heard = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), SILENCE_MS)
        yield chunk
      }
    }
    return { from: url, result: await readStream(heard(response.body)) }
  } catch {
    return silence.signal.aborted ? `${url} has gone silent` : `nothing answers at ${url}`
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

async function readStream(chunks: AsyncIterable<Uint8Array>): Promise<BundleResult> {
  const reader = new BundleReader()
  for await (const chunk of chunks) {
    reader.push(chunk)
    if (reader.fault !== undefined) break
  }
  return reader.end()
}
