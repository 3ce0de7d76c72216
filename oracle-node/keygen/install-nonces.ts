import { equalBytes } from '../../protocol/bytes.ts'
import { type FrostSecret, frost } from '../../protocol/frost.ts'
import type { NoncePair } from '../../protocol/round/messages.ts'

type GeneratedNonce = ReturnType<typeof frost.commit>

/** An attempt is called for a few times at most; older pairs are simply dropped. */
const MAX_PAIRS = 4

/** Nonce pairs for the installation of one key. As everywhere: in memory, once, gone before they sign. */
export class OneTimeNonces {
  #pairs: GeneratedNonce[] = []

  issue(secret: FrostSecret): NoncePair {
    const pair = frost.commit(secret)
    this.#pairs = [...this.#pairs, pair].slice(-MAX_PAIRS)
    return { hiding: pair.commitments.hiding, binding: pair.commitments.binding }
  }

  take(pair: NoncePair): GeneratedNonce['nonces'] | undefined {
    const found = this.#pairs.find(
      ({ commitments }) =>
        equalBytes(commitments.hiding, pair.hiding) && equalBytes(commitments.binding, pair.binding),
    )
    this.#pairs = this.#pairs.filter(other => other !== found)
    return found?.nonces
  }
}
