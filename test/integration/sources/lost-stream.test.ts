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
