/** Channels as a settlement finds them: who has been charged how much, without the records that say so. */
import type { Address } from '../../../protocol/bytes.ts'
import {
  type Model,
  modelKey,
  settleUsage,
  type UsageSettlement,
} from '../../../protocol/epoch/settle-usage.ts'
import { EMPTY_STATE, UsageTables } from '../../../protocol/epoch/state.ts'
import type { Price } from '../../../protocol/units.ts'
import { type Channel, channelKey } from '../../../protocol/usage/receipt.ts'
import { ASSET, type Asset, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { addressOf } from '../epoch/cast.ts'
import { MODEL, PARAMETERS } from '../epoch/world.ts'
import { DOMAIN } from '../protocol/network.ts'

export const WASHER = {
  payer: addressOf('washing payer'),
  worker: addressOf('washing worker'),
  gateway: addressOf('washing gateway'),
  owner: addressOf('washing owner'),
}
export const WASH_MODEL: Model = { ...MODEL, owner: WASHER.owner }

export function inferenceChannel(changes: Partial<Channel> = {}): Channel {
  const { payer, worker, gateway } = WASHER
  return { payer, worker, gateway, kind: WORK_KIND.inference, id: MODEL.id, version: 1, ...changes }
}

/** Books that are settled epoch by epoch; more may be charged in between. */
export class ChargedChannels {
  readonly #tables = new UsageTables(DOMAIN, EMPTY_STATE)

  charge(channel: Channel, amount: bigint, asset: Asset = ASSET.io): void {
    const key = channelKey(channel)
    const before = this.#tables.channels.get(key)
    this.#tables.channels.set(key, {
      channel,
      asset,
      units: 0n,
      claimed: (before?.claimed ?? 0n) + amount,
      settled: before?.settled ?? 0n,
      feeSettled: before?.feeSettled ?? 0n,
    })
  }

  /** Settles against an escrow in which there is enough of everything. */
  settle(
    price: Price | undefined,
    model: Model = WASH_MODEL,
    payers: readonly Address[] = [WASHER.payer],
  ): UsageSettlement {
    const plenty = 10n ** 40n
    return settleUsage(
      {
        parameters: PARAMETERS,
        price,
        models: new Map([[modelKey(model.id, model.version), model]]),
        freeIosd: new Map(payers.map(payer => [payer, plenty])),
        limits: { io: plenty, iosd: plenty },
        available: new Map(payers.map(payer => [payer, { io: plenty, iosd: plenty }])),
      },
      this.#tables,
    )
  }

  /** Wei charged and not yet debited. */
  get waiting(): bigint {
    return [...this.#tables.channels.values()].reduce(
      (sum, { claimed, settled }) => sum + claimed - settled,
      0n,
    )
  }
}
