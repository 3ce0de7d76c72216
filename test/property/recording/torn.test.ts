import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import type { RecordEntry } from '../../../oracle-node/recording/record.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import {
  aTapped,
  blocksOf,
  type Contents,
  contentsOf,
  fileIn,
  writeEntries,
} from '../../support/recording/build.ts'
import { NOW_MS } from '../../support/sources/build.ts'

const BLOCKS: readonly (readonly RecordEntry[])[] = [0, 1, 2].map(block => [
  { kind: 'ticker', tapped: aTapped({ bid: `2.${block}`, frame: new Uint8Array(32).fill(block) }) },
  { kind: 'observe', round: block, nowMs: NOW_MS + block },
])

describe('a recording whose bytes are not those that were written', function () {
  this.timeout(60_000)
  let directory: TemporaryDirectory
  let whole: Buffer
  /** What the whole file gives after none, one, … of its blocks. */
  let prefixes: string[]
  let endAtByte: number
  before(async () => {
    directory = temporaryDirectory()
    const path = fileIn(directory, 'whole.rec')
    await writeEntries(path, BLOCKS)
    whole = readFileSync(path)
    endAtByte = blocksOf(whole).at(-1) ?? 0
    const { entries } = await contentsOf(path)
    expect(entries).to.have.length(6)
    prefixes = [0, 2, 4, 6].map(count => JSON.stringify(entries.slice(0, count)))
  })
  after(() => directory.remove())

  const read = async (bytes: Uint8Array): Promise<Contents & { readonly blocks: number }> => {
    const path = fileIn(directory)
    writeFileSync(path, bytes)
    const contents = await contentsOf(path)
    // Whole blocks from the start, or nothing: never half of one, never another.
    const blocks = prefixes.indexOf(JSON.stringify(contents.entries))
    expect(blocks, JSON.stringify(contents.entries)).to.be.at.least(0)
    return { ...contents, blocks }
  }

  it('gives the blocks that are whole when it is cut off anywhere, and says how much was left out', async () => {
    let before = 0
    const cleanEnds: number[] = []
    for (let length = 1; length < whole.length; length++) {
      const { blocks, code, tornBytes, isWhole } = await read(whole.subarray(0, length))
      // However much of it is there: that some is gone shows, at the edge of a block, too.
      expect(isWhole, `cut at ${length}`).to.equal(false)
      if (code !== undefined) {
        expect(code).to.equal('NOT_A_RECORDING')
        expect(blocks + cleanEnds.length).to.equal(0)
        continue
      }
      expect(blocks).to.be.at.least(before)
      before = blocks
      if (tornBytes === 0) cleanEnds.push(length)
      else expect(tornBytes).to.equal(length - (cleanEnds.at(-1) ?? 0))
    }
    // The end of the header, and of each block of entries.
    expect(cleanEnds).to.have.length(4)
    expect(await read(whole)).to.include({ blocks: 3, tornBytes: 0, isWhole: true, code: undefined })
  })

  it('gives the blocks that are whole when a crash left zeros behind, wherever they begin', async () => {
    for (let from = 1; from < whole.length; from++) {
      const { code, blocks, tornBytes, isWhole } = await read(
        Buffer.concat([whole.subarray(0, from), Buffer.alloc(200)]),
      )
      if (code === undefined) expect(tornBytes, `from byte ${from}`).to.be.above(0)
      // A block of which a part is there and more follows: for all that can be known, somebody changed it.
      else expect(code).to.be.oneOf(['NOT_A_RECORDING', 'DAMAGED_RECORDING'])
      expect(blocks).to.be.at.most(3)
      expect(isWhole, `from byte ${from}`).to.equal(false)
    }
  })

  it('never gives anything else for a bit that is flipped, and never hides it', async () => {
    for (let place = 0; place < whole.length; place++) {
      const bytes = Buffer.from(whole)
      bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << (place % 8)), place)
      const { code, tornBytes, isWhole } = await read(bytes)
      expect(isWhole, `byte ${place}`).to.equal(false)
      // Only in the end, which is the last block, it could be the trace of a crash.
      if (place < endAtByte) expect(code, `byte ${place}`).to.be.a('string')
      else expect(code !== undefined || tornBytes > 0, `byte ${place}`).to.equal(true)
    }
  })

  it('never does anything but refuse bytes from anybody', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(whole.length), async (bytes, from) => {
        const changed = Buffer.concat([whole.subarray(0, from), bytes])
        const { isWhole, code } = await read(changed)
        expect(isWhole).to.equal(changed.equals(whole))
        // What stands behind the end is no crash's.
        if (from === whole.length && bytes.length > 0) expect(code).to.equal('DAMAGED_RECORDING')
      }),
      { numRuns: 500 },
    ))
})
