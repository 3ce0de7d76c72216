/** Keeps this node's share of whatever key the registry has installed, loading it when the registry changes. */
import type { Membership } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { KeyStore, StoredKey } from './key-store.ts'

export class KeyHolder {
  readonly #store: KeyStore
  readonly #logger: Logger
  #held: StoredKey | undefined
  #asked = 0

  constructor(store: KeyStore, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  current(keyEpoch: number): StoredKey | undefined {
    return this.#held?.keyEpoch === keyEpoch ? this.#held : undefined
  }

  /** Brings memory in line with the registry. A share of a key that is not installed is never used. */
  async follow({ keyEpoch, groupKey }: Membership): Promise<void> {
    if (groupKey === undefined || this.current(keyEpoch)?.px === groupKey.px) return
    const asked = ++this.#asked
    const loaded = await this.#store.load(keyEpoch, groupKey.px)
    // Opening a keystore takes seconds: meanwhile the registry may have gone on to another key.
    if (asked !== this.#asked) return
    this.#held = loaded
    if (loaded === undefined) {
      this.#logger.warn(
        'this node holds no share of the installed key: it quotes, but signs no reports until the operators have another key generated',
        { keyEpoch },
      )
      return
    }
    this.#store.forgetAllBut(keyEpoch, groupKey.px)
    this.#logger.info('holding a share of the group key', { keyEpoch })
  }
}
