import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

describe('venues that go while subscriptions wait', function () {
  this.timeout(30_000)

  it('end the streams and not the process', async () => {
    const watching = spawnNode('test/support/sources/lost-stream-process.ts', [])
    expect(await watching.ended, watching.stderr()).to.equal(0)
    expect(watching.stdout()).to.equal('all streams have ended\n')
    expect(watching.stderr()).to.equal('')
  })
})

describe('venues that send garbage, endless answers, or nothing any more', function () {
  this.timeout(30_000)

  it('harm no other venue and not the process', async () => {
    const hostile = spawnNode('test/support/sources/hostile-process.ts', [])
    expect(await hostile.ended, hostile.stderr()).to.equal(0)
    expect(hostile.stderr()).to.equal('')
    const lines = hostile.stdout().trimEnd().split('\n')
    expect(lines.at(-1)).to.equal('still streaming')
    const outcomes = new Map(lines.slice(0, -1).map(line => line.split(': ') as [string, string]))
    expect(outcomes.size).to.equal(12)
    for (const [attack, outcome] of outcomes) expect(outcome, attack).to.not.include('a value')
  })
})
