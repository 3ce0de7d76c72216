/** Keeps this node's shares of the keys that the registry names, loading them when the registry changes. */
import type { Hash } from '../../protocol/bytes.ts'
import type { Membership, RegistryView } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { KeyStore, NamedKey, StoredKey } from './key-store.ts'

export class KeyHolder {
  readonly #store: KeyStore
  readonly #logger: Logger
  /** By key epoch: the newest, and the one before it. */
  #held: ReadonlyMap<number, StoredKey> = new Map()
  #asked = 0

  constructor(store: KeyStore, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  /** This node's share under the newest key, or under the one before it, while that is on the registry. */
  current(keyEpoch: number): StoredKey | undefined {
    return this.#held.get(keyEpoch)
  }

  /** The transcript of a key that this node holds a share of. */
  transcriptOf(transcriptHash: Hash): Uint8Array | undefined {
    return [...this.#held.values()].find(key => key.transcriptHash === transcriptHash)?.transcript
  }

  /**
   * Brings memory in line with the registry. A share of a key that is not installed is never used.
   *
   * The share before the newest stays as long as the registry names its key: rounds before the handover and what the
   * beacon drew before it are of that key. Older ones are deleted, and so are those of attempts that came to nothing.
   * The view is of final blocks, so no block that comes back can ask for them.
   *
   * @throws what opening the newest share throws. The one before it may be damaged: it is soon of no use, and must not
   *   keep the node from signing under the newest
   */
  async follow({ newest, previous }: RegistryView): Promise<void> {
    const named = [newest, previous].flatMap(namedKeyOf)
    if (named.length === 0 || named.every(({ keyEpoch, px }) => this.current(keyEpoch)?.px === px)) {
      if (this.#held.size > named.length) this.#keepOnly(named)
      return
    }
    const asked = ++this.#asked
    const loaded = await Promise.allSettled(named.map(key => this.#load(key)))
    // Opening a keystore takes seconds: meanwhile the registry may have gone on to another key.
    if (asked !== this.#asked) return
    const had = this.#held
    const keys = loaded.flatMap(result =>
      result.status === 'fulfilled' && result.value !== undefined ? [result.value] : [],
    )
    this.#held = new Map(keys.map(key => [key.keyEpoch, key]))
    for (const [index, result] of loaded.entries()) {
      if (result.status === 'fulfilled') continue
      const keyEpoch = named[index]?.keyEpoch
      if (keyEpoch === newest.keyEpoch) throw result.reason
      this.#logger.error(
        'the share of the group key before the newest cannot be opened: this node does nothing under it',
        { keyEpoch, error: result.reason },
      )
    }
    this.#store.forgetAllBut(named)
    this.#say(newest, had)
  }

  async #load({ keyEpoch, px }: NamedKey): Promise<StoredKey | undefined> {
    const held = this.current(keyEpoch)
    return held?.px === px ? held : await this.#store.load(keyEpoch, px)
  }

  #keepOnly(named: readonly NamedKey[]): void {
    const epochs = new Set(named.map(({ keyEpoch }) => keyEpoch))
    this.#held = new Map([...this.#held].filter(([keyEpoch]) => epochs.has(keyEpoch)))
  }

  #say({ keyEpoch }: Membership, had: ReadonlyMap<number, StoredKey>): void {
    if (this.current(keyEpoch) === undefined) {
      this.#logger.warn(
        'this node holds no share of the newest key: it quotes, but signs no reports under it',
        { keyEpoch },
      )
    } else if (!had.has(keyEpoch)) {
      this.#logger.info('holding a share of the group key', { keyEpoch })
    }
  }
}

function namedKeyOf(membership: Membership | undefined): NamedKey[] {
  const px = membership?.groupKey?.px
  return membership === undefined || px === undefined ? [] : [{ keyEpoch: membership.keyEpoch, px }]
}
