/** Members and a relayer that make and collect beacons, on a wire and a gossip without sockets, by one block time. */
import { BeaconKeys } from '../../../member/beacons/beacon-keys.ts'
import {
  BEACON_MIGRATIONS,
  type BeaconStore,
  createBeaconStore,
} from '../../../member/beacons/beacon-store.ts'
import { Beacons } from '../../../member/beacons/beacons.ts'
import { BeaconMaker } from '../../../oracle-node/auditing/beacon-maker.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import type { WindowTerms } from '../../../protocol/epoch/windows.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import type { PeerKey } from '../../../protocol/membership.ts'
import type { RequestLimits, Verdict } from '../../../runtime/p2p/peer-network.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { addressOf, hash } from '../epoch/cast.ts'
import { Wire } from '../network/wire.ts'
import { type DealtBeacon, dealBeacon, secretOf } from '../protocol/beacon-key.ts'
import { DOMAIN, KEY_EPOCH } from '../protocol/network.ts'
import { FakeClock } from '../runtime/fake-clock.ts'

export const SLOTS = [0, 1, 2, 3]
export const TERMS: WindowTerms = {
  clock: { startSec: 1_000, lengthSec: 400 },
  slotSec: 5,
  every: 2,
  graceSec: 3,
}

export interface Station {
  readonly peer: PeerKey
  readonly beacons: Beacons
  readonly store: BeaconStore
  readonly verdicts: Verdict[]
  hear(data: Uint8Array): Verdict
}

export interface MemberStation extends Station {
  readonly slot: number
  readonly maker: BeaconMaker
  /** Roots that came in time, by window. */
  readonly roots: Map<number, Hash>
}

export class BeaconNetwork {
  readonly key: DealtBeacon = dealBeacon(SLOTS, 3, 'beacon network')
  readonly wire = new Wire()
  readonly clock = new FakeClock()
  nowSec = TERMS.clock.startSec
  /** Partials on their way, when false: nothing is heard until somebody asks. */
  gossips = true
  /** Names of those whose seats are other members'. */
  readonly holders = new Map<number, string>()
  /** Slots before this one can no longer be audited. */
  neededFrom = 0
  /** Who may ask for beacons. */
  readonly peers = new Set(
    [...SLOTS.map(slot => `member ${slot}`), 'relayer'].map(name => hash(`peer of ${name}`)),
  )
  /** Of all that answer. */
  readonly limits: RequestLimits[] = []
  readonly sent: { readonly from: PeerKey; readonly data: Uint8Array }[] = []
  readonly #listeners = new Map<PeerKey, (data: Uint8Array) => Verdict>()
  readonly members: readonly MemberStation[]
  readonly relayer: Station

  constructor() {
    this.members = SLOTS.map(slot => this.#member(slot))
    this.relayer = this.#station('relayer', false)
  }

  member(slot: number): MemberStation {
    const found = this.members[slot]
    if (found === undefined) throw new RangeError(`there is no member ${slot}`)
    return found
  }

  /** What members do when block time has reached a second. */
  goTo(sec: number, slots: readonly number[] = SLOTS): void {
    this.nowSec = sec
    for (const slot of slots) this.member(slot).maker.tick()
  }

  async stop(): Promise<void> {
    for (const station of [...this.members, this.relayer]) {
      await station.beacons.stop()
      station.store.close()
    }
  }

  /** @param database of the member, when it outlives another process of it */
  #member(slot: number): MemberStation {
    const station = this.#station(`member ${slot}`, true)
    const roots = new Map<number, Hash>()
    const maker = new BeaconMaker(
      { domain: DOMAIN, terms: TERMS, slot, identity: addressOf(`member ${slot}`) },
      {
        nowSec: () => this.nowSec,
        keyEpochAt: () => KEY_EPOCH,
        share: () => ({ secret: secretOf(this.key, slot) }),
        holderOf: (_keyEpoch, seat) => addressOf(this.holders.get(seat) ?? `member ${seat}`),
        neededFrom: () => this.neededFrom,
        store: station.store,
        rootsBetween: (from, to) => new Map([...roots].filter(([window]) => window >= from && window < to)),
        offer: message => station.beacons.offer(message),
      },
    )
    station.beacons.register(input => maker.own(input))
    return { ...station, slot, maker, roots }
  }

  #station(name: string, isMember: boolean): Station {
    const peer = hash(`peer of ${name}`)
    const store = createBeaconStore(openDatabase(':memory:', BEACON_MIGRATIONS))
    const wired = this.wire.peer(peer)
    const verdicts: Verdict[] = []
    const network: ConstructorParameters<typeof Beacons>[1]['network'] = {
      ...wired,
      handle: (protocol, limits, handler) => {
        this.limits.push(limits)
        wired.handle(protocol, limits, handler)
      },
      subscribe: (_topic, _maxBytes, validate) => {
        this.#listeners.set(peer, data => {
          const verdict = validate(data, peer)
          verdicts.push(verdict)
          return verdict
        })
      },
      publish: async (_topic, data) => {
        this.sent.push({ from: peer, data })
        if (!this.gossips) return
        for (const [other, hear] of this.#listeners) if (other !== peer) hear(data)
      },
    }
    const keys = new BeaconKeys({
      ...{ store, network },
      hashOf: keyEpoch => (keyEpoch === KEY_EPOCH ? transcriptHashOf(this.key.transcript) : undefined),
      held: () => this.key.transcript,
    })
    const beacons = new Beacons(
      { domain: DOMAIN, terms: TERMS },
      {
        ...{ clock: this.clock, network, store, keys },
        nowSec: () => this.nowSec,
        keyEpochAt: () => KEY_EPOCH,
        membersOf: () => SLOTS.map(slot => hash(`peer of member ${slot}`)),
        mayAsk: peer => this.peers.has(peer),
      },
    )
    if (!isMember) beacons.register()
    return { peer, beacons, store, verdicts, hear: data => this.#listeners.get(peer)?.(data) ?? 'ignore' }
  }
}
