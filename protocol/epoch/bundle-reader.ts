/**
 * Reads a bundle as it arrives. Bytes from outside: every length is bounded before anything is kept, and the
 * first fault is named by section and items and ends the reading.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { ByteReader, compareBytes, DecodeError, equalBytes, type Hash, hexOf } from '../bytes.ts'
import type { EpochBundle, SectionName } from './bundle.ts'
import {
  addItem,
  BLOCK_BYTES,
  BLOCK_HEAD_BYTES,
  BLOCK_ITEMS,
  type BundleItems,
  CHECK_BYTES,
  END_SECTION,
  ITEM_HEAD_BYTES,
  MAGIC,
  MAX_PAYLOAD_BYTES,
  noItems,
  SINGLE,
  sectionOf,
} from './bundle-format.ts'
import { ByteQueue } from './byte-queue.ts'
import { crc32 } from './crc32.ts'

export const BUNDLE_FAULTS = [
  'NOT_A_BUNDLE',
  'TOO_LARGE',
  'TRUNCATED',
  'TRAILING_BYTES',
  'BLOCK_SHAPE',
  'BLOCK_CHECK',
  'SECTION_ORDER',
  'ITEM_ORDER',
  'ITEM_COUNT',
  'BAD_ITEM',
] as const
export type BundleFaultCode = (typeof BUNDLE_FAULTS)[number]

/** What is wrong with a stream, and where. */
export interface BundleFault {
  readonly code: BundleFaultCode
  /** Where the block begins in the stream, bytes. */
  readonly offset: number
  /** Undefined where no section can be told. */
  readonly section: SectionName | undefined
  /** The item, or the first and last of the block that it is in. */
  readonly items: { readonly first: number; readonly last: number } | undefined
}

export type BundleResult =
  | { readonly bundle: EpochBundle; readonly hash: Hash; readonly bytes: number }
  | { readonly fault: BundleFault }

/** Ten million records are about 250 MB compressed away to a tenth; a stream longer than this is an attack. */
export const MAX_BUNDLE_BYTES = 4 * 2 ** 30

class Fault extends Error {
  readonly fault: Omit<BundleFault, 'offset'>
  constructor(code: BundleFaultCode, section?: SectionName, items?: BundleFault['items']) {
    super(code)
    this.fault = { code, section, items }
  }
}

interface Block {
  readonly number: number
  readonly first: number
  readonly count: number
  readonly payload: Uint8Array
}

export class BundleReader {
  readonly #maxBytes: number
  readonly #queue = new ByteQueue()
  readonly #hash = sha256.create()
  readonly #items: BundleItems = noItems()
  #received = 0
  /** Bytes of whole blocks that have been read. */
  #offset = 0
  #section = 0
  #previousItem: Uint8Array | undefined
  /** Whether the last block was full, so that its section may go on. */
  #mayContinue = false
  #ended = false
  #fault: BundleFault | undefined

  constructor(maxBytes = MAX_BUNDLE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** The first fault so far: nothing that comes after it is looked at, so the sender can be let go. */
  get fault(): BundleFault | undefined {
    return this.#fault
  }

  push(chunk: Uint8Array): void {
    if (this.#fault !== undefined) return
    this.#received += chunk.length
    this.#guard(() => {
      if (this.#received > this.#maxBytes) throw new Fault('TOO_LARGE')
      this.#hash.update(chunk)
      this.#queue.push(chunk)
      this.#readBlocks()
    })
  }

  /** To be called once, after the last chunk. */
  end(): BundleResult {
    const bundle = this.#guard(() => {
      if (!this.#ended) throw new Fault('TRUNCATED', sectionOf(this.#section))
      return bundleOf(this.#items)
    })
    if (this.#fault !== undefined) return { fault: this.#fault }
    if (bundle === undefined) throw new Error('a bundle without fault has a value')
    return { bundle, hash: hexOf(this.#hash.digest()), bytes: this.#received }
  }

  #guard<T>(read: () => T): T | undefined {
    if (this.#fault !== undefined) return undefined
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#fault = { ...error.fault, offset: this.#offset }
      return undefined
    }
  }

  #readBlocks(): void {
    if (this.#offset === 0) {
      if (this.#queue.length < MAGIC.length) return
      if (!equalBytes(this.#queue.take(MAGIC.length), MAGIC)) throw new Fault('NOT_A_BUNDLE')
      this.#offset = MAGIC.length
    }
    for (;;) {
      if (this.#ended && this.#queue.length > 0) throw new Fault('TRAILING_BYTES')
      const block = this.#nextBlock()
      if (block === undefined) return
      this.#readBlock(block)
      this.#offset += BLOCK_HEAD_BYTES + block.payload.length + CHECK_BYTES
    }
  }

  /** The next block, once it is whole and its check holds. */
  #nextBlock(): Block | undefined {
    if (this.#queue.length < BLOCK_HEAD_BYTES) return undefined
    const head = new ByteReader(this.#queue.peek(BLOCK_HEAD_BYTES))
    const [number, first, count, bytes] = [head.small(1), head.small(4), head.small(2), head.small(4)]
    const section = sectionOf(number)
    const items = { first, last: first + count - 1 }
    if (section === undefined && number !== END_SECTION)
      throw new Fault('BLOCK_SHAPE', sectionOf(this.#section))
    if (bytes > MAX_PAYLOAD_BYTES || count > BLOCK_ITEMS) throw new Fault('BLOCK_SHAPE', section)
    const length = BLOCK_HEAD_BYTES + bytes + CHECK_BYTES
    if (this.#queue.length < length) return undefined

    const whole = this.#queue.take(length)
    const body = whole.subarray(0, length - CHECK_BYTES)
    const check = new ByteReader(whole.subarray(length - CHECK_BYTES)).small(4)
    if (crc32(body) !== check) throw new Fault('BLOCK_CHECK', section, items)
    return { number, first, count, payload: body.subarray(BLOCK_HEAD_BYTES) }
  }

  #readBlock({ number, first, count, payload }: Block): void {
    if (number === END_SECTION) {
      if (first !== 0 || count !== 0 || payload.length !== 0) throw new Fault('BLOCK_SHAPE')
      this.#ended = true
      return
    }
    const section = sectionOf(number)
    if (section === undefined) throw new Fault('BLOCK_SHAPE')
    const continues = number === this.#section
    if (number < this.#section || (continues && !this.#mayContinue)) throw new Fault('SECTION_ORDER', section)
    if (!continues) this.#previousItem = undefined
    this.#section = number
    if (first !== this.#items[section].length || count === 0) throw new Fault('BLOCK_SHAPE', section)
    const size = this.#readItems(section, first, count, payload)
    this.#mayContinue = count === BLOCK_ITEMS || size >= BLOCK_BYTES
  }

  #readItems(section: SectionName, first: number, count: number, payload: Uint8Array): number {
    const reader = new ByteReader(payload)
    let size = 0
    for (let index = first; index < first + count; index++) {
      const here = { first: index, last: index }
      // A block that was full before its last item is another encoding of the same items.
      if (size >= BLOCK_BYTES) throw new Fault('BLOCK_SHAPE', section, here)
      const item = decoding(section, here, () => reader.fixed(reader.small(ITEM_HEAD_BYTES)))
      if (this.#previousItem !== undefined && compareBytes(this.#previousItem, item) >= 0)
        throw new Fault('ITEM_ORDER', section, here)
      decoding(section, here, () => addItem(this.#items, section, item))
      this.#previousItem = item
      size += ITEM_HEAD_BYTES + item.length
    }
    if (size !== payload.length) throw new Fault('BLOCK_SHAPE', section, { first, last: first + count - 1 })
    return size
  }
}

function decoding<T>(section: SectionName, items: BundleFault['items'], decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) throw new Fault('BAD_ITEM', section, items)
    throw error
  }
}

function bundleOf(items: BundleItems): EpochBundle {
  for (const section of SINGLE) {
    if (items[section].length > 1) throw new Fault('ITEM_COUNT', section)
  }
  const [header] = items.header
  const [parameters] = items.parameters
  if (header === undefined) throw new Fault('ITEM_COUNT', 'header')
  if (parameters === undefined) throw new Fault('ITEM_COUNT', 'parameters')
  const { channels, holds, sequences, ...lists } = items
  return { ...lists, header, parameters, price: items.price[0], opening: { channels, holds, sequences } }
}

/** Reads a whole stream that is there already. */
export function decodeBundle(chunks: Iterable<Uint8Array>, maxBytes = MAX_BUNDLE_BYTES): BundleResult {
  const reader = new BundleReader(maxBytes)
  for (const chunk of chunks) {
    reader.push(chunk)
    if (reader.fault !== undefined) break
  }
  return reader.end()
}

/** A fault as a sentence for people. */
export function describeFault({ code, section, items, offset }: BundleFault): string {
  const block = `in the block at byte ${offset}`
  if (section === undefined) return `${code} ${block}`
  if (items === undefined) return `${code} in ${section}, ${block}`
  const which = items.first === items.last ? `item ${items.first}` : `items ${items.first} to ${items.last}`
  return `${code} in ${section}, ${which}, ${block}`
}
