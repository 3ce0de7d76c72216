/**
 * A usage record: one statement of a worker. Its number is its place in the worker's sequence.
 *
 * ```
 * hire, inference  kind 1 | payer 20 | gateway 20 | id 32 | version 4 | hold 32 | units 16 | charge 16 | workHash 32
 * availability     kind 1 | device 32 | window 4 | products 4 | commitment 32
 * ```
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, ByteReader, ByteWriter, DecodeError, type Hash, type Hex, hexOf } from '../bytes.ts'
import { leafHash } from '../merkle.ts'
import type { Channel } from './receipt.ts'
import { abiWords, WORK_KIND, type WorkKind } from './wire.ts'

/** Time of a hire, or one inference: what a channel has been charged by now. */
export interface WorkRecord {
  readonly kind: WorkKind
  readonly payer: Address
  readonly gateway: Address
  readonly id: Hash
  readonly version: number
  /** Digest of the hold that the charge is to be taken from. */
  readonly hold: Hash
  /** Units of the channel so far, this record's included. */
  readonly cumulativeUnits: bigint
  /** Wei charged on the channel so far, this record's included. A failed request adds nothing. */
  readonly cumulativeCharge: bigint
  /** Hash of what was done: request and answer of an inference, the lease's proof of a hire. */
  readonly workHash: Hash
}

export const AVAILABILITY_KIND = 3

/** The result of one challenge window, as it was committed to before the window's deadline. */
export interface AvailabilityRecord {
  readonly kind: typeof AVAILABILITY_KIND
  readonly device: Hash
  readonly window: number
  /** Products finished in the window. */
  readonly products: number
  /** Root over the products' roots. */
  readonly commitment: Hash
}

export type UsageRecord = WorkRecord | AvailabilityRecord

export const WORK_RECORD_BYTES = 173
export const AVAILABILITY_RECORD_BYTES = 73

export function channelOf(worker: Address, record: WorkRecord): Channel {
  const { payer, gateway, kind, id, version } = record
  return { payer, worker, gateway, kind, id, version }
}

export function encodeRecord(record: UsageRecord): Uint8Array {
  const writer = new ByteWriter().uint(record.kind, 1)
  if (record.kind === AVAILABILITY_KIND) {
    return writer
      .hex(record.device, 32)
      .uint(record.window, 4)
      .uint(record.products, 4)
      .hex(record.commitment, 32)
      .done()
  }
  return writer
    .hex(record.payer, 20)
    .hex(record.gateway, 20)
    .hex(record.id, 32)
    .uint(record.version, 4)
    .hex(record.hold, 32)
    .uint(record.cumulativeUnits, 16)
    .uint(record.cumulativeCharge, 16)
    .hex(record.workHash, 32)
    .done()
}

/** @throws {DecodeError} */
export function readRecord(reader: ByteReader): UsageRecord {
  const kind = reader.small(1)
  if (kind === AVAILABILITY_KIND) {
    return {
      kind,
      device: reader.hex(32),
      window: reader.small(4),
      products: reader.small(4),
      commitment: reader.hex(32),
    }
  }
  if (kind !== WORK_KIND.hire && kind !== WORK_KIND.inference)
    throw new DecodeError('BAD_KIND', `a record of kind ${kind}`)
  return {
    kind,
    payer: reader.hex(20),
    gateway: reader.hex(20),
    id: reader.hex(32),
    version: reader.small(4),
    hold: reader.hex(32),
    cumulativeUnits: reader.uint(16),
    cumulativeCharge: reader.uint(16),
    workHash: reader.hex(32),
  }
}

/** @throws {DecodeError} */
export function decodeRecord(bytes: Uint8Array): UsageRecord {
  const reader = new ByteReader(bytes)
  return reader.done(readRecord(reader))
}

/** A record's leaf in its batch: the sequence is in it, as a sorted tree forgets the order of its leaves. */
export function recordLeaf(sequence: number, record: UsageRecord): Hex {
  return leafHash(abiWords(sequence, hexOf(keccak_256(encodeRecord(record)))))
}
