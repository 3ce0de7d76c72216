import { keccak_256 } from '@noble/hashes/sha3.js'
import { hexOf } from '../../../protocol/bytes.ts'
import { type Fields, fieldsOf, WireError } from '../model/fields.ts'
import type { Log } from '../model/logs.ts'

/** One call of a JSON-RPC batch. */
export interface Call {
  method: string
  params: unknown[]
}

/** Posts JSON and returns the JSON that comes back; rejects when nothing does. */
export type Post = (url: string, body: unknown) => Promise<unknown>

const utf8 = new TextEncoder()

/** Of an event, by its Solidity signature. */
export function eventTopic(signature: string): string {
  return hexOf(keccak_256(utf8.encode(signature)))
}

/** Of a function, by its Solidity signature. */
export function selectorOf(signature: string): string {
  return eventTopic(signature).slice(0, 10)
}

/** A value type as call data. */
export function argument(value: bigint | string): string {
  return BigInt(value).toString(16).padStart(64, '0')
}

/** Block number as JSON-RPC wants it. */
export function blockTag(block: number): string {
  return `0x${block.toString(16)}`
}

/** Results in the order of the calls. @throws {WireError} when one of them is an error */
export async function batch(post: Post, url: string, calls: readonly Call[]): Promise<unknown[]> {
  const answer = await post(
    url,
    calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call })),
  )
  if (!Array.isArray(answer)) throw new WireError('rpc', 'a list of answers')
  const results = new Map<number, unknown>()
  for (const entry of answer) {
    const fields: Fields = fieldsOf(entry, 'rpc')
    if (fields.has('error')) throw new WireError('rpc.result', 'there')
    results.set(fields.count('id'), Reflect.get(Object(entry), 'result'))
  }
  return calls.map((_, id) => results.get(id))
}

export function quantityOf(value: unknown, path: string): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value))
    throw new WireError(path, 'a quantity')
  return BigInt(value)
}

/** More words than any answer that is read here: a hundred services of two words each. */
const MAX_WORDS = 1_000

/** At least `count` words of returned data. */
export function wordsOf(value: unknown, count: number, path: string): bigint[] {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]*$/.test(value)) throw new WireError(path, 'data')
  const words = (value.length - 2) / 64
  if (!Number.isInteger(words) || words < count || words > MAX_WORDS)
    throw new WireError(path, `${count} words`)
  return Array.from({ length: words }, (_, index) =>
    BigInt(`0x${value.slice(2 + index * 64, 66 + index * 64)}`),
  )
}

/** More logs in one answer than the page could show. */
const MAX_LOGS = 20_000

export function logsOf(value: unknown): Log[] {
  if (!Array.isArray(value) || value.length > MAX_LOGS) throw new WireError('logs', 'a list')
  return value.map(entry => {
    const fields = fieldsOf(entry, 'log')
    return {
      blockNumber: fields.text('blockNumber'),
      logIndex: fields.text('logIndex'),
      topics: fields.texts('topics', 4),
      data: fields.text('data'),
    }
  })
}
