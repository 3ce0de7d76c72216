/**
 * What payers, workers and relayers sign about work, as EIP-712 structs of the network's domain. The names and
 * the order of the fields are part of the protocol: wallets show them, and evidence is judged by them.
 */
import type { StructType } from '../domain.ts'

export const HOLD_STRUCT = {
  name: 'Hold',
  fields: [
    { name: 'payer', type: 'address' },
    { name: 'payee', type: 'address' },
    { name: 'kind', type: 'uint8' },
    { name: 'asset', type: 'uint8' },
    { name: 'maxAmount', type: 'uint256' },
    { name: 'expiresEpoch', type: 'uint64' },
    { name: 'nonce', type: 'uint256' },
  ],
} as const satisfies StructType

export const HOLD_ACCEPTANCE_STRUCT = {
  name: 'HoldAcceptance',
  fields: [
    { name: 'hold', type: 'bytes32' },
    { name: 'payer', type: 'address' },
    { name: 'epoch', type: 'uint64' },
    { name: 'snapshotBlock', type: 'uint64' },
    { name: 'openTotal', type: 'uint256' },
  ],
} as const satisfies StructType

/** A channel: who pays whom for what. Receipts and statements begin with it. */
export const CHANNEL_FIELDS = [
  { name: 'payer', type: 'address' },
  { name: 'worker', type: 'address' },
  { name: 'gateway', type: 'address' },
  { name: 'kind', type: 'uint8' },
  { name: 'id', type: 'bytes32' },
  { name: 'version', type: 'uint32' },
] as const

export const RECEIPT_STRUCT = {
  name: 'Receipt',
  fields: [
    ...CHANNEL_FIELDS,
    { name: 'cumulativeUnits', type: 'uint256' },
    { name: 'cumulativeCeiling', type: 'uint256' },
    { name: 'validUntilEpoch', type: 'uint64' },
  ],
} as const satisfies StructType

export const USAGE_BATCH_STRUCT = {
  name: 'UsageBatch',
  fields: [
    { name: 'worker', type: 'address' },
    { name: 'seqFrom', type: 'uint64' },
    { name: 'seqTo', type: 'uint64' },
    { name: 'batchRoot', type: 'bytes32' },
  ],
} as const satisfies StructType

export const INCLUSION_RECEIPT_STRUCT = {
  name: 'InclusionReceipt',
  fields: [
    { name: 'epoch', type: 'uint64' },
    { name: 'worker', type: 'address' },
    { name: 'seqFrom', type: 'uint64' },
    { name: 'seqTo', type: 'uint64' },
    { name: 'batchRoot', type: 'bytes32' },
  ],
} as const satisfies StructType
