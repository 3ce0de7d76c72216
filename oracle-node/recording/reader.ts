/** Reads recordings, block by block. The file may be anybody's: nothing of it is believed before it is checked. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { type BlockHeader, decodeHeader, HEADER_BYTES, isIntact, unpack } from './block.ts'
import { decodeRecordEnd } from './end.ts'
import { decodeEntries } from './entry-lines.ts'
import { decodeRecordHeader } from './header.ts'
import { type RecordEnd, type RecordEntry, type RecordHeader, RecordingError } from './record.ts'

/** A recording that is being read. Holds one block at a time. */
export interface Recording {
  readonly header: RecordHeader
  /**
   * Entries, a block at a time. Once only.
   *
   * @throws {RecordingError} where a block is not what was written; those before it have been given by then
   */
  blocks(): AsyncIterable<readonly RecordEntry[]>
  /** Bytes at the end that are no whole block: what was being written when the writer died. Known after the last block. */
  readonly tornBytes: number
  /**
   * Whether the writer ended it in order, and all that it wrote is there. Known after the last block. Accidents show,
   * not people: who changes a file can make its checksums anew.
   */
  readonly isWhole: boolean
  close(): Promise<void>
}

/**
 * @throws {RecordingError} when the file does not begin as a recording, as when its writer died within the first block
 * @throws {Error} with code ENOENT and the like
 */
export async function readRecording(path: string): Promise<Recording> {
  const blocks = new BlockReader(await open(path))
  try {
    const header = await readHeader(blocks)
    return {
      header,
      blocks: () => entriesOf(blocks),
      get tornBytes() {
        return blocks.tornBytes
      },
      get isWhole() {
        return blocks.isWhole
      },
      close: () => blocks.close(),
    }
  } catch (error) {
    await blocks.close()
    throw error
  }
}

interface Block {
  readonly header: BlockHeader
  readonly atByte: number
  readonly text: string
}

async function readHeader(blocks: BlockReader): Promise<RecordHeader> {
  const first = await blocks.next()
  if (first?.header.kind !== 'header') {
    throw new RecordingError('NOT_A_RECORDING', 0, 'the file does not begin as a recording of prices')
  }
  const header = decode(first, () => decodeRecordHeader(first.text))
  if (header === undefined) {
    throw new RecordingError(
      'UNKNOWN_RECORDING_FORMAT',
      0,
      'the recording is of a format that is not known here',
    )
  }
  return header
}

async function* entriesOf(blocks: BlockReader): AsyncGenerator<readonly RecordEntry[]> {
  const read = { entries: 0, missing: 0 }
  for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) {
    const { header, text, atByte } = block
    if (header.kind === 'header') throw damaged(atByte, 'the recording begins a second time')
    if (header.kind === 'end') return checkEnd(block, read, blocks)
    const entries = decode(block, () => decodeEntries(text))
    for (const entry of entries) {
      if (entry.kind === 'gap') read.missing += entry.missing
      else read.entries += 1
    }
    yield entries
  }
}

async function checkEnd(end: Block, read: Omit<RecordEnd, 'sha256'>, blocks: BlockReader): Promise<void> {
  const { entries, missing, sha256 } = decode(end, () => decodeRecordEnd(end.text))
  if (entries !== read.entries || missing !== read.missing || sha256 !== blocks.digest())
    throw damaged(end.atByte, 'the recording is not what its end says')
  if ((await blocks.next()) !== undefined || blocks.tornBytes > 0)
    throw damaged(end.atByte, 'the recording goes on behind its end')
  blocks.isWhole = true
}

/** A block can be whole, and nonsense all the same. */
function decode<T>({ atByte }: Block, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw damaged(atByte, 'the recording has a block that is not readable', error)
  }
}

function damaged(atByte: number, what: string, cause?: unknown): RecordingError {
  return new RecordingError('DAMAGED_RECORDING', atByte, what, cause)
}

/**
 * Walks over the blocks of a file and tells a torn end from damage. A writer that dies leaves a part of its last block,
 * or, when the machine dies, room without content: so a part, zeros, and wrong content of the last block are its end. The
 * same anywhere else means that the file was changed; in place of the first block, that it is no recording.
 */
class BlockReader {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #atByte = 0
  #sequence = 0
  tornBytes = 0
  isWhole = false

  constructor(file: FileHandle) {
    this.#file = file
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** SHA-256 of all blocks so far, but for the end. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /** Undefined at the end. */
  async next(): Promise<Block | undefined> {
    const atByte = this.#atByte
    const head = await this.#read(atByte, HEADER_BYTES)
    if (head.length === 0) return undefined
    if (head.length < HEADER_BYTES) return this.#torn(head.length)
    const header = decodeHeader(head)
    if (typeof header === 'string') return this.#withoutHeader(header, head)
    if (header.sequence !== this.#sequence) throw damaged(atByte, 'blocks of the recording are missing')

    const packed = await this.#read(atByte + HEADER_BYTES, header.packedBytes)
    if (packed.length < header.packedBytes) return this.#torn(HEADER_BYTES + packed.length)
    const endByte = atByte + HEADER_BYTES + packed.length
    if (!isIntact(header, packed)) {
      if ((await this.#read(endByte, 1)).length === 0) return this.#torn(HEADER_BYTES + packed.length)
      throw damaged(atByte, 'the recording has a block with wrong bytes')
    }
    this.#atByte = endByte
    if (header.kind !== 'end') this.#hash.update(head).update(packed)
    this.#sequence += 1
    const place = { header, atByte, text: '' }
    return { ...place, text: decode(place, () => unpack(header, packed)) }
  }

  async #withoutHeader(fault: 'foreign' | 'unknown' | 'damaged', head: Buffer): Promise<undefined> {
    const atByte = this.#atByte
    if (fault === 'unknown') {
      throw new RecordingError(
        'UNKNOWN_RECORDING_FORMAT',
        atByte,
        'a block is of a kind that is not known here',
      )
    }
    if (atByte === 0) {
      if (fault === 'foreign') return undefined
      throw damaged(atByte, 'the first block is not what was written')
    }
    const zeros = await this.#zerosFrom(atByte + head.length)
    if (zeros === undefined) throw damaged(atByte, 'something else stands where a block should begin')
    return this.#torn(head.length + zeros)
  }

  /** How many bytes are left when all of them are zero; undefined when one is not. */
  async #zerosFrom(position: number): Promise<number | undefined> {
    let bytes = 0
    for (;;) {
      const part = await this.#read(position + bytes, 64 * 1024)
      if (part.length === 0) return bytes
      if (part.some(byte => byte !== 0)) return undefined
      bytes += part.length
    }
  }

  #torn(bytes: number): undefined {
    this.tornBytes = bytes
    return undefined
  }

  /** Fewer than asked for at the end of the file only. */
  async #read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await this.#file.read(buffer, filled, length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  }
}
