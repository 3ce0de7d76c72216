import { expect } from 'chai'
import sinon from 'sinon'
import { createWake } from '../../../../relayer/epochs/wake.ts'
import { silentLogger } from '../../../../runtime/logger.ts'
import { recordLogger } from '../../../support/network/record-logger.ts'

describe('the wake of epochs', () => {
  const { signal } = new AbortController()
  let time: sinon.SinonFakeTimers

  beforeEach(() => {
    time = sinon.useFakeTimers({ now: 1_800_000_000_000, toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  })
  afterEach(() => time.restore())

  it('runs at once, then by its expression', async () => {
    const runs: number[] = []
    const wake = createWake(
      { name: 'epochs', expression: '*/2 * * * * *' },
      { logger: silentLogger, run: async () => void runs.push(Date.now() % 60_000), skipped: () => {} },
    )
    await wake.start(signal)
    await time.tickAsync(5_000)
    await wake.stop()
    await time.tickAsync(5_000)
    expect(runs.map(ms => Math.floor(ms / 1_000))).to.deep.equal([0, 2, 4])
  })

  it('never runs twice at a time, and counts what it leaves out', async () => {
    const first = Promise.withResolvers<void>()
    const run = sinon.stub().resolves()
    run.onFirstCall().returns(first.promise)
    const wake = createWake(
      { name: 'epochs', expression: '* * * * * *' },
      { logger: silentLogger, run, skipped: () => {} },
    )
    await wake.start(signal)
    await time.tickAsync(3_500)
    expect(run.callCount).to.equal(1)
    first.resolve()
    await time.tickAsync(2_000)
    expect(run.callCount).to.be.greaterThan(1)
    await wake.stop()
  })

  it('aborts what runs when it is stopped, waits for it, and says nothing of that', async () => {
    const logger = recordLogger()
    let ended = false
    const wake = createWake(
      { name: 'epochs', expression: '* * * * * *' },
      {
        logger,
        skipped: () => {},
        run: async running => {
          await new Promise<void>(resolve => running.addEventListener('abort', () => resolve()))
          ended = true
          throw running.reason
        },
      },
    )
    await wake.start(signal)
    await wake.stop()
    expect(ended).to.equal(true)
    expect(logger.lines.filter(({ level }) => level !== 'debug')).to.deep.equal([])
  })

  it('goes on after a run that failed', async () => {
    const logger = recordLogger()
    const run = sinon.stub().resolves()
    run.onFirstCall().rejects(new Error('no chain'))
    const wake = createWake({ name: 'epochs', expression: '* * * * * *' }, { logger, run, skipped: () => {} })
    await wake.start(signal)
    await time.tickAsync(2_500)
    await wake.stop()
    expect(run.callCount).to.be.greaterThan(1)
    expect(logger.lines.filter(({ level }) => level === 'error').length).to.equal(1)
  })

  it('names an expression that is none', () => {
    const make = () =>
      createWake(
        { name: 'epochs', expression: 'every second' },
        { logger: silentLogger, run: async () => {}, skipped: () => {} },
      )
    expect(make).to.throw(/"every second", which is no cron expression/)
  })
})
