/**
 * Who takes part. A worker here stands for many suppliers: weight is linear in proven work and hires are paid by
 * money, so that splitting one into ten changes no sum.
 */
import type { Address } from '../../protocol/bytes.ts'
import { type Model, modelKey } from '../../protocol/epoch/settle-usage.ts'
import { type Channel, channelKey } from '../../protocol/usage/receipt.ts'
import { ASSET, type Asset, NOBODY, WORK_KIND } from '../../protocol/usage/wire.ts'

/** A member of a group, and its part of what the group has or wants. */
export interface Member {
  readonly address: Address
  /** Thousandths; a group's add up to {@link WHOLE}. */
  readonly part: bigint
}

export const WHOLE = 1_000n

function members(group: string, parts: readonly bigint[]): readonly Member[] {
  return parts.map((part, index) => ({ address: `0x${group}${String(index).padStart(38, '0')}`, part }))
}

export const WORKERS = members('a0', [310n, 230n, 170n, 130n, 90n, 70n])
/** They hire in IOSD. */
export const HIRERS = members('b0', [650n, 350n])
/** They pay for inferences in IO, and keep IOSD for fees only, so that a hire never takes what a fee needs. */
export const ASKERS = members('c0', [600n, 400n])
const OWNER: Address = `0xd0${'0'.repeat(38)}`
const GATEWAY: Address = `0xe0${'0'.repeat(38)}`

const MODEL_ID = `0x${'5a'.repeat(32)}` as const

export function modelsOf(royaltyBps: number): ReadonlyMap<string, Model> {
  const model: Model = { id: MODEL_ID, version: 1, owner: OWNER, royaltyBps, active: true }
  return new Map([[modelKey(model.id, model.version), model]])
}

/** One channel for each payer and worker. */
export interface ChannelPlan {
  readonly key: `0x${string}`
  readonly channel: Channel
  readonly asset: Asset
  readonly payer: Member
  readonly worker: Member
}

export const CHANNELS: readonly ChannelPlan[] = [
  ...HIRERS.flatMap(payer => WORKERS.map(worker => planOf(payer, worker, ASSET.iosd))),
  ...ASKERS.flatMap(payer => WORKERS.map(worker => planOf(payer, worker, ASSET.io))),
]

function planOf(payer: Member, worker: Member, asset: Asset): ChannelPlan {
  const parties = { payer: payer.address, worker: worker.address }
  const channel: Channel =
    asset === ASSET.iosd
      ? { ...parties, gateway: NOBODY, kind: WORK_KIND.hire, id: `0x${'01'.repeat(32)}`, version: 0 }
      : { ...parties, gateway: GATEWAY, kind: WORK_KIND.inference, id: MODEL_ID, version: 1 }
  return { key: channelKey(channel), channel, asset, payer, worker }
}

/** Splits by parts, downwards; the last member gets the rest. */
export function splitByPart(total: bigint, group: readonly Member[]): bigint[] {
  let left = total
  return group.map(({ part }, index) => {
    const own = index === group.length - 1 ? left : (total * part) / WHOLE
    left -= own
    return own
  })
}
