/**
 * Collects the partials of beacons from members, until there are values; and hands what it has to whoever asks. Runs in
 * oracle nodes, which make partials, and in relayers, which do not.
 */
import type { BeaconInput } from '../../protocol/beacon/input.ts'
import { inputKey } from '../../protocol/beacon/input.ts'
import {
  decodePartialMessage,
  decodeProof,
  decodeQuery,
  encodePartialMessage,
  encodeProof,
  encodeQuery,
  MAX_PROOF_BYTES,
  PARTIAL_MESSAGE_BYTES,
  type PartialMessage,
  QUERY_BYTES,
} from '../../protocol/beacon/messages.ts'
import { BeaconTable, type BeaconValue, type PartialRefusal } from '../../protocol/beacon/table.ts'
import { decoded, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS, topicOf } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { isWindow, slotOf, slotStartSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { PeerKey } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import {
  type PeerNetwork,
  PeerRequestError,
  RequestRefused,
  type Verdict,
} from '../../runtime/p2p/peer-network.ts'
import type { BeaconKeys } from './beacon-keys.ts'
import type { BeaconStore } from './beacon-store.ts'

export interface BeaconsOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
}

export interface BeaconsDeps {
  readonly clock: Clock
  readonly network: Pick<PeerNetwork, 'subscribe' | 'publish' | 'request' | 'handle' | 'connected'>
  readonly store: BeaconStore
  readonly keys: Pick<BeaconKeys, 'of' | 'fetch'>
  /** Time of the newest block; undefined before there is one. */
  readonly nowSec: () => number | undefined
  /** The key epoch that counts for what begins at a second. */
  readonly keyEpochAt: (unixSec: number) => number | undefined
  /** Who makes partials under a key: the members of that time, not those of now. */
  readonly membersOf: (keyEpoch: number) => readonly PeerKey[]
  /** Whether somebody may ask for beacons of a key epoch. */
  readonly mayAsk: (peer: PeerKey, keyEpoch: number) => boolean
}

/** What a member would make for an input now; undefined when it may not, or holds no share. */
export type OwnPartial = (input: BeaconInput) => PartialMessage | undefined

/** What has been heard of a slot is kept so much longer than until its draw. */
const KEPT_SLOTS = 8
/** A node whose chain is a block behind hears of the next slot from others. */
const EARLY_SLOTS = 1
const ASK_TIMEOUT_MS = 2_000
/** Who was away for an epoch asks for all of its windows, and waits a moment in between. */
const ASKED_PER_SEC = 50
/** Partials are made and on their way within this time; who lacks some then asks. */
const ASK_EVERY_MS = 1_000
/** Partials of a slot are with everybody within this time, as far as they are not lost. */
const GOSSIP_MS = 400
/** Inputs that are asked for again and again: the open windows of an epoch. */
const MAX_WANTED = 1_024

export class Beacons {
  readonly #options: BeaconsOptions
  readonly #deps: BeaconsDeps
  readonly #table: BeaconTable
  readonly #lifetime = new AbortController()
  readonly #waiting = new Map<string, PromiseWithResolvers<Hash> & { count: number }>()
  readonly #wanted = new Map<string, { readonly askedMs: number; readonly done: Promise<unknown> }>()
  #own: OwnPartial = () => undefined

  constructor(options: BeaconsOptions, deps: BeaconsDeps) {
    this.#options = options
    this.#deps = deps
    this.#table = new BeaconTable(options.domain)
  }

  /** @param own for a member, which also makes partials for who asks */
  register(own?: OwnPartial): void {
    if (own !== undefined) this.#own = own
    const { network } = this.#deps
    network.subscribe(
      topicOf(this.#options.domain, 'beacons'),
      PARTIAL_MESSAGE_BYTES,
      data => this.#hear(data),
      () => {},
    )
    const limits = {
      maxRequestBytes: QUERY_BYTES,
      maxInFlightPerPeer: 4,
      maxPerSec: ASKED_PER_SEC,
      timeoutMs: ASK_TIMEOUT_MS,
    }
    network.handle(CHANNELS.beacon, limits, async (body, from) => this.#reply(body, from))
  }

  /** The value, if enough members have made it known. */
  value(input: BeaconInput): Hash | undefined {
    return this.#table.valueOf(input) ?? this.#deps.store.find(input)?.value
  }

  /** By which anybody can check the value. */
  proof(input: BeaconInput): Uint8Array | undefined {
    return this.#deps.store.find(input)?.proof
  }

  /** A partial of this member: to the others, and counted here. */
  offer(message: PartialMessage): void {
    const pub = this.#deps.keys.of(message.keyEpoch)
    if (pub !== undefined) this.#added(message.input, this.#table.add(message, pub))
    const bytes = encodePartialMessage(this.#options.domain, message)
    this.#deps.network.publish(topicOf(this.#options.domain, 'beacons'), bytes).catch(() => {})
  }

  /** The value as soon as it is known, or undefined when that takes longer than `ms`. */
  async waitFor(input: BeaconInput, ms: number, signal: AbortSignal): Promise<Hash | undefined> {
    const known = this.value(input)
    if (known !== undefined) return known
    const key = inputKey(input)
    const waiting = this.#waiting.get(key) ?? { ...Promise.withResolvers<Hash>(), count: 0 }
    this.#waiting.set(key, waiting)
    waiting.count++
    const over = new AbortController()
    const timeout = this.#patience(input, ms, AbortSignal.any([signal, over.signal, this.#lifetime.signal]))
    const value = await Promise.race([waiting.promise, timeout])
    over.abort(new Error('there is no need to wait longer'))
    waiting.count--
    // Anybody may ask for any slot: nothing is left of it.
    if (waiting.count === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key)
    return value
  }

  /** Asks for a value that is needed, each second at most. To be called as often as one likes. */
  want(input: BeaconInput): void {
    const key = inputKey(input)
    const nowMs = this.#deps.clock.monotonic()
    const before = this.#wanted.get(key)
    if (before !== undefined && nowMs - before.askedMs < ASK_EVERY_MS) return
    if (this.value(input) !== undefined) return
    this.#wanted.delete(key)
    this.#wanted.set(key, { askedMs: nowMs, done: this.ask(input, this.#lifetime.signal).catch(() => {}) })
    const [oldest] = this.#wanted.keys()
    if (this.#wanted.size > MAX_WANTED && oldest !== undefined) this.#wanted.delete(oldest)
  }

  /** The value, asked of all members if need be. Undefined when too few of them have made their part. */
  async ask(input: BeaconInput, signal: AbortSignal): Promise<Hash | undefined> {
    const known = this.value(input)
    if (known !== undefined) return known
    const { keys, keyEpochAt, membersOf, network } = this.#deps
    const keyEpoch = keyEpochAt(slotStartSec(this.#options.terms, input.slot))
    if (keyEpoch === undefined) return undefined
    const pub = await keys.fetch(keyEpoch)
    if (pub === undefined) return undefined
    const own = this.#own(input)
    // What is older than is kept must not be forgotten in between.
    const table = this.#isKept(input.slot) ? this.#table : new BeaconTable(this.#options.domain)
    if (own !== undefined) this.#added(input, table.add(own, pub))
    const connected = new Set(network.connected())
    const body = encodeQuery(input)
    const options = { timeoutMs: ASK_TIMEOUT_MS, maxReplyBytes: MAX_PROOF_BYTES, signal }
    await Promise.all(
      membersOf(keyEpoch)
        .filter(member => connected.has(member))
        .map(async member => {
          const reply = await network.request(member, CHANNELS.beacon, body, options).catch(whenUnanswered)
          const proof = reply === undefined ? undefined : decoded(() => decodeProof(reply))
          if (proof === undefined || proof.keyEpoch !== keyEpoch) return
          for (const partial of proof.partials) {
            const answer = table.add({ input, keyEpoch, ...partial }, pub)
            this.#added(input, answer)
            // The rest of what it sends is not worth the time.
            if ('refused' in answer && answer.refused === 'BAD_PROOF') return
          }
        }),
    )
    signal.throwIfAborted()
    return this.value(input)
  }

  async stop(): Promise<void> {
    this.#lifetime.abort(new Error('beacons are no longer collected'))
    await Promise.all([...this.#wanted.values()].map(({ done }) => done))
    this.#wanted.clear()
    this.#waiting.clear()
  }

  /** Ends after `ms`. Gossip loses little: only what has not come by then is asked for. */
  async #patience(input: BeaconInput, ms: number, signal: AbortSignal): Promise<undefined> {
    const { clock } = this.#deps
    try {
      await clock.sleep(Math.min(ms, GOSSIP_MS), signal)
      if (this.#isKept(input.slot)) this.want(input)
      await clock.sleep(Math.max(0, ms - GOSSIP_MS), signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #hear(data: Uint8Array): Verdict {
    const message = decoded(() => decodePartialMessage(this.#options.domain, data))
    if (message === undefined) return 'reject'
    const { slot } = message.input
    if (!this.#isKept(slot)) return 'ignore'
    const { keys, keyEpochAt } = this.#deps
    if (keyEpochAt(slotStartSec(this.#options.terms, slot)) !== message.keyEpoch) return 'ignore'
    const pub = keys.of(message.keyEpoch)
    if (pub === undefined) {
      keys.fetch(message.keyEpoch).catch(() => {})
      return 'ignore'
    }
    const answer = this.#table.add(message, pub)
    this.#added(message.input, answer)
    if (!('refused' in answer)) return 'accept'
    return answer.refused === 'BAD_PROOF' ? 'reject' : 'ignore'
  }

  #reply(body: Uint8Array, from: PeerKey): Uint8Array {
    const input = decoded(() => decodeQuery(body))
    if (input === undefined) throw new RequestRefused('no query')
    const keyEpoch =
      this.#deps.nowSec() === undefined
        ? undefined
        : this.#deps.keyEpochAt(slotStartSec(this.#options.terms, input.slot))
    if (keyEpoch === undefined || !this.#deps.mayAsk(from, keyEpoch))
      throw new RequestRefused('neither a member nor a relayer')
    const found = this.#table.foundOf(input)
    if (found !== undefined) return encodeProof(found.proof)
    const stored = this.proof(input)
    if (stored !== undefined) return stored
    const own = this.#own(input)
    const pub = own === undefined ? undefined : this.#deps.keys.of(own.keyEpoch)
    if (own !== undefined && pub !== undefined && this.#isKept(input.slot))
      this.#added(input, this.#table.add(own, pub))
    const known = this.#table.proofOf(input)
    if (known !== undefined) return encodeProof(known)
    return encodeProof(
      own === undefined
        ? { keyEpoch: 0, partials: [] }
        : { keyEpoch: own.keyEpoch, partials: [{ slot: own.slot, partial: own.partial }] },
    )
  }

  #added(
    input: BeaconInput,
    answer: { readonly added: BeaconValue | undefined } | { readonly refused: PartialRefusal },
  ): void {
    if ('refused' in answer || answer.added === undefined) return
    const { value, proof } = answer.added
    const lasting = input.kind === 'draw' || isWindow(this.#options.terms, input.slot, value)
    this.#deps.store.add(input, { value, proof: encodeProof(proof) }, lasting)
    const key = inputKey(input)
    this.#waiting.get(key)?.resolve(value)
    this.#waiting.delete(key)
    this.#wanted.delete(key)
  }

  /** Whether a slot is of now, by the chain. Forgets what is not, on the way. */
  #isKept(slot: number): boolean {
    const nowSec = this.#deps.nowSec()
    if (nowSec === undefined) return false
    const { terms } = this.#options
    const current = slotOf(terms, nowSec)
    const oldest = slotOf(terms, nowSec - terms.graceSec) - KEPT_SLOTS
    this.#table.forgetBefore(oldest)
    return slot >= oldest && slot <= current + EARLY_SLOTS
  }
}

function whenUnanswered(error: unknown): undefined {
  if (!(error instanceof PeerRequestError)) throw error
}
