import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { encodeBlock, HEADER_BYTES } from '../../../oracle-node/recording/block.ts'
import { encodeRecordEnd } from '../../../oracle-node/recording/end.ts'
import { decodeEntry, encodeEntry } from '../../../oracle-node/recording/entry-lines.ts'
import { encodeRecordHeader } from '../../../oracle-node/recording/header.ts'
import { quoteLine } from '../../../oracle-node/recording/quote-line.ts'
import { readRecording } from '../../../oracle-node/recording/reader.ts'
import type { RecordEnd, RecordEntry } from '../../../oracle-node/recording/record.ts'
import { noCounts, replayLines } from '../../../oracle-node/recording/replay.ts'
import { parseTicker, TickerError } from '../../../oracle-node/sources/parse-ticker.ts'
import { createPipeline, type TappedTicker } from '../../../oracle-node/sources/pipeline.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { aRecordHeader, aTapped, contentsOf, fileIn } from '../../support/recording/build.ts'
import { aPlan, IO_VENUES, NOW_MS, USDT_VENUES } from '../../support/sources/build.ts'

/** All eight venues at `io`, by stream. */
function allTapped(io: string): TappedTicker[] {
  const at = (price: string) => ({ bid: price, ask: price, last: price })
  return [
    ...IO_VENUES.map(venue => aTapped(at(io), { venue })),
    ...USDT_VENUES.map(venue => aTapped({ ...at('0.999'), symbol: 'USDT/USD' }, { venue, pair: 'USDT/USD' })),
  ]
}

/** A recording of these blocks without a file. */
function recordingOf(blocks: readonly (readonly RecordEntry[])[]) {
  return {
    header: aRecordHeader(),
    blocks: async function* () {
      yield* blocks
    },
  }
}

async function replayed(blocks: readonly (readonly RecordEntry[])[]) {
  const counts = noCounts()
  const lines: string[] = []
  for await (const some of replayLines(recordingOf(blocks), counts)) lines.push(...some)
  return { lines, counts }
}

describe('a recording that is played again', () => {
  it('gives the quotes of the pipeline that was recorded', async () => {
    const pipeline = createPipeline(aPlan())
    const expected: string[] = []
    const entries: RecordEntry[] = []
    for (const [second, io] of ['2.5', '2.6', '2.7'].entries()) {
      for (const tapped of allTapped(io)) {
        pipeline.accept(tapped)
        entries.push({ kind: 'ticker', tapped })
      }
      const nowMs = NOW_MS + second
      expected.push(quoteLine(second, nowMs, pipeline.observe(nowMs)))
      entries.push({ kind: 'observe', round: second, nowMs })
    }
    // Ages are taken against the time that was written down, whenever it is played.
    entries.push({ kind: 'observe', round: 4, nowMs: NOW_MS + 60_000 })
    expected.push(quoteLine(4, NOW_MS + 60_000, pipeline.observe(NOW_MS + 60_000)))

    const { lines, counts } = await replayed([entries.slice(0, 5), entries.slice(5)])
    expect(lines).to.deep.equal(expected)
    expect(JSON.parse(lines[1] ?? '')).to.deep.include({ price: '2.5974', effectiveSources: 4, dropped: [] })
    expect(JSON.parse(lines[3] ?? '')).to.deep.include({ abstains: 'TOO_FEW_SOURCES', pair: 'IO/USDT' })
    expect(counts).to.deep.equal({
      tickers: 24,
      quotes: 4,
      unreadable: 0,
      missing: 0,
      spanMs: 60_100,
      untilMs: NOW_MS + 60_000,
    })
  })

  it('passes over what could not be read then, and counts what is missing', async () => {
    const { lines, counts } = await replayed([
      [
        ...allTapped('2.5').map(tapped => ({ kind: 'ticker', tapped }) as const),
        { kind: 'ticker', tapped: aTapped({ bid: 'NaN' }) },
        { kind: 'gap', missing: 12 },
        { kind: 'observe', round: 1, nowMs: NOW_MS },
      ],
    ])
    expect(counts).to.include({ tickers: 9, unreadable: 1, missing: 12, quotes: 1 })
    expect(JSON.parse(lines[0] ?? '')).to.include({ price: '2.4975' })
  })

  it('is given piece by piece, however long the lines of a block are', async () => {
    const plan = { ...aPlan(), routes: Array<string[]>(32).fill(['IO/USDT', 'USDT/USD']) }
    const quotes = Array.from({ length: 1_000 }, (_, round) => ({
      ...{ kind: 'observe' as const, round, nowMs: NOW_MS },
    }))
    const recording = { ...recordingOf([quotes]), header: aRecordHeader({ plan }) }
    const sizes: number[] = []
    let count = 0
    for await (const lines of replayLines(recording, noCounts())) {
      count += lines.length
      sizes.push(lines.join('\n').length)
    }
    expect(count).to.equal(1_000)
    expect(sizes.reduce((sum, size) => sum + size)).to.be.above(1_000_000)
    expect(Math.max(...sizes)).to.be.below(300_000)
  })

  it('tells a quote with its routes and what was dropped, on one line', () => {
    const pipeline = createPipeline(aPlan())
    for (const tapped of allTapped('2.5')) pipeline.accept(tapped)
    pipeline.accept(aTapped({ bid: '0', ask: '1', last: '1' }, { venue: 'gate' }))
    const observation = pipeline.observe(NOW_MS)
    expect(quoteLine(5, NOW_MS, observation)).to.equal(
      `{"round":5,"observedAt":${NOW_MS / 1_000},"price":"2.4975","confidenceBps":0,"effectiveSources":3,` +
        `"sourcesRoot":"${observation.root}","routes":[{"path":"IO/USDT × USDT/USD","price":"2.4975"}],` +
        `"dropped":["gate IO/USDT NON_POSITIVE"]}`,
    )
  })
})

describe('a line of a recording', () => {
  const refusalOf = (tapped: TappedTicker): string | undefined => {
    try {
      parseTicker(tapped.venue, tapped.pair, tapped.ticker)
      return undefined
    } catch (error) {
      if (error instanceof TickerError) return error.field
      throw error
    }
  }
  const again = (tapped: TappedTicker): TappedTicker => {
    const entry = decodeEntry(encodeEntry({ kind: 'ticker', tapped }))
    if (entry.kind !== 'ticker') throw new Error('it was a ticker')
    return entry.tapped
  }

  it('is bounded whatever a venue sends, and refused at the door for the same field', () => {
    // Six characters each, in JSON.
    const escaped = '\u0000'.repeat(1_000)
    const hostile = [
      aTapped({ bid: '1'.repeat(1_000_000) }),
      aTapped({ ask: escaped }),
      aTapped({ symbol: escaped, bid: escaped, ask: escaped, last: escaped, baseVolume: escaped }),
      aTapped({ last: '\ud800' }),
      aTapped({ exchangeTimeMs: Number.NaN }),
      aTapped({ exchangeTimeMs: 1.5 }),
      aTapped({ symbol: 'IO/USDC' }),
      aTapped({ symbol: 'X'.repeat(100_000) }),
      aTapped({ bid: `1${'0'.repeat(120)}` }),
    ]
    for (const tapped of hostile) {
      expect(encodeEntry({ kind: 'ticker', tapped }).length).to.be.at.most(3_500)
      expect(refusalOf(again(tapped)))
        .to.be.a('string')
        .and.to.equal(refusalOf(tapped))
    }
  })

  it('is refused when it is not one of ours', () => {
    const wrong = [
      '',
      '{}',
      '[]',
      '["x"]',
      '["o",1.5,2]',
      '["o",-1,2]',
      '["g","1"]',
      '["w","a"]',
      '[1,2',
      'null',
    ]
    for (const line of wrong) expect(() => decodeEntry(line), line).to.throw()
    const cells: unknown[] = JSON.parse(encodeEntry({ kind: 'ticker', tapped: aTapped() }))
    const changes: readonly (readonly [number, unknown])[] = [
      [1, 5],
      [2, 'p'.repeat(65)],
      [3, '1'],
      [4, null],
      [5, 1.5],
      [6, 2.5],
      [7, '1'.repeat(122)],
      [10, 'AAAA'],
      [11, {}],
    ]
    for (const [place, value] of changes) {
      const changed = [...cells]
      changed[place] = value
      expect(() => decodeEntry(JSON.stringify(changed)), `cell ${place}`).to.throw(TypeError)
    }
  })
})

describe('a file that says that it is a recording', () => {
  let directory: TemporaryDirectory
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  afterEach(() => directory.remove())
  const endOf = (given: Partial<RecordEnd>): string =>
    encodeRecordEnd({ entries: 0, missing: 0, sha256: '0'.repeat(64), ...given })
  const codeOf = async (...blocks: readonly (Buffer | Promise<Buffer>)[]): Promise<string | undefined> => {
    const path = fileIn(directory)
    writeFileSync(path, Buffer.concat(await Promise.all(blocks)))
    return (await contentsOf(path)).code
  }
  const header = encodeRecordHeader(aRecordHeader())

  it('has a plan that is read again as it was', async () => {
    const path = fileIn(directory)
    const plan = aPlan()
    const [first, second] = plan.legs.map(leg => ({ ...leg, frozenMs: 60_000 }))
    if (first === undefined || second === undefined) throw new Error('a plan of two legs')
    const legs = [first, { ...second, peg: { bandBps: 300 } }]
    const given = aRecordHeader({ plan: { ...plan, legs } })
    writeFileSync(path, await encodeBlock('header', 0, encodeRecordHeader(given)))
    const recording = await readRecording(path)
    await recording.close()
    expect(recording.header).to.deep.equal(given)
  })

  it('is refused when it is something else', async () => {
    expect(await codeOf(Buffer.from(''))).to.equal('NOT_A_RECORDING')
    expect(await codeOf(Buffer.from('{"http":{}}'.repeat(9)))).to.equal('NOT_A_RECORDING')
    expect(await codeOf(encodeBlock('entries', 0, '["g",1]'))).to.equal('NOT_A_RECORDING')
  })

  it('is refused as something else when its writer was killed within the first block', async () => {
    const first = await encodeBlock('header', 0, header)
    for (const bytes of [1, HEADER_BYTES - 1, HEADER_BYTES, first.length - 1])
      expect(await codeOf(first.subarray(0, bytes)), `${bytes} bytes`).to.equal('NOT_A_RECORDING')
    // Or the machine, before the content came to the disk.
    for (const bytes of [0, HEADER_BYTES]) {
      const room = Buffer.alloc(first.length - bytes)
      expect(await codeOf(first.subarray(0, bytes), room), `${bytes} bytes`).to.equal('NOT_A_RECORDING')
    }
  })

  it('has no end when the content of its last block is wrong, and is damaged when what stands before that is', async () => {
    const first = await encodeBlock('header', 0, header)
    const last = await encodeBlock('entries', 1, '["g",1]')
    for (let place = 0; place < last.length; place++) {
      const changed = Buffer.from(last)
      changed.writeUInt8(changed.readUInt8(place) ^ 1, place)
      const path = fileIn(directory)
      writeFileSync(path, Buffer.concat([first, changed]))
      const isContent = place >= HEADER_BYTES
      expect(await contentsOf(path), `byte ${place}`).to.deep.equal({
        ...{ entries: [], isWhole: false, tornBytes: isContent ? last.length : 0 },
        code: isContent ? undefined : 'DAMAGED_RECORDING',
      })
    }
  })

  it('is refused when it is of a later format', async () => {
    expect(await codeOf(encodeBlock('header', 0, header.replace('"format":1', '"format":2')))).to.equal(
      'UNKNOWN_RECORDING_FORMAT',
    )
  })

  it('is refused when blocks are missing, repeated, or hold nonsense', async () => {
    const first = encodeBlock('header', 0, header)
    const wrong = 'DAMAGED_RECORDING'
    expect(await codeOf(first, encodeBlock('entries', 1, '["g",1]'))).to.equal(undefined)
    expect(await codeOf(first, encodeBlock('entries', 2, '["g",1]'))).to.equal(wrong)
    expect(await codeOf(first, encodeBlock('header', 1, header))).to.equal(wrong)
    expect(await codeOf(first, encodeBlock('entries', 1, 'nonsense'))).to.equal(wrong)
    expect(await codeOf(first, Buffer.from('something else that is longer than a block'))).to.equal(wrong)
    for (const bad of ['{"format":1}', 'null', header.replace('"bandBps":2000', '"bandBps":2.5')]) {
      expect(await codeOf(encodeBlock('header', 0, bad)), bad).to.equal(wrong)
    }
  })

  it('is whole with an end that says what it holds, and damaged with another', async () => {
    const blocks = [
      await encodeBlock('header', 0, header),
      await encodeBlock('entries', 1, '["g",7]\n["o",1,2]'),
    ]
    const sha256 = createHash('sha256').update(Buffer.concat(blocks)).digest('hex')
    const right = { entries: 1, missing: 7, sha256 }
    const end = (said: Partial<RecordEnd>) => encodeBlock('end', 2, endOf({ ...right, ...said }))
    const path = fileIn(directory)
    writeFileSync(path, Buffer.concat([...blocks, await end({})]))
    expect(await contentsOf(path)).to.deep.include({ tornBytes: 0, isWhole: true, code: undefined })

    const wrong = 'DAMAGED_RECORDING'
    expect(await codeOf(...blocks, end({ entries: 2 }))).to.equal(wrong)
    expect(await codeOf(...blocks, end({ missing: 6 }))).to.equal(wrong)
    expect(await codeOf(...blocks, end({ sha256: '0'.repeat(64) }))).to.equal(wrong)
    expect(await codeOf(...blocks, encodeBlock('end', 2, '{}'))).to.equal(wrong)
    expect(await codeOf(...blocks, end({}), encodeBlock('entries', 3, '["g",1]'))).to.equal(wrong)
    expect(await codeOf(...blocks, end({}), encodeBlock('end', 3, endOf(right)))).to.equal(wrong)
    expect(await codeOf(...blocks, end({}), Buffer.alloc(3))).to.equal(wrong)
  })

  it('is refused when it has more quotes in a block than a round each can make', async () => {
    const quotes = (count: number): string => Array(count).fill('["o",1,2]').join('\n')
    const first = encodeBlock('header', 0, header)
    expect(await codeOf(first, encodeBlock('entries', 1, quotes(1_000)))).to.equal(undefined)
    expect(await codeOf(first, encodeBlock('entries', 1, quotes(1_001)))).to.equal('DAMAGED_RECORDING')
  })

  it('is not unpacked further than it says', async () => {
    const bomb = Buffer.from(await encodeBlock('entries', 1, '["g",1]'.padEnd(1_000_000)))
    expect(bomb.length).to.be.below(10_000)
    const { crc32 } = await import('node:zlib')
    bomb.writeUInt32BE(100, 16)
    bomb.writeUInt32BE(crc32(bomb.subarray(0, 24)), 24)
    expect(await codeOf(encodeBlock('header', 0, header), bomb)).to.equal('DAMAGED_RECORDING')
  })
})
