/** The payer's money: burns IO for IOSD once there is a price, and keeps both in escrow. */
import type { PublicClient } from 'viem'
import { escrowAbi } from '../../chain/abi/escrow.ts'
import { ioAbi } from '../../chain/abi/io.ts'
import { BurnError, type Burner } from '../../chain/burner.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { depositCall } from '../../chain/settlement/calls.ts'
import type { Transactor } from '../../chain/transactor.ts'
import type { Address } from '../../protocol/bytes.ts'
import { formatDecimal, type Wei } from '../../protocol/units.ts'
import { ASSET, type Asset } from '../../protocol/usage/wire.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { RelayerClient } from '../../sdk/relayer-client.ts'

export interface FundsOptions {
  readonly deployment: Deployment
  /** Wei of IO. */
  readonly depositIo: bigint
  readonly burnIo: bigint
}

export interface FundsDeps {
  readonly reader: PublicClient
  readonly transactor: Transactor
  readonly burner: Burner
  readonly relayer: Pick<RelayerClient, 'payer'>
  readonly clock: Clock
  readonly logger: Logger
}

/** A price comes a few seconds after a network's start, and then each second. */
const PRICE_WAIT_MS = 1_000
/** Below this part of what it began with, an asset is topped up by half of it. */
const LOW_PART = 4n
const TOP_UP_PART = 2n

export class Funds {
  readonly #options: FundsOptions
  readonly #deps: FundsDeps
  /** Wei of IOSD in escrow when this process began: what "little" is measured by. */
  #firstIosd: bigint | undefined

  constructor(options: FundsOptions, deps: FundsDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Burns and deposits what a payer begins with; on a restart, only what is missing. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { depositIo, burnIo } = this.#options
    const [io, iosd, balance] = await Promise.all([
      this.deposited(ASSET.io),
      this.deposited(ASSET.iosd),
      this.#balance(ASSET.iosd),
    ])
    if (iosd === 0n && balance === 0n && burnIo > 0n) await this.#burn(burnIo, signal)
    await this.#deposit(ASSET.iosd, await this.#balance(ASSET.iosd), signal)
    if (io === 0n) await this.#deposit(ASSET.io, depositIo, signal)
  }

  /** How many epochs after its acceptance a hold may end at the latest. */
  async longestHoldEpochs(): Promise<number> {
    const epochs = await this.#deps.reader.readContract({
      address: this.#options.deployment.contracts.escrow,
      abi: escrowAbi,
      functionName: 'longestHoldEpochs',
    })
    return Number(epochs)
  }

  /** Fills up what has become little. Once an epoch is enough: then debits are known. */
  async topUp(signal: AbortSignal): Promise<void> {
    const { depositIo, burnIo } = this.#options
    const { io, iosd } = await this.#deps.relayer.payer(
      this.#deps.transactor.address.toLowerCase() as Address,
      signal,
    )
    this.#firstIosd ??= await this.deposited(ASSET.iosd)
    if (io.deposit - io.open - io.unsettled < depositIo / LOW_PART)
      await this.#deposit(ASSET.io, depositIo / TOP_UP_PART, signal)
    if (burnIo > 0n && iosd.deposit - iosd.open - iosd.unsettled < this.#firstIosd / LOW_PART) {
      await this.#burn(burnIo / TOP_UP_PART, signal)
      await this.#deposit(ASSET.iosd, await this.#balance(ASSET.iosd), signal)
    }
  }

  async #burn(amount: bigint, signal: AbortSignal): Promise<void> {
    const { burner, clock, logger } = this.#deps
    for (let said = false; ; said = true) {
      signal.throwIfAborted()
      try {
        const { io, iosd, price } = await burner.burn(amount as Wei)
        logger.info('burned IO for IOSD', {
          io: formatDecimal(io),
          iosd: formatDecimal(iosd),
          price: formatDecimal(price),
        })
        return
      } catch (error) {
        const passes = error instanceof BurnError && (error.code === 'NO_PRICE' || error.code === 'REFUSED')
        if (!passes) throw error
        if (!said) logger.info('waits for a price to burn IO at', { reason: error.code })
        await clock.sleep(PRICE_WAIT_MS, signal)
      }
    }
  }

  async #deposit(asset: Asset, wanted: bigint, signal: AbortSignal): Promise<void> {
    const { transactor, reader, logger } = this.#deps
    const { escrow } = this.#options.deployment.contracts
    const [balance, minimum] = await Promise.all([
      this.#balance(asset),
      reader.readContract({ address: escrow, abi: escrowAbi, functionName: 'minimumDeposit', args: [asset] }),
    ])
    const amount = wanted < balance ? wanted : balance
    const name = asset === ASSET.io ? 'IO' : 'IOSD'
    if (amount < minimum || amount === 0n) {
      if (wanted > 0n)
        logger.warn('too little to deposit: give the account more', {
          asset: name,
          balance: formatDecimal(balance),
          wanted: formatDecimal(wanted),
        })
      return
    }
    const token = this.#token(asset)
    await transactor.send(
      { address: token, abi: ioAbi, functionName: 'approve', args: [escrow, amount] },
      signal,
    )
    await transactor.send(depositCall(escrow, asset, amount), signal)
    logger.info('deposited', { asset: name, amount: formatDecimal(amount) })
  }

  #token(asset: Asset) {
    const { io, iosd } = this.#options.deployment.contracts
    return asset === ASSET.io ? io : iosd
  }

  #balance(asset: Asset): Promise<bigint> {
    const { reader, transactor } = this.#deps
    // Both tokens answer this alike.
    return reader.readContract({
      address: this.#token(asset),
      abi: ioAbi,
      functionName: 'balanceOf',
      args: [transactor.address],
    })
  }

  /** Wei of an asset that were ever deposited. */
  async deposited(asset: Asset): Promise<bigint> {
    const { reader, transactor } = this.#deps
    const { deposited } = await reader.readContract({
      address: this.#options.deployment.contracts.escrow,
      abi: escrowAbi,
      functionName: 'accountOf',
      args: [transactor.address, asset],
    })
    return deposited
  }
}
