/** The workers that a gateway may ask: what each last said of itself, and who is left out. */
import type { Address } from '../../protocol/bytes.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Service } from '../../runtime/service.ts'
import type { ServedModel } from '../../sdk/gateway-client.ts'
import { ProblemError } from '../../sdk/problem.ts'
import type { WorkerClient, WorkerProfile } from '../../sdk/worker-client.ts'
import type { IsRegistered } from './registrations.ts'

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
  /** What it signed is wrong: it is left out for as long as this process runs, under every name and at every URL. */
  drop(worker: Address): void
  /**
   * What came from there is not signed by the worker that it says it is: the URL is left out for as long as this process
   * runs. The worker itself may be another's victim, and is welcome at another URL.
   */
  dropUrl(worker: Address): void
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
  /**
   * The worker it was first taken for. Kept for good: who is caught cannot go on under another name, and nobody takes
   * the place of a worker that is silent.
   */
  claim: Address | undefined
  dropped: boolean
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
  deps: { readonly clock: Clock; readonly logger: Logger; readonly isRegistered: IsRegistered },
): Roster {
  const { model } = options
  const { clock, logger, isRegistered } = deps
  const entries: Entry[] = options.clients.map(client => ({
    client,
    profile: undefined,
    claim: undefined,
    dropped: false,
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
  /** Claims the worker for the entry, or says why not. */
  const claim = async (entry: Entry, profile: WorkerProfile): Promise<string | undefined> => {
    const { worker } = profile
    if (profile.model.id !== model.id || profile.model.version !== model.version) return 'WRONG_MODEL'
    if (entry.claim !== undefined && entry.claim !== worker) return 'ANOTHER_WORKER'
    const registered = await isRegistered(profile).catch((error: unknown) => {
      logger.debug('the chain does not say whose a device is', { device: profile.device, error })
      return undefined
    })
    if (registered !== true) return registered === undefined ? 'CHAIN_SILENT' : 'NOT_REGISTERED'
    if (dropped.has(worker)) return 'DROPPED'
    // Nothing may come between the question and the claim: entries are looked at side by side.
    if (entries.some(other => other !== entry && !other.dropped && other.claim === worker)) return 'TAKEN'
    entry.claim = worker
    return undefined
  }
  const look = async (entry: Entry, signal: AbortSignal): Promise<void> => {
    if (entry.dropped) return
    try {
      const profile = await entry.client.profile(signal)
      const refusal = await claim(entry, profile)
      note(entry, refusal === undefined ? profile : undefined, refusal ?? '')
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
    entries.find(entry => !entry.dropped && entry.claim === worker)
  const dropUrl = (worker: Address): void => {
    const entry = of(worker)
    if (entry !== undefined) entry.dropped = true
  }
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
        entry => entry.profile?.state === 'idle' && !entry.dropped && !except.has(entry.profile.worker),
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
      dropUrl(worker)
      dropped.add(worker)
    },
    dropUrl,
    counts: () => {
      const all = entries.map(entry => (entry.dropped ? 'dropped' : (entry.profile?.state ?? 'silent')))
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
