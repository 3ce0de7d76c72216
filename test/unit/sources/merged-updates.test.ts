import { expect } from 'chai'
import { DeadlineError } from '../../../oracle-node/sources/deadline.ts'
import { MergedUpdates } from '../../../oracle-node/sources/merged-updates.ts'
import { ManualClock } from '../../support/sources/manual-clock.ts'

/** A stream that keeps nothing for who does not listen, merged over 20 ms. */
function merged() {
  const clock = new ManualClock(0)
  const { signal } = new AbortController()
  let waiting: PromiseWithResolvers<number> | undefined
  const updates = new MergedUpdates(
    () => {
      waiting = Promise.withResolvers()
      return waiting.promise
    },
    20,
    clock,
  )
  const say = (value: number): void => {
    waiting?.resolve(value)
    waiting = undefined
  }
  const fail = (error: Error): void => waiting?.reject(error)
  const next = () => updates.next(1_000, signal)
  return { clock, say, fail, next }
}

describe('updates of a stream', () => {
  it('come at once when the stream was quiet', async () => {
    const { clock, say, next } = merged()
    say(1)
    expect(await next()).to.equal(1)
    await clock.advance(20)
    say(2)
    expect(await next()).to.equal(2)
  })

  it('are merged to the last one when they come in a burst', async () => {
    const { clock, say, next } = merged()
    say(1)
    expect(await next()).to.equal(1)
    const merging = next()
    for (const value of [2, 3, 4]) {
      await clock.advance(5)
      say(value)
    }
    await clock.advance(4)
    expect(await Promise.race([merging, Promise.resolve('nothing yet')])).to.equal('nothing yet')
    await clock.advance(1)
    expect(await merging).to.equal(4)
  })

  it('are one in the time of merging, however fast they come', async () => {
    const { clock, say, next } = merged()
    const taken: number[] = []
    void (async () => {
      for (;;) taken.push(await next())
    })().catch(() => {})
    for (let ms = 0; ms < 200; ms += 1) {
      say(ms)
      await clock.advance(1)
    }
    expect(taken).to.deep.equal([0, 19, 39, 59, 79, 99, 119, 139, 159, 179, 199])
  })

  it('come before the error that follows them, which comes every time', async () => {
    const { clock, say, fail, next } = merged()
    say(1)
    await next()
    const merging = next()
    await clock.advance(5)
    say(2)
    await clock.advance(5)
    fail(new Error('the stream has ended'))
    await clock.advance(10)
    expect(await merging).to.equal(2)
    for (let i = 0; i < 2; i += 1)
      expect(await next().catch((error: Error) => error.message)).to.equal('the stream has ended')
    expect(clock.sleeping).to.equal(0)
  })

  it('may be waited for again when they are late', async () => {
    const { clock, say, next } = merged()
    const late = next().catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await late).to.be.instanceOf(DeadlineError)
    say(7)
    expect(await next()).to.equal(7)
  })
})
