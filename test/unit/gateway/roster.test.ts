import { expect } from 'chai'
import { createRoster, type Roster } from '../../../gateway/workers/roster.ts'
import { ONE } from '../../../protocol/units.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { createWorkerClient, type WorkerClient, type WorkerProfile } from '../../../sdk/worker-client.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { MODEL } from '../../support/gateway/payments.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const LOOK_MS = 2_000

interface FakeWorker {
  client: WorkerClient
  profile: WorkerProfile | undefined
}

function worker(name: string, changes: Partial<WorkerProfile> = {}, ioPerThousandUnits = ONE): FakeWorker {
  const fake: FakeWorker = {
    profile: {
      worker: addressOf(name),
      device: hash(name),
      state: 'idle',
      model: { ...MODEL, hash: hash('weights'), unitsPerToken: 68n },
      price: { ioPerThousandUnits, iosdPerSec: 1n },
      ...changes,
    },
    client: {
      ...createWorkerClient({ url: `http://${name}`, timeoutMs: 1 }),
      profile: async () => {
        if (fake.profile === undefined) throw new ProblemError('gone', { code: 'UNREACHABLE', status: 0 })
        return fake.profile
      },
    },
  }
  return fake
}

/** Devices of the workers a, b and c, as the chain knows them. */
const registry = new Set(['a', 'b', 'c'].map(name => hash(name)))

async function rosterOf(...workers: FakeWorker[]) {
  const clock = new FakeClock()
  const logger = recordLogger()
  const roster = createRoster(
    { clients: workers.map(({ client }) => client), model: MODEL },
    { clock, logger, isRegistered: async ({ device }) => registry.has(device) },
  )
  await roster.start(new AbortController().signal)
  return { roster, clock, logger }
}

const picked = (roster: Roster, ...except: string[]) =>
  roster.pick(new Set(except.map(addressOf)))?.profile.worker

describe('the roster of workers', () => {
  let running: Roster | undefined
  afterEach(() => running?.stop())
  const start = async (...workers: FakeWorker[]) => {
    const started = await rosterOf(...workers)
    running = started.roster
    return started
  }

  it('picks the cheapest of those that are free', async () => {
    const { roster } = await start(
      worker('a', {}, 3n),
      worker('b', {}, 2n),
      worker('c', { state: 'hired' }, 1n),
    )
    expect(picked(roster)).to.equal(addressOf('b'))
    expect(picked(roster, 'b')).to.equal(addressOf('a'))
    expect(picked(roster, 'a', 'b')).to.equal(undefined)
  })

  it('takes turns between equals, and spares the busy', async () => {
    const { roster } = await start(worker('a'), worker('b'))
    expect([picked(roster), picked(roster), picked(roster)]).to.deep.equal(['a', 'b', 'a'].map(addressOf))
    const done = roster.busy(addressOf('b'))
    expect([picked(roster), picked(roster)]).to.deep.equal(['a', 'a'].map(addressOf))
    expect(roster.inFlight()).to.equal(1)
    done()
    expect(picked(roster)).to.equal(addressOf('b'))
  })

  it('leaves a dead worker out until it answers', async () => {
    const a = worker('a')
    const { roster, clock, logger } = await start(a)
    const { profile } = a
    a.profile = undefined
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(undefined)
    expect(roster.counts()).to.deep.equal({ idle: 0, hired: 0, silent: 1, dropped: 0 })
    await clock.advance(3 * LOOK_MS)
    a.profile = profile
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(addressOf('a'))
    expect(logger.lines.map(({ level }) => level)).to.deep.equal(['info', 'warn', 'info'])
  })

  it('leaves out at once who missed a request or turned out to be hired, until the next look', async () => {
    const { roster, clock } = await start(worker('a'), worker('b'))
    roster.missed(addressOf('a'))
    roster.hired(addressOf('b'))
    expect(picked(roster)).to.equal(undefined)
    await clock.advance(LOOK_MS)
    expect(roster.counts()).to.include({ idle: 2 })
  })

  it('leaves out who serves another model', async () => {
    const model = { ...MODEL, version: 2, hash: hash('weights'), unitsPerToken: 68n }
    const { roster } = await start(worker('a', { model }))
    expect(picked(roster)).to.equal(undefined)
  })

  it('never asks again who was dropped', async () => {
    const { roster, clock } = await start(worker('a'))
    roster.drop(addressOf('a'))
    await clock.advance(3 * LOOK_MS)
    expect(picked(roster)).to.equal(undefined)
    expect(roster.byAddress(addressOf('a'))).to.equal(undefined)
    expect(roster.counts()).to.include({ dropped: 1 })
  })

  it('asks nobody at a URL whose worker was dropped, whatever name it takes', async () => {
    const a = worker('a')
    const { roster, clock } = await start(a)
    roster.drop(addressOf('a'))
    a.profile = worker('b').profile
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(undefined)
    expect(roster.counts()).to.include({ dropped: 1 })
  })

  it('takes a URL for one worker only', async () => {
    const a = worker('a')
    const { roster, clock } = await start(a)
    a.profile = worker('b').profile
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(undefined)
    a.profile = worker('a').profile
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(addressOf('a'))
  })

  it('refuses a second URL that goes by the name of a worker it knows, even while that one is silent', async () => {
    const a = worker('a', {}, 2n)
    const late = worker('late', { worker: addressOf('a'), device: hash('a') }, 1n)
    const { roster, clock } = await start(a, late)
    expect(roster.counts()).to.include({ idle: 1, silent: 1 })
    expect(roster.pick()?.client).to.equal(a.client)
    a.profile = undefined
    await clock.advance(LOOK_MS)
    expect(picked(roster)).to.equal(undefined)
  })

  it('lets a worker in at another URL when the one before was not its own', async () => {
    const impostor = worker('impostor', { worker: addressOf('a'), device: hash('a') })
    const { roster, clock } = await start(impostor, worker('a'))
    expect(roster.counts()).to.include({ idle: 1, silent: 1 })
    roster.dropUrl(addressOf('a'))
    await clock.advance(LOOK_MS)
    expect(roster.counts()).to.include({ idle: 1, dropped: 1 })
    expect(roster.pick()?.client.url).to.equal('http://a')
  })

  it('takes no worker whose device the chain does not know', async () => {
    const { roster, logger } = await start(worker('stranger'))
    expect(picked(roster)).to.equal(undefined)
    expect(logger.lines.map(({ fields }) => fields['reason'])).to.deep.equal(['NOT_REGISTERED'])
  })
})
