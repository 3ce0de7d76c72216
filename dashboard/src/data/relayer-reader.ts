import type { Address } from '../../../protocol/bytes.ts'
import type { Wei } from '../../../protocol/units.ts'
import { type AccountLine, parseAccount, parseRelayerLook, type RelayerLook } from '../model/relayer-look.ts'

/** One more than is shown, which is the epoch that runs, and one to spare. */
const ASKED_EPOCHS = 10

/** Reads what a relayer tells everybody. */
export class RelayerReader {
  readonly #base: string
  readonly #load: (url: string) => Promise<unknown>

  constructor(base: string, load: (url: string) => Promise<unknown>) {
    this.#base = base
    this.#load = load
  }

  /** @throws when it does not answer, or with something else than what was asked for */
  async look(): Promise<RelayerLook> {
    const [epochs, workers, stats] = await Promise.all([
      this.#load(`${this.#base}/v1/epochs?limit=${ASKED_EPOCHS}`),
      this.#load(`${this.#base}/v1/workers`),
      this.#load(`${this.#base}/v1/stats`),
    ])
    return parseRelayerLook({ epochs, workers, stats })
  }

  /** @throws likewise, also when the account has earned nothing */
  async account(account: Address): Promise<AccountLine> {
    return parseAccount(await this.#load(`${this.#base}/v1/accounts/${account}`), account)
  }

  /** What these accounts have earned; who earned nothing is left out. */
  async earned(accounts: readonly Address[]): Promise<Map<Address, Wei>> {
    const lines = await Promise.allSettled(accounts.map(account => this.account(account)))
    return new Map(
      lines.flatMap(line =>
        line.status === 'fulfilled' ? [[line.value.account, line.value.cumulative]] : [],
      ),
    )
  }
}
