/** Members and aggregators that make keys over an in-memory wire; the registry is a view that a test changes. */
import { type Installation, KeygenCoordinator } from '../../../aggregator/keygen/coordinator.ts'
import type { AttemptRecord } from '../../../oracle-node/keygen/attempt-record.ts'
import { KeygenCeremony } from '../../../oracle-node/keygen/ceremony.ts'
import type { GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { KeygenFault } from '../../../protocol/keygen/blame.ts'
import type { RegistryView } from '../../../protocol/membership.ts'
import { type MessageKind, openMessage, sealMessage } from '../../../protocol/message.ts'
import { type PeerKey, PeerRequestError } from '../../../runtime/p2p/peer-network.ts'
import { at, type Cast, castOf, crypto, DOMAIN, type Party, registryView } from '../network/cast.ts'
import { recordLogger } from '../network/record-logger.ts'
import { Wire, type WirePeer } from '../network/wire.ts'
import { type IdleClock, idleClock } from './idle-clock.ts'

/** Longer than any test: keys are not due by schedule. */
const ROTATION_SEC = 86_400
const running = new AbortController().signal

export interface KeygenWorld {
  readonly cast: Cast
  readonly wire: Wire
  readonly logger: ReturnType<typeof recordLogger>
  readonly ceremonies: KeygenCeremony[]
  /** By slot, the keys that it made durable, in order. */
  readonly saved: ReadonlyMap<number, GeneratedKey[]>
  readonly installed: Installation[]
  readonly counted: { readonly slot: number; readonly fault: KeygenFault }[]
  readonly coordinator: KeygenCoordinator
  /** What is final. */
  view: RegistryView
  /** What the newest block says; `view` unless a test puts something else. */
  latest: RegistryView | undefined
  timeoutMs: number
  connected: readonly PeerKey[]
  readonly clock: IdleClock
  /** By slot, the keys that it gave something for with which they could be installed. */
  readonly promised: ReadonlyMap<number, bigint[]>
  /**
   * A member more, in a slot of its own; or one that starts again, without what it had in memory.
   *
   * @param attempts what it has on disk; kept by slot unless given
   */
  join(party: Party, slot: number, attempts?: AttemptRecord): Promise<void>
  attend(signal?: AbortSignal): Promise<unknown>
  /** Looks as the service's loop makes them, until something is installed. */
  untilInstalled(limit?: number): Promise<Installation>
  calls(): number
  started(): number
  stop(): Promise<void>
}

export function firstView(cast: Cast): RegistryView {
  return { newest: registryView(cast), previous: undefined, switchAtSec: 0, pending: undefined }
}

export async function keygenWorld(n: number, timeoutMs: number): Promise<KeygenWorld> {
  const cast = castOf(n, 2)
  const wire = new Wire()
  const logger = recordLogger()
  const saved = new Map<number, GeneratedKey[]>()
  const promised = new Map<number, bigint[]>()
  const records = new Map<number, AttemptRecord>()
  // Every test begins with the turn of aggregator 0, for every timeout that divides 96 s.
  const clock = idleClock(3_000_000 * 2 * 3 * 96_000)
  const aggregator = at(cast.aggregators, 0)
  const caller = timed(wire.peer(aggregator.peerKey), clock)
  const counted: KeygenWorld['counted'] = []
  const installed: Installation[] = []
  const ceremonies: KeygenCeremony[] = []
  const coordinator = new KeygenCoordinator(
    {
      domain: DOMAIN,
      index: 0,
      rotationSec: ROTATION_SEC,
      get timeoutMs() {
        return world.timeoutMs
      },
    },
    {
      ...{ clock, logger, crypto },
      network: { ...caller, connected: () => [...world.connected] },
      sign: aggregator.sign,
      readLatest: async () => world.latest ?? world.view,
      count: found => counted.push(found),
      install: async installation => {
        installed.push(installation)
      },
    },
  )
  const world: KeygenWorld = {
    ...{ cast, wire, logger, ceremonies, saved, promised, installed, counted, coordinator, timeoutMs, clock },
    view: firstView(cast),
    latest: undefined,
    connected: cast.members.map(({ peerKey }) => peerKey),
    join: async (party, slot, attempts) => {
      const peer = timed(wire.peer(party.peerKey), clock)
      const record = attempts ?? records.get(slot) ?? inMemory()
      records.set(slot, record)
      const ceremony = new KeygenCeremony(
        {
          ...{ domain: DOMAIN, slot, identity: party.identity, rotationSec: ROTATION_SEC },
          get timeoutMs() {
            return world.timeoutMs
          },
        },
        {
          ...{ clock, logger, crypto },
          network: peer,
          view: () => world.view,
          attempts: record,
          promised: (_keyEpoch, px) => {
            promised.set(slot, [...(promised.get(slot) ?? []), px])
          },
          sign: party.sign,
          save: async (_keyEpoch, key) => {
            saved.set(slot, [...(saved.get(slot) ?? []), key])
          },
        },
      )
      ceremony.register()
      await ceremony.start()
      ceremonies.push(ceremony)
    },
    attend: (signal = running) => coordinator.attend(world.view, signal).catch((error: unknown) => error),
    untilInstalled: async (limit = 8) => {
      const before = installed.length
      for (let look = 0; look < limit && installed.length === before; look++) {
        await world.attend()
        await clock.sleep(2)
      }
      return at(installed, before)
    },
    calls: () => logger.lines.filter(({ sentence }) => sentence === 'calling a key generation').length,
    started: () => logger.lines.filter(({ sentence }) => sentence === 'key generation started').length,
    stop: async () => {
      await Promise.all(ceremonies.map(ceremony => ceremony.stop()))
    },
  }
  for (const [slot, party] of cast.members.entries()) await world.join(party, slot)
  return world
}

function inMemory(): AttemptRecord {
  const highest = new Map<number, number>()
  return {
    highest: caller => highest.get(caller) ?? 0,
    note: (caller, attempt) => {
      highest.set(caller, attempt)
    },
  }
}

/** setTimeout's longest. */
const NEVER_MS = 2 ** 31 - 1

/** Requests that end by the test's clock. */
function timed(peer: WirePeer, clock: IdleClock): WirePeer {
  return {
    ...peer,
    request: async (to, protocol, request, options) => {
      const ended = new AbortController()
      const signal = AbortSignal.any([
        ended.signal,
        ...(options.signal === undefined ? [] : [options.signal]),
      ])
      const late = clock.sleep(options.timeoutMs, signal).then((): never => {
        throw new PeerRequestError('TIMEOUT', to, protocol)
      })
      const reply = peer.request(to, protocol, request, { ...options, timeoutMs: NEVER_MS, signal })
      try {
        return await Promise.race([reply, late])
      } finally {
        ended.abort()
        for (const lost of [reply, late]) lost.catch(() => {})
      }
    },
  }
}

/** The same message with another body, sealed by the same member. */
export function resealed(
  party: Party,
  kind: MessageKind,
  sealed: Uint8Array,
  change: (body: Uint8Array) => Uint8Array,
): Uint8Array {
  const { body, keyEpoch } = openMessage(DOMAIN, kind, sealed, crypto)
  return sealMessage(DOMAIN, kind, keyEpoch, change(body), party.sign)
}

/** One byte from the end flipped. */
export function flipped(bytes: Uint8Array, fromEnd: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  const index = changed.length - fromEnd
  changed[index] = (changed[index] ?? 0) ^ 1
  return changed
}

/** After an installation: the key counts, and the one before it is kept. */
export function rotated(view: RegistryView, installation: Installation, switchAtSec: number): RegistryView {
  const { keyEpoch, px, transcriptHash, participants } = installation
  const members = view.pending?.members ?? view.newest.members
  const newest = {
    ...view.newest,
    keyEpoch,
    members,
    memberSet: installation.memberSet,
    registryVersion: view.newest.registryVersion + 1,
    groupKey: { px, transcriptHash, participants },
  }
  const previous = view.newest.groupKey === undefined ? undefined : view.newest
  return { newest, previous, switchAtSec, pending: undefined }
}

/** A question that a member asks of another one in an attempt. */
export const MEMBER_CHANNELS: readonly string[] = [
  CHANNELS.keygenCommitment,
  CHANNELS.keygenVote,
  CHANNELS.keygenShare,
]
