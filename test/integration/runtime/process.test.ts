import { expect } from 'chai'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const FIXTURE = 'test/support/runtime/service-process.ts'

describe('process shell', () => {
  let spawned: Spawned | undefined
  const run = async (...args: string[]): Promise<Spawned> => {
    spawned = spawnNode(FIXTURE, args)
    await spawned.printed('ready')
    return spawned
  }
  afterEach(() => {
    spawned?.process.kill('SIGKILL')
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops its service on ${signal} and ends by itself with code 0`, async () => {
      const running = await run('well')
      running.process.kill(signal)
      expect(await running.ended).to.equal(0)
      expect(running.stdout()).to.include('stopped')
    })
  }

  it('stops when standard input closes, if it was asked to', async () => {
    const running = await run('well', '60000', '--stop-with-stdin')
    running.process.stdin.end()
    expect(await running.ended).to.equal(0)
    expect(running.stdout()).to.include('stopped')
  })

  it('stops on a signal although standard input stays open', async () => {
    const running = await run('well', '60000', '--stop-with-stdin')
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(0)
  })

  it('goes on without standard input, if it was not asked to stop', async () => {
    const running = await run('well')
    running.process.stdin.end()
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(0)
    expect(running.stdout()).to.include('SIGTERM').and.not.include('standard input closed')
  })

  it('ends by force with code 1 when stopping takes longer than the deadline', async () => {
    const running = await run('hangs', '50')
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(1)
    expect(running.stdout()).to.include('ending by force')
  })

  it('ends at once on a second signal', async () => {
    const running = await run('hangs')
    running.process.kill('SIGTERM')
    await running.printed('stopping')
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(143)
  })

  it('logs an uncaught error, stops and ends with code 1', async () => {
    const running = await run('throws-later')
    expect(await running.ended).to.equal(1)
    expect(running.stdout()).to.include('out of the blue').and.include('stopped')
  })
})
