import { join } from 'node:path'
import { expect } from 'chai'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { writeSyntheticRecording } from '../../support/recording/synthetic-hour.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const HOUR_SEC = 3_600
const MAX_SEC = 30
/** A recording is streamed: what is held is a block and the latest values, whatever its length. */
const MAX_RSS_MB = 400

describe('a recorded hour of 14 venues at ten updates a second', function () {
  this.timeout(180_000)
  let directory: TemporaryDirectory
  before(() => {
    directory = temporaryDirectory()
  })
  after(() => directory.remove())

  it(`is replayed by the program in less than ${MAX_SEC} s`, async () => {
    const path = join(directory.path, 'hour.rec')
    const { entries, missing, bytes } = await writeSyntheticRecording({
      ...{ path, seconds: HOUR_SEC, updatesPerSec: 10 },
    })
    expect({ entries, missing }).to.deep.equal({ entries: 504_000 + HOUR_SEC, missing: 0 })

    const startedAt = performance.now()
    const replay = spawnNode('cli/ionet.ts', ['replay', path])
    expect(await replay.ended, replay.stderr()).to.equal(0)
    const elapsedSec = (performance.now() - startedAt) / 1_000
    const [, tickers, rssMb] = /of (\d+) tickers .* times as fast, (\d+) MB/.exec(replay.stderr()) ?? []
    process.stdout.write(
      `    ${(bytes / 1e6).toFixed(1)} MB, replayed in ${elapsedSec.toFixed(1)} s with at most ${rssMb} MB\n`,
    )
    expect(Number(tickers)).to.equal(504_000)
    const lines = replay.stdout().trimEnd().split('\n')
    expect(lines).to.have.length(HOUR_SEC)
    expect(lines.every(line => JSON.parse(line).effectiveSources === 4)).to.equal(true)
    expect(elapsedSec).to.be.below(MAX_SEC)
    expect(Number(rssMb)).to.be.below(MAX_RSS_MB)
  })
})
