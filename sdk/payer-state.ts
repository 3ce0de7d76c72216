/** What a payer remembers of its channels, and how it survives a restart: as JSON, amounts as decimal strings. */
import type { Address, Hash, Hex } from '../protocol/bytes.ts'
import { type Channel, channelKey } from '../protocol/usage/receipt.ts'
import { WORK_KIND } from '../protocol/usage/wire.ts'
import {
  addressField,
  countField,
  hashField,
  integerField,
  type JsonObject,
  listField,
  objectOf,
} from './json.ts'

/** One channel, as the payer sees it. Amounts are cumulative, wei. */
export interface PayerChannel {
  readonly channel: Channel
  /** What the worker's last statement says was charged, and for how many units. */
  readonly charged: bigint
  readonly units: bigint
  /** The most that was signed for. */
  readonly ceiling: bigint
  readonly ceilingUnits: bigint
}

/** Wei that statements say were charged, and how often something was signed or checked. */
export interface PayerTotals {
  readonly inferenceWei: bigint
  readonly hireWei: bigint
  readonly holds: number
  readonly receipts: number
  readonly statements: number
}

export const NO_TOTALS: PayerTotals = { inferenceWei: 0n, hireWei: 0n, holds: 0, receipts: 0, statements: 0 }

/** JSON of a book. */
export interface PayerState {
  readonly version: 1
  readonly payer: Address
  readonly channels: readonly {
    readonly worker: Address
    readonly gateway: Address
    readonly kind: number
    readonly id: Hash
    readonly version: number
    readonly charged: string
    readonly units: string
    readonly ceiling: string
    readonly ceilingUnits: string
  }[]
  readonly totals: {
    readonly inferenceWei: string
    readonly hireWei: string
    readonly holds: number
    readonly receipts: number
    readonly statements: number
  }
}

/** What was stored is not the state of this payer's book. Only another file, or none, helps. */
export class PayerStateError extends Error {
  readonly code = 'BAD_PAYER_STATE'
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`the stored state of the payer cannot be used: ${reason}`, { cause })
    this.name = 'PayerStateError'
  }
}

export function payerStateOf(
  payer: Address,
  channels: Iterable<PayerChannel>,
  totals: PayerTotals,
): PayerState {
  return {
    version: 1,
    payer,
    channels: [...channels].map(({ channel, charged, units, ceiling, ceilingUnits }) => ({
      worker: channel.worker,
      gateway: channel.gateway,
      kind: channel.kind,
      id: channel.id,
      version: channel.version,
      charged: String(charged),
      units: String(units),
      ceiling: String(ceiling),
      ceilingUnits: String(ceilingUnits),
    })),
    totals: { ...totals, inferenceWei: String(totals.inferenceWei), hireWei: String(totals.hireWei) },
  }
}

/** Far above what a book keeps. */
const MAX_STORED_CHANNELS = 65_536

/** @throws {PayerStateError} */
export function readPayerState(
  value: unknown,
  payer: Address,
): { channels: Map<Hex, PayerChannel>; totals: PayerTotals } {
  try {
    const state = objectOf(value)
    if (state['version'] !== 1) throw new TypeError('it has no version, or one that is not known here')
    if (state['payer'] !== payer) throw new TypeError(`it is of another payer than ${payer}`)
    const channels = listField(state, 'channels', MAX_STORED_CHANNELS, item =>
      readChannelState(objectOf(item), payer),
    )
    const totals = objectOf(state['totals'])
    return {
      channels: new Map(channels.map(entry => [channelKey(entry.channel), entry])),
      totals: {
        inferenceWei: integerField(totals, 'inferenceWei'),
        hireWei: integerField(totals, 'hireWei'),
        holds: countField(totals, 'holds'),
        receipts: countField(totals, 'receipts'),
        statements: countField(totals, 'statements'),
      },
    }
  } catch (error) {
    throw new PayerStateError(error)
  }
}

function readChannelState(item: JsonObject, payer: Address): PayerChannel {
  const kind = item['kind']
  if (kind !== WORK_KIND.hire && kind !== WORK_KIND.inference)
    throw new TypeError('a channel of no known kind')
  return {
    channel: {
      payer,
      worker: addressField(item, 'worker'),
      gateway: addressField(item, 'gateway'),
      kind,
      id: hashField(item, 'id'),
      version: countField(item, 'version'),
    },
    charged: integerField(item, 'charged'),
    units: integerField(item, 'units'),
    ceiling: integerField(item, 'ceiling'),
    ceilingUnits: integerField(item, 'ceilingUnits'),
  }
}
