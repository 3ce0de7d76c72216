import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { RecordEntry } from '../../../oracle-node/recording/record.ts'
import { createRecordFile, type RecordFile } from '../../../oracle-node/recording/record-file.ts'
import { createRecorder } from '../../../oracle-node/recording/recorder.ts'
import { DEFAULT_LIMITS, type RecordLimits, RecordWriter } from '../../../oracle-node/recording/writer.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { runService } from '../../../runtime/process.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { waitFor } from '../../support/network/wait.ts'
import { aRecordHeader, aTapped, contentsOf, fileIn } from '../../support/recording/build.ts'
import { NOW_MS } from '../../support/sources/build.ts'
import { ExaminedVenues } from '../../support/sources/doctor-venues.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

/** A file whose disk can be held up, or broken. */
class FakeFile implements RecordFile {
  readonly blocks: Uint8Array[] = []
  #held: PromiseWithResolvers<void> | undefined
  error: Error | undefined
  closed = 0

  hold(): void {
    this.#held = Promise.withResolvers()
  }

  release(): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#held?.promise
    if (this.error !== undefined) throw this.error
    this.blocks.push(bytes)
  }

  async close(): Promise<void> {
    this.closed += 1
  }
}

const errorOf = (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a recording that is being written', () => {
  let directory: TemporaryDirectory
  let clock: ManualClock
  let file: FakeFile
  let failures: Error[]
  beforeEach(() => {
    directory = temporaryDirectory()
    clock = new ManualClock(NOW_MS)
    file = new FakeFile()
    failures = []
  })
  afterEach(() => directory.remove())

  const writerOf = (limits: Partial<RecordLimits> = {}, open = async (): Promise<RecordFile> => file) =>
    new RecordWriter(
      { header: aRecordHeader(), limits: { ...DEFAULT_LIMITS, ...limits } },
      { clock, open, fail: error => failures.push(error) },
    )
  const readBack = async () => {
    const path = fileIn(directory)
    writeFileSync(path, Buffer.concat(file.blocks))
    return contentsOf(path)
  }

  it('gives back what it was given, in order, times and hash included', async () => {
    const tickers = [
      aTapped({ frame: new Uint8Array(32).fill(7) }),
      aTapped({ exchangeTimeMs: null, last: '1e-7' }, { transport: 'rest', requestedAtMs: NOW_MS - 50 }),
      { ...aTapped(), ticker: { symbol: 'IO/USDT', exchangeTimeMs: null, receivedAtMs: NOW_MS } },
    ]
    const path = fileIn(directory)
    const writer = writerOf({}, () => createRecordFile(path))
    await writer.start()
    for (const tapped of tickers) writer.ticker(tapped)
    writer.observed(17_600_000_010, NOW_MS + 1_000)
    await writer.stop()

    const { entries, ...ending } = await contentsOf(path)
    expect(ending).to.deep.equal({ tornBytes: 0, isWhole: true, code: undefined })
    const plain = entries.map(entry =>
      entry.kind === 'ticker' && entry.tapped.ticker.frame !== undefined
        ? {
            ...entry,
            tapped: {
              ...entry.tapped,
              ticker: { ...entry.tapped.ticker, frame: Uint8Array.from(entry.tapped.ticker.frame) },
            },
          }
        : entry,
    )
    expect(plain).to.deep.equal([
      ...tickers.map(tapped => ({ kind: 'ticker', tapped })),
      { kind: 'observe', round: 17_600_000_010, nowMs: NOW_MS + 1_000 },
    ])
    expect(writer.counts).to.deep.equal({
      ...{ entries: 4, waiting: 0, missing: 0, bytes: readFileSync(path).length },
    })
  })

  it('writes a block a second, and none when nothing was said', async () => {
    const writer = writerOf()
    await writer.start()
    writer.ticker(aTapped())
    await clock.advance(999)
    expect(file.blocks).to.have.length(1)
    await clock.advance(1)
    await waitFor('the second block', () => file.blocks.length === 2)
    await clock.advance(5_000)
    expect(file.blocks).to.have.length(2)
    await writer.stop()
  })

  it('writes a block when it is long, however little time has passed', async () => {
    const writer = writerOf({ blockChars: 300 })
    await writer.start()
    for (let i = 0; i < 4; i++) writer.ticker(aTapped())
    await waitFor('a block', () => file.blocks.length > 1)
    await writer.stop()
    expect((await readBack()).entries).to.have.length(4)
  })

  it('leaves out what a slow disk cannot take, counts it, and marks where', async () => {
    const writer = writerOf({ blockChars: 300, pendingChars: 600 })
    await writer.start()
    file.hold()
    for (let i = 0; i < 50; i++) writer.observed(i, NOW_MS + i)
    for (let i = 0; i < 50; i++) writer.ticker(aTapped())
    const { missing } = writer.counts
    expect(missing).to.be.above(40)
    file.release()
    await writer.settled()
    writer.observed(99, NOW_MS + 99)
    await writer.stop()

    const { entries, isWhole } = await readBack()
    expect(isWhole).to.equal(true)
    expect(writer.counts).to.include({ entries: 101 - missing, waiting: 0, missing })
    expect(entries.slice(-2)).to.deep.equal([
      { kind: 'gap', missing },
      { kind: 'observe', round: 99, nowMs: NOW_MS + 99 },
    ] satisfies RecordEntry[])
    expect(entries).to.have.length(100 - missing + 2)
  })

  it('marks a gap at the end, too', async () => {
    const writer = writerOf({ pendingChars: 10 })
    await writer.start()
    for (let i = 0; i < 5; i++) writer.observed(i, NOW_MS)
    await writer.stop()
    expect((await readBack()).entries).to.deep.equal([
      { kind: 'observe', round: 0, nowMs: NOW_MS },
      { kind: 'gap', missing: 4 },
    ])
  })

  it('ends at a disk that fails, says so once, and keeps nothing in memory', async () => {
    const writer = writerOf({ blockChars: 300 })
    await writer.start()
    writer.observed(1, NOW_MS)
    writer.cut()
    await writer.settled()
    file.error = new Error('no space left')
    for (let i = 0; i < 500; i++) writer.ticker(aTapped())
    await writer.settled()
    // Those that had been taken did not come to the disk either.
    expect(writer.counts).to.include({ entries: 1, waiting: 0, missing: 500 })
    for (let i = 0; i < 500; i++) writer.ticker(aTapped())
    expect(await errorOf(writer.stop())).to.equal(file.error)
    expect(failures.map(({ message }) => message)).to.deep.equal(['no space left'])
    expect(writer.counts).to.include({ entries: 1, waiting: 0, missing: 1_000 })
    const { entries, isWhole } = await readBack()
    expect(entries).to.deep.equal([{ kind: 'observe', round: 1, nowMs: NOW_MS }])
    expect(isWhole).to.equal(false)
  })

  it('does not end well when the disk fails at the last block, or at the end behind it', async () => {
    const last = writerOf()
    await last.start()
    last.ticker(aTapped())
    expect(last.counts).to.include({ entries: 0, waiting: 1, missing: 0 })
    file.error = new Error('no space left')
    expect(await errorOf(last.stop())).to.equal(file.error)
    expect(last.counts).to.include({ entries: 0, waiting: 0, missing: 1 })
    // All has been told.
    await last.stop()

    file = new FakeFile()
    const behind = writerOf()
    await behind.start()
    behind.ticker(aTapped())
    behind.cut()
    await behind.settled()
    file.error = new Error('no space left')
    expect(await errorOf(behind.stop())).to.equal(file.error)
    expect(behind.counts).to.include({ entries: 1, waiting: 0, missing: 0 })
    expect(await readBack()).to.deep.include({ tornBytes: 0, isWhole: false, code: undefined })
  })

  it('makes a process end with exit code 1 when the disk fails while it stops', async () => {
    const venues = new ExaminedVenues({}, systemClock)
    const recorder = createRecorder(aRecordHeader(), {
      ...{ clock: systemClock, logger: silentLogger, random: Math.random },
      ...{ createExchange: venues.create, open: async () => file, quote: () => {} },
      fail: error => failures.push(error),
    })
    const exitCode = await runService(async () => recorder, {
      ...{ logger: silentLogger, stopDeadlineMs: 10_000, stopWithStdin: false },
      until: async () => {
        await waitFor('something to write', () => recorder.counts.waiting > 0)
        file.error = new Error('no space left')
      },
    })
    expect(exitCode).to.equal(1)
    const { entries, missing } = recorder.counts
    expect(missing).to.be.above(0)
    expect((await readBack()).entries).to.have.length(entries)
  })

  it('leaves no file behind that is held open when not even its header can be written', async () => {
    file.error = new Error('no space left')
    const writer = writerOf()
    expect(await errorOf(writer.start())).to.equal(file.error)
    await writer.stop()
    expect(file.closed).to.equal(1)
  })

  it('makes no block with more quotes than a reader takes', async () => {
    const writer = writerOf()
    await writer.start()
    for (let i = 0; i < 2_500; i++) writer.observed(i, NOW_MS)
    await writer.stop()
    const { entries, isWhole } = await readBack()
    expect(entries).to.have.length(2_500)
    expect(isWhole).to.equal(true)
    // The header, three of entries, and the end.
    expect(file.blocks).to.have.length(5)
  })

  it('never touches a file that exists', async () => {
    const path = fileIn(directory)
    writeFileSync(path, 'years of work')
    const writer = writerOf({}, () => createRecordFile(path))
    const error: unknown = await writer.start().catch((reason: unknown) => reason)
    expect(error).to.include({ code: 'EEXIST' })
    await writer.stop()
    expect(readFileSync(path, 'utf8')).to.equal('years of work')
  })
})
