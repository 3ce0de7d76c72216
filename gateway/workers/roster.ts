/** The workers that a gateway may ask: what each last said of itself, and who is left out. */
import type { Address } from '../../protocol/bytes.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { ServedModel } from '../../sdk/gateway-client.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { WorkerClient, WorkerProfile } from '../../sdk/worker-client.ts'

export interface KnownWorker {
  readonly client: WorkerClient
  readonly profile: WorkerProfile
}

export interface Roster extends Service {
  /** The worker to ask next: idle and answering, the least busy, then the cheapest, then who waited longest. */
  pick(except?: ReadonlySet<Address>): KnownWorker | undefined
  byAddress(worker: Address): KnownWorker | undefined
  /** Counts a request that is with the worker; call the result when it is over. */
  busy(worker: Address): () => void
  /** Requests that are with workers. */
  inFlight(): number
  /** Left out until it answers the next look. */
  missed(worker: Address): void
  /** Known to be at work for somebody else, until the next look. */
  hired(worker: Address): void
  /** Left out for as long as this process runs. */
  drop(worker: Address): void
  counts(): {
    readonly idle: number
    readonly hired: number
    readonly silent: number
    readonly dropped: number
  }
}

interface Entry {
  readonly client: WorkerClient
  profile: WorkerProfile | undefined
  /** Said once when it changes. */
  answers: boolean | undefined
  inFlight: number
  lastAsked: number
}

/** Soon enough to notice a hire; workers answer from memory. */
const LOOK_EVERY_MS = 2_000
/** Bounds sockets, however many workers there are. */
const LOOKS_AT_ONCE = 32

export function createRoster(
  options: { readonly clients: readonly WorkerClient[]; readonly model: ServedModel },
  deps: { readonly clock: Clock; readonly logger: Logger },
): Roster {
  const { model } = options
  const { clock, logger } = deps
  const entries: Entry[] = options.clients.map(client => ({
    client,
    profile: undefined,
    answers: undefined,
    inFlight: 0,
    lastAsked: 0,
  }))
  const dropped = new Set<Address>()
  let asked = 0

  const note = (entry: Entry, profile: WorkerProfile | undefined, reason: string): void => {
    const answers = profile !== undefined
    if (entry.answers !== answers) {
      const fields = { url: entry.client.url, worker: profile?.worker ?? entry.profile?.worker }
      if (answers) logger.info('a worker answers', fields)
      // Processes of a network start in any order.
      else if (entry.answers === undefined) logger.info('a worker does not answer yet', { ...fields, reason })
      else logger.warn('a worker does not answer, left out until it does', { ...fields, reason })
    }
    entry.answers = answers
    entry.profile = profile
  }
  const look = async (entry: Entry, signal: AbortSignal): Promise<void> => {
    try {
      const profile = await entry.client.profile(signal)
      const serves = profile.model.id === model.id && profile.model.version === model.version
      note(entry, serves ? profile : undefined, 'WRONG_MODEL')
    } catch (error) {
      signal.throwIfAborted()
      note(entry, undefined, error instanceof ProblemError ? error.code : 'UNREACHABLE')
    }
  }
  const lookAtAll = async (signal: AbortSignal): Promise<void> => {
    const queue = entries.values()
    const take = async (): Promise<void> => {
      for (const entry of queue) await look(entry, signal)
    }
    await Promise.all(Array.from({ length: Math.min(LOOKS_AT_ONCE, entries.length) }, take))
  }
  const loop = createLoop({
    name: 'worker roster',
    everyMs: LOOK_EVERY_MS,
    // A worker that hangs holds up one look until its deadline.
    longRuns: true,
    clock,
    logger,
    run: lookAtAll,
  })
  const of = (worker: Address): Entry | undefined =>
    dropped.has(worker) ? undefined : entries.find(({ profile }) => profile?.worker === worker)
  const known = (entry: Entry | undefined): KnownWorker | undefined =>
    entry?.profile === undefined ? undefined : { client: entry.client, profile: entry.profile }

  return {
    name: 'worker roster',
    start: async signal => {
      await lookAtAll(signal)
      await loop.start(signal)
    },
    stop: () => loop.stop(),
    pick: (except = new Set()) => {
      const free = entries.filter(
        ({ profile }) =>
          profile?.state === 'idle' && !dropped.has(profile.worker) && !except.has(profile.worker),
      )
      const [entry] = free.sort(
        (a, b) => a.inFlight - b.inFlight || byPrice(a, b) || a.lastAsked - b.lastAsked,
      )
      if (entry !== undefined) entry.lastAsked = ++asked
      return known(entry)
    },
    byAddress: worker => known(of(worker)),
    busy: worker => {
      const entry = of(worker)
      if (entry === undefined) return () => {}
      entry.inFlight++
      return () => {
        entry.inFlight--
      }
    },
    inFlight: () => entries.reduce((sum, entry) => sum + entry.inFlight, 0),
    missed: worker => {
      const entry = of(worker)
      if (entry !== undefined) note(entry, undefined, 'MISSED_A_REQUEST')
    },
    hired: worker => {
      const entry = of(worker)
      if (entry?.profile !== undefined) entry.profile = { ...entry.profile, state: 'hired' }
    },
    drop: worker => {
      dropped.add(worker)
    },
    counts: () => {
      const all = entries.map(({ profile }) => {
        if (profile === undefined) return 'silent'
        return dropped.has(profile.worker) ? 'dropped' : profile.state
      })
      const count = (state: string): number => all.filter(each => each === state).length
      return {
        idle: count('idle'),
        hired: count('hired'),
        silent: count('silent'),
        dropped: count('dropped'),
      }
    },
  }
}

function byPrice(a: Entry, b: Entry): number {
  const [first, second] = [
    a.profile?.price.ioPerThousandUnits ?? 0n,
    b.profile?.price.ioPerThousandUnits ?? 0n,
  ]
  return first === second ? 0 : first < second ? -1 : 1
}
