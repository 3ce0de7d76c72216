/** The epoch report: everything a settlement says, under one digest that oracle nodes certify. */
import { ByteReader, ByteWriter, type Hash, hexOf } from '../bytes.ts'
import { type Domain, digestOf, type StructType, structHashOf } from '../domain.ts'

/**
 * A report may be staged for so many seconds from now, and for as many more, as blocks are not seen everywhere at once:
 * how long decides what a late epoch counts of deposits (`withdrawals.ts`), and must not be the relayer's to choose.
 */
export const MAX_VALID_SEC = 86_400

/** Order and types are those of the contract's struct. Amounts in wei. */
export interface EpochReport {
  readonly keyEpoch: number
  readonly epoch: number
  /** Grows after a veto or a certificate that expired: nodes sign one report for each (epoch, attempt). */
  readonly attempt: number
  /** Unix seconds after which the report may not be staged. */
  readonly validUntil: number
  readonly paramsVersion: number
  readonly snapshotBlock: number
  readonly snapshotHash: Hash
  readonly previousRewardRoot: Hash
  readonly previousDebitRoot: Hash
  readonly rewardRoot: Hash
  readonly debitRoot: Hash
  readonly hiredPaid: bigint
  readonly availabilityPaid: bigint
  readonly debitIosd: bigint
  readonly debitIo: bigint
  readonly cumulativeRewards: bigint
  readonly cumulativeDebitIosd: bigint
  readonly cumulativeDebitIo: bigint
  /** SHA-256 of the whole uncompressed bundle. */
  readonly bundleHash: Hash
  readonly batchesRoot: Hash
  readonly commitmentsRoot: Hash
}

type FieldType = 'uint32' | 'uint40' | 'uint64' | 'uint256' | 'bytes32'

/** Field → type, in the order in which they are signed. */
const FIELDS: Readonly<Record<keyof EpochReport, FieldType>> = {
  keyEpoch: 'uint32',
  epoch: 'uint64',
  attempt: 'uint32',
  validUntil: 'uint40',
  paramsVersion: 'uint32',
  snapshotBlock: 'uint64',
  snapshotHash: 'bytes32',
  previousRewardRoot: 'bytes32',
  previousDebitRoot: 'bytes32',
  rewardRoot: 'bytes32',
  debitRoot: 'bytes32',
  hiredPaid: 'uint256',
  availabilityPaid: 'uint256',
  debitIosd: 'uint256',
  debitIo: 'uint256',
  cumulativeRewards: 'uint256',
  cumulativeDebitIosd: 'uint256',
  cumulativeDebitIo: 'uint256',
  bundleHash: 'bytes32',
  batchesRoot: 'bytes32',
  commitmentsRoot: 'bytes32',
}

export const REPORT_FIELDS = Object.keys(FIELDS) as readonly (keyof EpochReport)[]

export const EPOCH_REPORT_STRUCT: StructType = {
  name: 'EpochReport',
  fields: REPORT_FIELDS.map(name => ({ name, type: FIELDS[name] })),
}

/** EIP-712 digest: what the group or a quorum of identities signs, and the contract recomputes. */
export function epochReportDigest(domain: Domain, report: EpochReport): Uint8Array {
  return digestOf(domain, EPOCH_REPORT_STRUCT, fieldsOf(report))
}

/** The report without the domain: by this the contract names the one that is staged, and a veto the one it stops. */
export function epochReportHash(report: EpochReport): Hash {
  return hexOf(structHashOf(EPOCH_REPORT_STRUCT, fieldsOf(report)))
}

function fieldsOf(report: EpochReport) {
  return {
    ...report,
    epoch: BigInt(report.epoch),
    validUntil: BigInt(report.validUntil),
    snapshotBlock: BigInt(report.snapshotBlock),
  }
}

const WIDTHS: Readonly<Record<FieldType, number>> = {
  uint32: 4,
  uint40: 5,
  // A number holds six bytes exactly; no epoch or block needs more.
  uint64: 6,
  uint256: 32,
  bytes32: 32,
}

export function encodeEpochReport(report: EpochReport): Uint8Array {
  const writer = new ByteWriter()
  for (const name of REPORT_FIELDS) {
    const value = report[name]
    if (typeof value === 'string') writer.hex(value, 32)
    else writer.uint(value, WIDTHS[FIELDS[name]])
  }
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeEpochReport(bytes: Uint8Array): EpochReport {
  const reader = new ByteReader(bytes)
  return reader.done({
    keyEpoch: reader.small(4),
    epoch: reader.small(6),
    attempt: reader.small(4),
    validUntil: reader.small(5),
    paramsVersion: reader.small(4),
    snapshotBlock: reader.small(6),
    snapshotHash: reader.hex(32),
    previousRewardRoot: reader.hex(32),
    previousDebitRoot: reader.hex(32),
    rewardRoot: reader.hex(32),
    debitRoot: reader.hex(32),
    hiredPaid: reader.uint(32),
    availabilityPaid: reader.uint(32),
    debitIosd: reader.uint(32),
    debitIo: reader.uint(32),
    cumulativeRewards: reader.uint(32),
    cumulativeDebitIosd: reader.uint(32),
    cumulativeDebitIo: reader.uint(32),
    bundleHash: reader.hex(32),
    batchesRoot: reader.hex(32),
    commitmentsRoot: reader.hex(32),
  })
}

/** Cumulative figures of the last activated epoch, as the contract holds them. */
export interface SettledTotals {
  readonly rewardRoot: Hash
  readonly debitRoot: Hash
  readonly cumulativeRewards: bigint
  readonly cumulativeDebitIosd: bigint
  readonly cumulativeDebitIo: bigint
}
