import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

const MAX_RSS_MB = 400
const MAX_GROWTH = 1.05

interface Hour {
  readonly hour: number
  readonly rssMb: number
  readonly heapMb: number
  readonly frames: number
  readonly streaming: number
}

describe('a day of prices', function () {
  this.timeout(900_000)

  it('takes at most 400 MB, and no more in hour 24 than in hour 2', async () => {
    const day = spawnNode('test/slow/sources/day-memory-process.ts', [], { NODE_OPTIONS: '--expose-gc' })
    expect(await day.ended, day.stderr()).to.equal(0)
    const hours = day
      .stdout()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Hour)
    const [second, last] = [hours[1], hours.at(-1)]
    if (second === undefined || last === undefined) throw new Error('there are not two hours')
    process.stdout.write(`      hour 2: ${JSON.stringify(second)}\n      hour 24: ${JSON.stringify(last)}\n`)
    expect(hours).to.have.length(24)
    for (const { hour, rssMb } of hours) expect(rssMb, `hour ${hour}`).to.be.at.most(MAX_RSS_MB)
    expect(last.rssMb / second.rssMb).to.be.at.most(MAX_GROWTH)
    expect(last.heapMb / second.heapMb).to.be.at.most(MAX_GROWTH)
    expect(last.streaming).to.equal(second.streaming)
  })
})
