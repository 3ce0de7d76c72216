/** A chain with a block each second, whose time a test holds in its hands. */
import type { PayerAccount } from '../../../chain/settlement/reader.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { BlockView } from '../../../protocol/epoch/audit-types.ts'
import type { EpochClock } from '../../../protocol/epoch/time.ts'
import type { IntakeDeps } from '../../../relayer/intake/intake.ts'
import { hash } from '../epoch/cast.ts'
import { PARAMETERS, START_SEC } from '../epoch/world.ts'

export const EPOCH_SEC = 40
const FIRST_BLOCK = 1_000

export class FakeChain {
  readonly clock: EpochClock = { startSec: START_SEC, lengthSec: EPOCH_SEC }
  readonly longestHoldEpochs = 2
  readonly accounts = new Map<Address, PayerAccount>()
  readonly workers = new Set<Address>()
  readonly devices = new Map<Hash, Address>()
  silent = false
  /** How far final blocks are behind the newest one. */
  finalLagSec = 0
  #latestSec: number

  constructor(latestSec: number = START_SEC) {
    this.#latestSec = latestSec
  }

  get latestSec(): number {
    return this.#latestSec
  }

  /** Mines up to a second. */
  mineTo(sec: number): void {
    this.#latestSec = Math.max(this.#latestSec, sec)
  }

  /** What a payer has deposited, wei; nothing withdrawn. */
  deposit(payer: Address, { io = 0n, iosd = 0n, requested = 0n }): void {
    this.accounts.set(payer, {
      io: { deposited: io, withdrawn: 0n, requested },
      iosd: { deposited: iosd, withdrawn: 0n, requested: 0n },
    })
  }

  block(sec: number): BlockView {
    const number = FIRST_BLOCK + sec - START_SEC
    return { number, hash: hash(`block ${number}`), timestampSec: sec, finalised: true }
  }

  view(): IntakeDeps['chain'] {
    return {
      clock: this.clock,
      longestHoldEpochs: this.longestHoldEpochs,
      head: () => ({
        latest: this.block(this.#latestSec),
        final: this.block(this.#latestSec - this.finalLagSec),
      }),
      refresh: async () => this.#answer(),
      account: async payer => {
        this.#answer()
        const nothing = { deposited: 0n, withdrawn: 0n, requested: 0n }
        return this.accounts.get(payer) ?? { io: nothing, iosd: nothing }
      },
      epochFacts: async epoch => ({
        epoch,
        snapshot: this.block(START_SEC + (epoch + 1) * EPOCH_SEC),
        burned: 0n,
        parameters: PARAMETERS,
        balances: [],
        deposits: [],
      }),
      isWorker: address => this.workers.has(address),
      workerOfDevice: device => this.devices.get(device),
    }
  }

  #answer(): void {
    if (this.silent) throw new Error('no endpoint answers')
  }
}
