/** Burns IO now and then, so that a local network has burns to mint again: in every second epoch more of them. */
import { BurnError, type Burner } from '../../chain/burner.ts'
import { formatDecimal, type Wei } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { randomAmount } from './random-amount.ts'

export interface BurnsOptions {
  /** 0: never. */
  readonly everySec: number
  /** In odd epochs so many times as much. */
  readonly surge: number
}

export interface BurnsDeps {
  readonly burner: Burner
  readonly epoch: () => number
  readonly random: () => number
  readonly clock: Pick<Clock, 'monotonic'>
  readonly logger: Logger
}

export class Burns {
  readonly #options: BurnsOptions
  readonly #deps: BurnsDeps
  #nextMs = 0

  constructor(options: BurnsOptions, deps: BurnsDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Burns when it is time to. What is refused now is left out. */
  async burnWhenDue(): Promise<void> {
    const { burner, clock, logger, random } = this.#deps
    const { everySec } = this.#options
    if (everySec === 0 || clock.monotonic() < this.#nextMs) return
    this.#nextMs = clock.monotonic() + everySec * 1_000
    try {
      const { io, iosd, price } = await burner.burn(this.#amount(random))
      logger.info('burned IO for IOSD', {
        io: formatDecimal(io),
        iosd: formatDecimal(iosd),
        price: formatDecimal(price),
      })
    } catch (error) {
      if (!(error instanceof BurnError)) throw error
      logger.warn('nothing was burned', { error })
    }
  }

  #amount(random: () => number): Wei {
    const times = this.#deps.epoch() % 2 === 1 ? BigInt(this.#options.surge) : 1n
    return (randomAmount(random) * times) as Wei
  }
}
