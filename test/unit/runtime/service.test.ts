import { expect } from 'chai'
import { silentLogger } from '../../../runtime/logger.ts'
import { type Service, StopDeadlineError, serviceGroup } from '../../../runtime/service.ts'

const signal = new AbortController().signal

function recorder() {
  const events: string[] = []
  const service = (name: string, overrides: Partial<Service> = {}): Service => ({
    name,
    start: async () => {
      events.push(`start ${name}`)
    },
    stop: async () => {
      events.push(`stop ${name}`)
    },
    ...overrides,
  })
  return { events, service }
}

const options = { logger: silentLogger, stopDeadlineMs: 1_000 }

describe('service group', () => {
  it('starts in order and stops in reverse', async () => {
    const { events, service } = recorder()
    const group = serviceGroup('all', [service('a'), service('b')], options)
    await group.start(signal)
    await group.stop()
    expect(events).to.deep.equal(['start a', 'start b', 'stop b', 'stop a'])
  })

  it('stops what it had started when a start fails midway, the failed one included', async () => {
    const { events, service } = recorder()
    const start = async () => {
      throw new Error('no')
    }
    const group = serviceGroup('all', [service('a'), service('b', { start }), service('c')], options)
    const error = await group.start(signal).catch((reason: unknown) => reason)
    expect(error).to.be.an('error').with.property('message', 'no')
    expect(events).to.deep.equal(['start a', 'stop b', 'stop a'])
  })

  it('gives up starting when the signal aborts', async () => {
    const { events, service } = recorder()
    const abort = new AbortController()
    const start = async () => abort.abort(new Error('enough'))
    const group = serviceGroup('all', [service('a', { start }), service('b')], options)
    const error = await group.start(abort.signal).catch((reason: unknown) => reason)
    expect(error).to.be.an('error').with.property('message', 'enough')
    expect(events).to.deep.equal(['stop a'])
  })

  it('leaves a service behind that hangs, stops the others, and names it', async () => {
    const { events, service } = recorder()
    const stop = () => new Promise<void>(() => {})
    const group = serviceGroup('all', [service('a'), service('b', { stop })], {
      ...options,
      stopDeadlineMs: 10,
    })
    await group.start(signal)
    const error = await group.stop().catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(StopDeadlineError).with.deep.property('services', ['b'])
    expect(events).to.include('stop a')
  })

  it('stops each service once when it is stopped twice', async () => {
    const { events, service } = recorder()
    const group = serviceGroup('all', [service('a')], options)
    await group.start(signal)
    await Promise.all([group.stop(), group.stop()])
    await group.stop()
    expect(events).to.deep.equal(['start a', 'stop a'])
  })
})
