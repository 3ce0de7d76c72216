/** The holds that a payer works with: one for each payee and kind of work, renewed before it runs out or expires. */
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { formatDecimal } from '../../protocol/units.ts'
import { type AcceptedHold, holdId } from '../../protocol/usage/hold.ts'
import { ASSET, type Asset, type WorkKind } from '../../protocol/usage/wire.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PayerBook } from '../../sdk/payer.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'

export interface HoldNeed {
  readonly payee: Address
  readonly kind: WorkKind
  readonly asset: Asset
  /** Wei that the hold must have left. */
  readonly leastWei: bigint
  /** The epoch until which it must last at least; by itself, longer than the current one. */
  readonly untilEpoch?: number
  /** Wei of a new one. */
  readonly amountWei: bigint
  /** Why whoever was shown the current one did not take it. */
  readonly refused?: string | undefined
}

export interface HoldsDeps {
  readonly domain: Domain
  readonly book: PayerBook
  readonly relayer: Pick<RelayerClient, 'acceptHold'>
  readonly logger: Logger
  readonly epoch: () => number
  readonly longestHoldEpochs: () => number
  readonly nowMs: () => number
}

/** No hold for now: the last one was made and refused a moment ago, or none may last that long. */
export class HoldRefusedError extends Error {
  readonly code = 'HOLD_REFUSED'
  readonly reason: string
  constructor(reason: string) {
    super(`no hold is made for now (${reason}); one is asked for again in a moment`)
    this.name = 'HoldRefusedError'
    this.reason = reason
  }
}

interface Entry {
  readonly accepted: AcceptedHold
  readonly atMs: number
  usedWei: bigint
}

/** What is set aside stays so until it expires: a payee that refuses every hold must not take the whole deposit. */
const LEAST_BETWEEN_MS = 5_000

export class Holds {
  readonly #deps: HoldsDeps
  /** As many as payees: a gateway, and a worker. */
  readonly #entries = new Map<string, Entry>()

  constructor(deps: HoldsDeps) {
    this.#deps = deps
  }

  /**
   * The current hold, or a new one.
   *
   * @throws {ProblemError} when the relayer does not accept one
   * @throws {HoldRefusedError}
   */
  async get(need: HoldNeed, signal?: AbortSignal): Promise<AcceptedHold> {
    // Else each request of a payee that asks for the impossible would set aside another part of the deposit.
    if ((need.untilEpoch ?? 0) > this.#expiryNow()) throw new HoldRefusedError('TOO_LONG')
    const key = keyOf(need)
    const entry = this.#entries.get(key)
    const serves = entry !== undefined && need.refused === undefined && this.#lasts(entry, need)
    if (serves && leftOf(entry) >= need.leastWei) return entry.accepted
    const isYoung = entry !== undefined && this.#deps.nowMs() - entry.atMs < LEAST_BETWEEN_MS
    if (need.refused !== undefined && isYoung) throw new HoldRefusedError(need.refused)
    const accepted = await this.#accept(need, signal)
    this.#entries.set(key, { accepted, atMs: this.#deps.nowMs(), usedWei: 0n })
    return accepted
  }

  /** Notes a charge under the current hold. */
  spent(of: Pick<HoldNeed, 'payee' | 'kind'>, wei: bigint): void {
    const entry = this.#entries.get(keyOf(of))
    if (entry !== undefined) entry.usedWei += wei
  }

  /** A hold is left alone in its last epoch: what is done then may be stated in the next one. */
  #lasts({ accepted }: Entry, { untilEpoch = 0 }: HoldNeed): boolean {
    return accepted.hold.expiresEpoch > this.#deps.epoch() && accepted.hold.expiresEpoch >= untilEpoch
  }

  /** The last epoch of a hold that is made now. */
  #expiryNow(): number {
    return this.#deps.epoch() + this.#deps.longestHoldEpochs()
  }

  async #accept(need: HoldNeed, signal: AbortSignal | undefined): Promise<AcceptedHold> {
    const { book, relayer, logger, domain } = this.#deps
    const { payee, kind, asset, leastWei, amountWei } = need
    const { hold, signature } = await book.newHold({
      payee,
      kind,
      asset,
      maxAmount: amountWei > leastWei ? amountWei : leastWei,
      expiresEpoch: this.#expiryNow(),
    })
    const accepted = await relayer.acceptHold(hold, signature, signal)
    logger.info('a hold was accepted', {
      hold: holdId(domain, hold),
      payee,
      amount: `${formatDecimal(hold.maxAmount)} ${asset === ASSET.io ? 'IO' : 'IOSD'}`,
      untilEpoch: hold.expiresEpoch,
    })
    return accepted
  }
}

function keyOf({ payee, kind }: Pick<HoldNeed, 'payee' | 'kind'>): string {
  return `${kind} ${payee}`
}

function leftOf({ accepted, usedWei }: Entry): bigint {
  return accepted.hold.maxAmount - usedWei
}
