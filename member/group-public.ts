/** The public halves of a group key and its beacon key, derived from the transcript whose hash the registry holds. */
import type { BeaconPublic } from '../protocol/beacon/public.ts'
import { namedTranscript } from '../protocol/beacon/transcript.ts'
import { bytesOf, type Hash } from '../protocol/bytes.ts'
import { CHANNELS } from '../protocol/channels.ts'
import { type FrostPublic, groupKeyX } from '../protocol/frost.ts'
import {
  beaconPublicFromTranscript,
  MAX_TRANSCRIPT_BYTES,
  publicPackageFromTranscript,
} from '../protocol/keygen/transcript.ts'
import { activeMembers, type GroupKey, type Membership } from '../protocol/membership.ts'
import type { PeerNetwork } from '../runtime/p2p/peer-network.ts'

export interface GroupPublics {
  readonly signing: FrostPublic
  readonly beacon: BeaconPublic
}

const REQUEST_TIMEOUT_MS = 2_000
/** Around a rotation two keys count. */
const KEPT_KEYS = 2

export class GroupPublic {
  readonly #network: Pick<PeerNetwork, 'request' | 'connected'>
  /** By transcript hash, the one that was learnt first at the front. */
  readonly #known = new Map<Hash, GroupPublics>()
  readonly #asking = new Map<Hash, Promise<void>>()

  constructor(network: Pick<PeerNetwork, 'request' | 'connected'>) {
    this.#network = network
  }

  /** Of the key under which a membership counts, or undefined until somebody has shown its transcript. */
  current({ groupKey }: Membership): GroupPublics | undefined {
    return groupKey === undefined ? undefined : this.#known.get(groupKey.transcriptHash)
  }

  /** Asks the members, one after the other, until one shows the transcript that the registry names. */
  fetch(membership: Membership): Promise<void> {
    const { groupKey } = membership
    if (groupKey === undefined || this.current(membership) !== undefined) return Promise.resolve()
    const hash = groupKey.transcriptHash
    const asking =
      this.#asking.get(hash) ??
      this.#ask(membership, groupKey).finally(() => {
        this.#asking.delete(hash)
      })
    this.#asking.set(hash, asking)
    return asking
  }

  async #ask(membership: Membership, groupKey: GroupKey): Promise<void> {
    const connected = new Set(this.#network.connected())
    for (const member of activeMembers(membership)) {
      if (!connected.has(member.peerKey)) continue
      try {
        const bytes = await this.#network.request(
          member.peerKey,
          CHANNELS.transcript,
          bytesOf(groupKey.transcriptHash),
          { timeoutMs: REQUEST_TIMEOUT_MS, maxReplyBytes: MAX_TRANSCRIPT_BYTES },
        )
        if (this.#accept(bytes, groupKey)) return
      } catch {
        // The next member may have it; the registry's hash decides, not who answers.
      }
    }
  }

  #accept(bytes: Uint8Array, groupKey: GroupKey): boolean {
    const hash = groupKey.transcriptHash
    const transcript = namedTranscript(hash, bytes)
    if (transcript === undefined) return false
    const signing = publicPackageFromTranscript(transcript)
    if (groupKeyX(signing) !== groupKey.px) return false
    this.#known.set(hash, { signing, beacon: beaconPublicFromTranscript(transcript) })
    for (const old of [...this.#known.keys()].slice(0, -KEPT_KEYS)) this.#known.delete(old)
    return true
  }
}
