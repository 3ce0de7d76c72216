/** Writes a bundle block by block, so that nothing but one block need be in memory at once. */
import { sha256 } from '@noble/hashes/sha2.js'
import { ByteWriter, compareBytes, type Hash, hexOf } from '../bytes.ts'
import { type EpochBundle, SECTION_NAMES, SECTIONS, type SectionName } from './bundle.ts'
import {
  BLOCK_BYTES,
  BLOCK_ITEMS,
  CHECK_BYTES,
  END_SECTION,
  encodedItems,
  ITEM_HEAD_BYTES,
  MAGIC,
} from './bundle-format.ts'
import { crc32 } from './crc32.ts'

/** Items that are not in order, or twice: a fault of whoever made the bundle, not of its bytes. */
export class BundleOrderError extends Error {
  readonly code = 'BUNDLE_ORDER'
  constructor(section: SectionName, index: number) {
    super(`item ${index} of ${section} is not above the one before it; sort items by their bytes first`)
    this.name = 'BundleOrderError'
  }
}

/**
 * The canonical bytes of a bundle, a block at a time.
 *
 * @throws {BundleOrderError} while iterating, when items do not ascend
 */
export function* encodeBundle(bundle: EpochBundle): Generator<Uint8Array> {
  yield MAGIC
  for (const section of SECTION_NAMES) yield* blocksOf(section, encodedItems(bundle, section))
  yield block(END_SECTION, 0, [])
}

function* blocksOf(section: SectionName, items: Iterable<Uint8Array>): Generator<Uint8Array> {
  let pending: Uint8Array[] = []
  let [first, size] = [0, 0]
  let previous: Uint8Array | undefined
  for (const item of items) {
    const index = first + pending.length
    if (previous !== undefined && compareBytes(previous, item) >= 0)
      throw new BundleOrderError(section, index)
    previous = item
    pending.push(item)
    size += ITEM_HEAD_BYTES + item.length
    if (pending.length === BLOCK_ITEMS || size >= BLOCK_BYTES) {
      yield block(SECTIONS[section], first, pending)
      first = index + 1
      size = 0
      pending = []
    }
  }
  if (pending.length > 0) yield block(SECTIONS[section], first, pending)
}

function block(section: number, first: number, items: readonly Uint8Array[]): Uint8Array {
  const payloadBytes = items.reduce((sum, item) => sum + ITEM_HEAD_BYTES + item.length, 0)
  const writer = new ByteWriter().uint(section, 1).uint(first, 4).uint(items.length, 2).uint(payloadBytes, 4)
  for (const item of items) writer.uint(item.length, ITEM_HEAD_BYTES).fixed(item, item.length)
  const body = writer.done()
  return new ByteWriter().fixed(body, body.length).uint(crc32(body), CHECK_BYTES).done()
}

/** SHA-256 of a stream of bytes. SHA-256, so that any machine's own tool gives a bundle file's name. */
export function hashOfStream(chunks: Iterable<Uint8Array>): Hash {
  const hash = sha256.create()
  for (const chunk of chunks) hash.update(chunk)
  return hexOf(hash.digest())
}

export function bundleHashOf(bundle: EpochBundle): Hash {
  return hashOfStream(encodeBundle(bundle))
}
