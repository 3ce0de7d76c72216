/** Writes down what reaches the pipeline, beside the work: nothing waits for the disk. */
import { createHash } from 'node:crypto'
import type { Clock } from '../../runtime/clock.ts'
import type { Service } from '../../runtime/service.ts'
import type { Tap, TappedTicker } from '../sources/pipeline.ts'
import { type BlockKind, encodeBlock, MAX_RAW_BYTES } from './block.ts'
import { encodeRecordEnd } from './end.ts'
import { encodeEntry, MAX_BLOCK_QUOTES } from './entry-lines.ts'
import { encodeRecordHeader } from './header.ts'
import type { RecordEnd, RecordEntry, RecordHeader } from './record.ts'
import type { RecordFile } from './record-file.ts'

export interface RecordWriterOptions {
  readonly header: RecordHeader
  readonly limits?: RecordLimits
}

export interface RecordLimits {
  /** A block is cut when it is this long, characters before compression; */
  readonly blockChars: number
  /** or when this time has passed: what a crash may cost. */
  readonly blockMs: number
  /** What may wait for the disk; entries beyond it are counted and left out. */
  readonly pendingChars: number
}

/** A line has up to 3,500 characters (escapes take six): even when each of those takes three bytes, a block stays legal. */
export const DEFAULT_LIMITS: RecordLimits = {
  blockChars: 256 * 1024,
  blockMs: 1_000,
  pendingChars: 16 * 1024 * 1024,
}

export interface RecordWriterDeps {
  readonly clock: Pick<Clock, 'sleep'>
  /** Makes the file; see `createRecordFile`. */
  readonly open: () => Promise<RecordFile>
  /** Told once, when the file cannot be written further: nothing is recorded from there on. */
  readonly fail: (error: Error) => void
}

export interface RecordCounts {
  /** On the disk. */
  readonly entries: number
  /** Not on the disk yet; what is left when all has stopped never came there. */
  readonly waiting: number
  /** Left out because the disk did not follow, or failed. */
  readonly missing: number
  readonly bytes: number
}

/** A block that is being filled. */
interface Filling {
  readonly lines: string[]
  /** With the ends of the lines. */
  chars: number
  entries: number
  quotes: number
}

/** A block that waits for the disk. */
interface Sealed {
  readonly text: string
  readonly entries: number
}

/** A recording that is being made. */
export class RecordWriter implements Service, Tap {
  readonly name = 'recording'
  readonly #header: RecordHeader
  readonly #limits: RecordLimits
  readonly #deps: RecordWriterDeps
  readonly #abort = new AbortController()
  readonly #hash = createHash('sha256')
  #file: RecordFile | undefined
  #cutting: Promise<void> | undefined
  #draining: Promise<void> | undefined
  #failure: Error | undefined
  #sequence = 0
  #filling = emptyBlock()
  readonly #sealed: Sealed[] = []
  #pendingChars = 0
  #gap = 0
  #entries = 0
  #waiting = 0
  #missing = 0
  #bytes = 0

  constructor({ header, limits = DEFAULT_LIMITS }: RecordWriterOptions, deps: RecordWriterDeps) {
    if (limits.blockChars * 3 > MAX_RAW_BYTES)
      throw new RangeError('blocks would be longer than readers take')
    this.#header = header
    this.#limits = limits
    this.#deps = deps
  }

  get counts(): RecordCounts {
    return {
      ...{ entries: this.#entries, waiting: this.#waiting },
      ...{ missing: this.#missing, bytes: this.#bytes },
    }
  }

  async start(): Promise<void> {
    const file = await this.#deps.open()
    try {
      await this.#append(file, 'header', encodeRecordHeader(this.#header))
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    this.#cutting = this.#repeatCut(this.#abort.signal)
  }

  /** Writes what is left, and that this is all. @throws {Error} what the disk said, when the file does not hold it */
  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#cutting
    const file = this.#file
    if (file === undefined) return
    if (this.#gap > 0 && this.#failure === undefined) this.#mark()
    this.cut()
    await this.#draining
    this.#file = undefined
    try {
      if (this.#failure === undefined) await this.#append(file, 'end', encodeRecordEnd(this.#end()))
    } finally {
      await file.close()
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  ticker(tapped: TappedTicker): void {
    this.#add({ kind: 'ticker', tapped })
  }

  /** A quote is made of what has been tapped so far, with ages taken against `nowMs`. */
  observed(round: number, nowMs: number): void {
    this.#add({ kind: 'observe', round, nowMs })
  }

  /** Resolves when all blocks that have been cut are on the disk, for who writes faster than time passes. */
  async settled(): Promise<void> {
    await this.#draining
  }

  #add(entry: RecordEntry): void {
    const isFull = this.#pendingChars > this.#limits.pendingChars
    if (this.#file === undefined || this.#failure !== undefined || isFull) {
      this.#gap += 1
      this.#missing += 1
      return
    }
    if (this.#gap > 0) this.#mark()
    this.#push(entry)
  }

  #mark(): void {
    this.#push({ kind: 'gap', missing: this.#gap })
    this.#gap = 0
  }

  #push(entry: RecordEntry): void {
    const line = encodeEntry(entry)
    const filling = this.#filling
    filling.lines.push(line)
    filling.chars += line.length + 1
    this.#pendingChars += line.length + 1
    if (entry.kind !== 'gap') {
      filling.entries += 1
      this.#waiting += 1
    }
    if (entry.kind === 'observe') filling.quotes += 1
    if (filling.chars >= this.#limits.blockChars || filling.quotes >= MAX_BLOCK_QUOTES) this.cut()
  }

  async #repeatCut(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(this.#limits.blockMs, signal).catch(() => {})
      this.cut()
    }
  }

  /** Ends the block that is being filled, and hands it to the disk. */
  cut(): void {
    const { lines, entries } = this.#filling
    if (lines.length === 0) return
    this.#sealed.push({ text: lines.join('\n'), entries })
    this.#filling = emptyBlock()
    this.#draining ??= this.#drain()
  }

  async #drain(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    try {
      for (let block = this.#sealed.shift(); block !== undefined; block = this.#sealed.shift()) {
        await this.#append(file, 'entries', block.text)
        this.#pendingChars -= block.text.length + 1
        this.#waiting -= block.entries
        this.#entries += block.entries
      }
    } catch (error) {
      // Half a block may stand at the end now; whatever followed it could not be read.
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.#missing += this.#waiting
      this.#waiting = 0
      this.#sealed.length = 0
      this.#filling = emptyBlock()
      this.#deps.fail(this.#failure)
    } finally {
      this.#draining = undefined
    }
  }

  async #append(file: RecordFile, kind: BlockKind, text: string): Promise<void> {
    const block = await encodeBlock(kind, this.#sequence, text)
    this.#sequence += 1
    await file.append(block)
    this.#hash.update(block)
    this.#bytes += block.length
  }

  #end(): RecordEnd {
    return { entries: this.#entries, missing: this.#missing, sha256: this.#hash.copy().digest('hex') }
  }
}

function emptyBlock(): Filling {
  return { lines: [], chars: 0, entries: 0, quotes: 0 }
}
