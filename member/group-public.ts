/** The public half of the group key, derived from the transcript whose hash the registry holds. */
import type { Hash } from '../protocol/bytes.ts'
import { CHANNELS } from '../protocol/channels.ts'
import { type FrostPublic, groupKeyX } from '../protocol/frost.ts'
import {
  decodeTranscript,
  MAX_TRANSCRIPT_BYTES,
  publicPackageFromTranscript,
  transcriptHashOf,
} from '../protocol/keygen.ts'
import { activeMembers, type Membership } from '../protocol/membership.ts'
import type { PeerNetwork } from '../runtime/p2p/peer-network.ts'

const REQUEST_TIMEOUT_MS = 2_000

export class GroupPublic {
  readonly #network: Pick<PeerNetwork, 'request' | 'connected'>
  #known: { readonly hash: Hash; readonly public: FrostPublic } | undefined
  #asking: Promise<void> | undefined

  constructor(network: Pick<PeerNetwork, 'request' | 'connected'>) {
    this.#network = network
  }

  /** The package of the installed key, or undefined until somebody has shown its transcript. */
  current(membership: Membership): FrostPublic | undefined {
    return this.#known?.hash === membership.groupKey?.transcriptHash ? this.#known?.public : undefined
  }

  /** Asks the members, one after the other, until one shows the transcript that the registry names. */
  fetch(membership: Membership): Promise<void> {
    if (membership.groupKey === undefined || this.current(membership) !== undefined) return Promise.resolve()
    this.#asking ??= this.#ask(membership).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(membership: Membership): Promise<void> {
    const connected = new Set(this.#network.connected())
    for (const member of activeMembers(membership)) {
      if (!connected.has(member.peerKey)) continue
      try {
        const bytes = await this.#network.request(member.peerKey, CHANNELS.transcript, new Uint8Array(), {
          timeoutMs: REQUEST_TIMEOUT_MS,
          maxReplyBytes: MAX_TRANSCRIPT_BYTES,
        })
        if (this.#accept(bytes, membership)) return
      } catch {
        // The next member may have it; the registry's hash decides, not who answers.
      }
    }
  }

  #accept(bytes: Uint8Array, { groupKey }: Membership): boolean {
    const hash = transcriptHashOf(bytes)
    if (hash !== groupKey?.transcriptHash) return false
    const pub = publicPackageFromTranscript(decodeTranscript(bytes).transcript)
    if (groupKeyX(pub) !== groupKey.px) return false
    this.#known = { hash, public: pub }
    return true
  }
}
