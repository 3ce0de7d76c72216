import { WireError } from './fields.ts'

/** A log as JSON-RPC returns it, reduced to what is read here. */
export interface Log {
  blockNumber: string
  logIndex: string
  topics: readonly string[]
  data: string
}

/** Where an event stands on the chain. */
export interface Position {
  /** Block and index in it: unique. */
  id: string
  block: number
}

export function positionOf(log: Log): Position {
  const block = Number(log.blockNumber)
  return { id: `${block}/${Number(log.logIndex)}`, block }
}

const WORD = /^0x[0-9a-fA-F]{64}$/

/** Words of data; no whole number when the data is not made of words. */
export function wordsIn(log: Log): number {
  return (log.data.length - 2) / 64
}

/** @throws {WireError} when the data is shorter, or no hex */
export function wordOf(log: Log, index: number): bigint {
  return numberIn(`0x${log.data.slice(2 + index * 64, 66 + index * 64)}`, `log.data[${index}]`)
}

/** An indexed value; topic 0 is the event. @throws {WireError} */
export function topicOf(log: Log, index: number): bigint {
  return numberIn(log.topics[index], `log.topics[${index}]`)
}

function numberIn(word: string | undefined, path: string): bigint {
  if (word === undefined || !WORD.test(word)) throw new WireError(path, 'a word')
  return BigInt(word)
}

/**
 * Puts what the chain said about blocks from `fromBlock` on in place of what was known about them, so that a
 * short reorganisation corrects itself. Newest first, at most `max`.
 */
export function mergeRecent<T extends Position>(
  known: readonly T[],
  fromBlock: number,
  fetched: readonly T[],
  max: number,
): T[] {
  const newest = [...fetched].sort((a, b) => b.block - a.block || (a.id < b.id ? 1 : -1))
  return [...newest, ...known.filter(entry => entry.block < fromBlock)].slice(0, max)
}
