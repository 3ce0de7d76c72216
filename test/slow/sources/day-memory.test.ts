import { expect } from 'chai'
import { LEAN_ENVIRONMENT, LEAN_FLAGS } from '../../../cli/lean-memory.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const HOURS = Number(process.env['DAY_MEMORY_HOURS'] ?? 24)
const MAX_RSS_MB = 400
const MAX_GROWTH = 1.05
/** An exchange is replaced within this. */
const SESSION_HOURS = 6
const QUOTES_AN_HOUR = 360

interface Setup {
  readonly venues: number
  readonly streaming: number
}

/** Of memory, medians of twelve samples spread over the hour, each after garbage was collected. */
interface Hour {
  readonly hour: number
  /** Of the process, as the system counts it. */
  readonly rssMb: number
  /** What lives in it. */
  readonly heapMb: number
  readonly frames: number
  readonly exchanges: number
  readonly connections: number
  readonly up: number
  readonly quoted: number
  readonly traced: number
  readonly scrapedBytes: number
}

describe('a day of prices', function () {
  // Ten minutes where nothing else runs.
  this.timeout(3_600_000)

  it('takes at most 400 MB, and no more in hour 24 than in hour 2', async () => {
    const day = spawnNode('test/slow/sources/day-memory-process.ts', [String(HOURS)], {
      ...LEAN_ENVIRONMENT,
      NODE_OPTIONS: ['--expose-gc', ...LEAN_FLAGS].join(' '),
    })
    expect(await day.ended, day.stderr()).to.equal(0)
    const [setup, ...hours] = day
      .stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Setup & Hour)
    const [second, last] = [hours[1], hours.at(-1)]
    if (setup === undefined || second === undefined || last === undefined) throw new Error('no two hours')
    process.stdout.write(
      `      hour 2: ${JSON.stringify(second)}\n      hour ${HOURS}: ${JSON.stringify(last)}\n`,
    )
    expect(hours).to.have.length(HOURS)
    for (const { hour, rssMb } of hours) expect(rssMb, `hour ${hour}`).to.be.at.most(MAX_RSS_MB)
    expect(last.rssMb / second.rssMb).to.be.at.most(MAX_GROWTH)
    expect(last.heapMb / second.heapMb).to.be.at.most(MAX_GROWTH)

    // It was a day of work: memory that nothing was done with proves nothing.
    const { venues, streaming } = setup
    expect(last.frames).to.be.at.least(HOURS * 3_600 * streaming)
    expect(last.exchanges).to.be.at.least(venues * Math.floor(HOURS / SESSION_HOURS))
    expect(last.quoted).to.be.at.least(HOURS * QUOTES_AN_HOUR - 2)
    expect(last.traced).to.equal(last.quoted)
    for (const { hour, up, connections, scrapedBytes } of hours) {
      expect(up, `hour ${hour}`).to.equal(venues)
      // One more while an exchange is being replaced.
      expect(connections, `hour ${hour}`).to.be.within(streaming, streaming + 1)
      expect(scrapedBytes, `hour ${hour}`).to.be.above(5_000)
    }
  })
})
