import { expect } from 'chai'
import sinon from 'sinon'
import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { createDeadline } from '../../../runtime/p2p/deadline.ts'

describe('a deadline', () => {
  const reason = new Error('enough')
  /** A clock whose sleep ends when the test says so. */
  const handClock = (): { clock: Clock; ring: () => Promise<void> } => {
    const bell = Promise.withResolvers<void>()
    const ring = async (): Promise<void> => {
      bell.resolve()
      await new Promise(resolve => setImmediate(resolve))
    }
    return { clock: { ...systemClock, sleep: () => bell.promise }, ring }
  }

  it('aborts when the time is over, and says that it was the time', async () => {
    const { clock, ring } = handClock()
    const deadline = createDeadline(clock, 5, [])
    expect(deadline.signal.aborted).to.equal(false)
    await ring()
    expect([deadline.signal.aborted, deadline.expired]).to.deep.equal([true, true])
  })

  it('aborts with a parent, for its reason, also when the parent had aborted before', () => {
    const parent = new AbortController()
    const before = createDeadline(handClock().clock, 5, [parent.signal])
    parent.abort(reason)
    const after = createDeadline(handClock().clock, 5, [parent.signal])
    for (const deadline of [before, after]) {
      expect(deadline.signal.reason).to.equal(reason)
      expect(deadline.expired).to.equal(false)
    }
  })

  it('leaves no timer and no listener once it is released', () => {
    const parent = new AbortController()
    const added = sinon.spy(parent.signal, 'addEventListener')
    const removed = sinon.spy(parent.signal, 'removeEventListener')
    let sleepSignal: AbortSignal | undefined
    const clock: Clock = {
      ...systemClock,
      sleep: (_ms, signal) => {
        sleepSignal = signal
        return new Promise(() => {})
      },
    }
    const deadline = createDeadline(clock, 5, [parent.signal])
    deadline.release()
    expect(sleepSignal?.aborted).to.equal(true)
    expect(removed.args[0]?.slice(0, 2)).to.deep.equal(added.args[0]?.slice(0, 2))
    parent.abort(reason)
    expect(deadline.signal.aborted).to.equal(false)
  })
})
