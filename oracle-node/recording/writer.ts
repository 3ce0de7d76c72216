/** Writes down what reaches the pipeline, beside the work: nothing waits for the disk. */
import type { Clock } from '../../runtime/clock.ts'
import type { Service } from '../../runtime/service.ts'
import type { Tap, TappedTicker } from '../sources/pipeline.ts'
import { encodeBlock, MAX_RAW_BYTES } from './block.ts'
import { encodeEntry } from './entry-lines.ts'
import { encodeRecordHeader } from './header.ts'
import type { RecordEntry, RecordHeader } from './record.ts'
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

/** Of lines that are cut at about 700 characters, even when each of those takes three bytes, a block stays legal. */
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
  readonly entries: number
  /** Left out because the disk did not follow, or failed. */
  readonly missing: number
  readonly bytes: number
}

/** A recording that is being made. */
export class RecordWriter implements Service, Tap {
  readonly name = 'recording'
  readonly #header: RecordHeader
  readonly #limits: RecordLimits
  readonly #deps: RecordWriterDeps
  readonly #abort = new AbortController()
  #file: RecordFile | undefined
  #cutting: Promise<void> | undefined
  #draining: Promise<void> | undefined
  #hasFailed = false
  #sequence = 0
  #lines: string[] = []
  #lineChars = 0
  /** Blocks that wait for the disk. */
  readonly #sealed: string[] = []
  #pendingChars = 0
  #gap = 0
  #entries = 0
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
    return { entries: this.#entries, missing: this.#missing, bytes: this.#bytes }
  }

  async start(): Promise<void> {
    this.#file = await this.#deps.open()
    await this.#append('header', encodeRecordHeader(this.#header))
    this.#cutting = this.#repeatCut(this.#abort.signal)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#cutting
    if (this.#gap > 0 && !this.#hasFailed && this.#file !== undefined) this.#mark()
    this.cut()
    await this.#draining
    await this.#file?.close()
    this.#file = undefined
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
    if (this.#file === undefined || this.#hasFailed || this.#pendingChars > this.#limits.pendingChars) {
      this.#gap += 1
      this.#missing += 1
      return
    }
    if (this.#gap > 0) this.#mark()
    this.#push(entry)
    this.#entries += 1
  }

  #mark(): void {
    this.#push({ kind: 'gap', missing: this.#gap })
    this.#gap = 0
  }

  #push(entry: RecordEntry): void {
    const line = encodeEntry(entry)
    this.#lines.push(line)
    this.#lineChars += line.length + 1
    this.#pendingChars += line.length + 1
    if (this.#lineChars >= this.#limits.blockChars) this.cut()
  }

  async #repeatCut(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(this.#limits.blockMs, signal).catch(() => {})
      this.cut()
    }
  }

  /** Ends the block that is being filled, and hands it to the disk. */
  cut(): void {
    if (this.#lines.length === 0) return
    this.#sealed.push(this.#lines.join('\n'))
    this.#lines = []
    this.#lineChars = 0
    this.#draining ??= this.#drain()
  }

  async #drain(): Promise<void> {
    try {
      for (let text = this.#sealed.shift(); text !== undefined; text = this.#sealed.shift()) {
        await this.#append('entries', text)
        this.#pendingChars -= text.length + 1
      }
    } catch (error) {
      // Half a block may stand at the end now; whatever followed it could not be read.
      this.#hasFailed = true
      this.#sealed.length = 0
      this.#lines = []
      this.#lineChars = 0
      this.#deps.fail(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#draining = undefined
    }
  }

  async #append(kind: 'header' | 'entries', text: string): Promise<void> {
    const block = await encodeBlock(kind, this.#sequence, text)
    this.#sequence += 1
    await this.#file?.append(block)
    this.#bytes += block.length
  }
}
