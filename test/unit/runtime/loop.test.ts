import { expect } from 'chai'
import sinon from 'sinon'
import { silentLogger } from '../../../runtime/logger.ts'
import { createLoop } from '../../../runtime/loop.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const signal = new AbortController().signal

describe('loop', () => {
  it('runs at once and then at a fixed pace', async () => {
    const clock = new FakeClock()
    const ranAt: number[] = []
    const run = async () => {
      ranAt.push(clock.now())
    }
    const loop = createLoop({ name: 'test', everyMs: 100, clock, logger: silentLogger, run })
    await loop.start(signal)
    await clock.advance(250)
    await loop.stop()
    expect(ranAt).to.deep.equal([0, 100, 200])
    expect(loop.skipped).to.equal(0)
  })

  it('never overlaps itself, skips the ticks that passed meanwhile, and counts and says them once', async () => {
    const clock = new FakeClock()
    const warn = sinon.spy()
    const ranAt: number[] = []
    const run = async () => {
      ranAt.push(clock.now())
      if (ranAt.length === 1) await clock.sleep(350)
    }
    const loop = createLoop({ name: 'test', everyMs: 100, clock, logger: { ...silentLogger, warn }, run })
    await loop.start(signal)
    await clock.advance(500)
    await loop.stop()
    // 100, 200 and 300 passed during the first run.
    expect(ranAt).to.deep.equal([0, 400, 500])
    expect(loop.skipped).to.equal(3)
    sinon.assert.calledOnceWithExactly(warn, 'scheduled work is late, ticks skipped', {
      loop: 'test',
      skipped: 3,
      everyMs: 100,
    })
  })

  it('tells nobody of skipped ticks where runs are expected to be long, and counts them all the same', async () => {
    const clock = new FakeClock()
    const warn = sinon.spy()
    const loop = createLoop({
      name: 'test',
      everyMs: 100,
      longRuns: true,
      clock,
      logger: { ...silentLogger, warn },
      run: () => clock.sleep(250),
    })
    await loop.start(signal)
    await clock.advance(260)
    await loop.stop()
    expect(loop.skipped).to.equal(2)
    sinon.assert.notCalled(warn)
  })

  it('goes on after a run that failed, and logs it', async () => {
    const clock = new FakeClock()
    const error = sinon.spy()
    const run = sinon.stub().rejects(new Error('boom'))
    const loop = createLoop({ name: 'test', everyMs: 100, clock, logger: { ...silentLogger, error }, run })
    await loop.start(signal)
    await clock.advance(100)
    await loop.stop()
    sinon.assert.calledTwice(run)
    sinon.assert.calledTwice(error)
  })

  it('aborts the run that is going on when it stops, and waits for it', async () => {
    const clock = new FakeClock()
    const events: string[] = []
    const run = async (runSignal: AbortSignal) => {
      await clock.sleep(1_000_000, runSignal).catch(() => {})
      events.push('run ended')
    }
    const loop = createLoop({ name: 'test', everyMs: 100, clock, logger: silentLogger, run })
    await loop.start(signal)
    await loop.stop()
    events.push('stopped')
    expect(events).to.deep.equal(['run ended', 'stopped'])
    expect(clock.sleeping).to.equal(0)
  })
})
