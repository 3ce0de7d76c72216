/**
 * The public halves of beacon keys, by key epoch, from transcripts that are kept for good: a proof is worth nothing to
 * who has not got its key's. The registry's hash decides, not who shows a transcript.
 */
import type { BeaconPublic } from '../../protocol/beacon/public.ts'
import { namedBeacon } from '../../protocol/beacon/transcript.ts'
import { bytesOf, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { MAX_TRANSCRIPT_BYTES, transcriptHashOf } from '../../protocol/keygen/transcript.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { BeaconStore } from './beacon-store.ts'

export interface BeaconKeysDeps {
  readonly store: Pick<BeaconStore, 'transcript' | 'transcriptOf' | 'keepTranscript'>
  /** Of the transcript that the registry names for a key epoch. */
  readonly hashOf: (keyEpoch: number) => Hash | undefined
  /** This process's own copy, if it has taken part. */
  readonly held: (keyEpoch: number) => Uint8Array | undefined
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
}

const ASK_TIMEOUT_MS = 2_000

/** Those that count around a rotation, and some that an audit looks back to. */
const KEPT_KEYS = 8

export class BeaconKeys {
  readonly #deps: BeaconKeysDeps
  readonly #known = new Map<number, BeaconPublic>()
  readonly #asking = new Map<number, Promise<void>>()

  constructor(deps: BeaconKeysDeps) {
    this.#deps = deps
  }

  /** Undefined until somebody has shown the transcript. */
  of(keyEpoch: number): BeaconPublic | undefined {
    const known = this.#known.get(keyEpoch)
    if (known !== undefined) return known
    const bytes = this.transcript(keyEpoch)
    return bytes === undefined ? undefined : this.#remember(keyEpoch, bytes)
  }

  transcript(keyEpoch: number): Uint8Array | undefined {
    const { store, held } = this.#deps
    const stored = store.transcript(keyEpoch)
    if (stored !== undefined) return stored
    const own = held(keyEpoch)
    return own !== undefined && this.keep(keyEpoch, own) ? own : undefined
  }

  /** One that is kept, for who asks by {@link CHANNELS.transcript}. */
  transcriptOf(hash: Hash): Uint8Array | undefined {
    return this.#deps.store.transcriptOf(hash)
  }

  /** Keeps a transcript if it is the one that the registry names. Whether it is. */
  keep(keyEpoch: number, bytes: Uint8Array): boolean {
    const hash = transcriptHashOf(bytes)
    if (hash !== this.#deps.hashOf(keyEpoch)) return false
    this.#deps.store.keepTranscript(keyEpoch, hash, bytes)
    return true
  }

  /** {@link of}, after asking others if need be. */
  async fetch(keyEpoch: number): Promise<BeaconPublic | undefined> {
    const known = this.of(keyEpoch)
    const hash = this.#deps.hashOf(keyEpoch)
    if (known !== undefined || hash === undefined) return known
    const asking = this.#asking.get(keyEpoch) ?? this.#ask(keyEpoch, hash)
    this.#asking.set(keyEpoch, asking)
    await asking
    return this.of(keyEpoch)
  }

  /** One after the other, until somebody shows the right one: the hash decides, not who answers. */
  async #ask(keyEpoch: number, hash: Hash): Promise<void> {
    const { network } = this.#deps
    const options = { timeoutMs: ASK_TIMEOUT_MS, maxReplyBytes: MAX_TRANSCRIPT_BYTES }
    try {
      for (const peer of network.connected()) {
        const bytes = await network
          .request(peer, CHANNELS.transcript, bytesOf(hash), options)
          .catch(() => undefined)
        if (bytes !== undefined && this.keep(keyEpoch, bytes)) return
      }
    } finally {
      this.#asking.delete(keyEpoch)
    }
  }

  #remember(keyEpoch: number, bytes: Uint8Array): BeaconPublic | undefined {
    const pub = namedBeacon(this.#deps.hashOf(keyEpoch), bytes)
    if (pub === undefined) return undefined
    this.#known.set(keyEpoch, pub)
    const [oldest] = this.#known.keys()
    if (this.#known.size > KEPT_KEYS && oldest !== undefined) this.#known.delete(oldest)
    return pub
  }
}
