/** The network fee that holds are weighed with, from the newest epoch whose parameters the chain has settled on. */
import type { SettlementReader } from '../../chain/settlement/reader.ts'

/** No vote can set a higher one (`Parameters.MAX_FEE_BPS`): for the first epoch, of which nothing has ended yet. */
const HIGHEST_FEE_BPS = 1_000
/** Blocks become final minutes after an epoch's end, never a whole epoch after. */
const LOOK_BACK = 2

export class FeeRate {
  readonly #chain: Pick<SettlementReader, 'epochFacts'>
  #known: { readonly epoch: number; readonly feeBps: number } | undefined

  constructor(chain: Pick<SettlementReader, 'epochFacts'>) {
    this.#chain = chain
  }

  /** Basis points, for what is accepted in `epoch`. */
  async in(epoch: number): Promise<number> {
    for (let ended = epoch - 1; ended >= Math.max(0, epoch - LOOK_BACK); ended--) {
      if (this.#known?.epoch === ended) return this.#known.feeBps
      // Not final yet: the one before is.
      const facts = await this.#chain.epochFacts(ended).catch(() => undefined)
      if (facts === undefined) continue
      this.#known = { epoch: ended, feeBps: facts.parameters.feeBps }
      return facts.parameters.feeBps
    }
    return this.#known?.feeBps ?? HIGHEST_FEE_BPS
  }
}
