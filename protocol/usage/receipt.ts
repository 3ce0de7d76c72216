/**
 * A receipt: what a payer owes a worker at most, over the life of a channel, signed by the payer.
 *
 * Amounts are cumulative, so the last receipt says everything and a lost one costs nothing. A ceiling is what has
 * been charged plus the most that this request may cost: it may be lower than the one before, but never lower
 * than what has been charged.
 *
 * ```
 * payer 20 | worker 20 | gateway 20 | kind 1 | id 32 | version 4 | units 32 | ceiling 32 | validUntilEpoch 6 | signature 64
 * ```
 */
import { type Address, ByteReader, ByteWriter, type Hash, type Hex, hexOf } from '../bytes.ts'
import { type Domain, digestOf } from '../domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../identity.ts'
import { RECEIPT_STRUCT } from './structs.ts'
import { ASSET, type Asset, COUNTER_BYTES, NOBODY, readWorkKind, WORK_KIND, type WorkKind } from './wire.ts'

/** Who pays whom for what. Amounts are cumulative over exactly this tuple. */
export interface Channel {
  readonly payer: Address
  readonly worker: Address
  /** {@link NOBODY} without one. */
  readonly gateway: Address
  readonly kind: WorkKind
  /** The model of an inference, the lease of a hire. */
  readonly id: Hash
  /** The model's version. Of a hire it says what it is paid in: see {@link assetOf}. */
  readonly version: number
}

/**
 * What a channel is paid in, undefined when it can be paid in nothing. A receipt bounds an amount, and the channel in it
 * says of which asset: inferences are paid in IO, hires of version 0 in IOSD and of version 1 in IO.
 */
export function assetOf({ kind, version }: Pick<Channel, 'kind' | 'version'>): Asset | undefined {
  if (kind === WORK_KIND.inference || version === HIRE_IN_IO) return ASSET.io
  return version === HIRE_IN_IOSD ? ASSET.iosd : undefined
}

/** Versions of a hire. */
export const HIRE_IN_IOSD = 0
export const HIRE_IN_IO = 1

export interface Receipt extends Channel {
  /** Units (seconds, tokens) that may have been used at most. They bound a charge and never weigh. */
  readonly cumulativeUnits: bigint
  /** Wei that may have been charged at most. */
  readonly cumulativeCeiling: bigint
  /** The last epoch in which the receipt counts. */
  readonly validUntilEpoch: number
}

export interface SignedReceipt {
  readonly receipt: Receipt
  readonly signature: Uint8Array
}

export const CHANNEL_BYTES = 97

export function receiptDigest(domain: Domain, receipt: Receipt): Uint8Array {
  return digestOf(domain, RECEIPT_STRUCT, { ...receipt, validUntilEpoch: BigInt(receipt.validUntilEpoch) })
}

export function isReceiptSigned(
  domain: Domain,
  signed: SignedReceipt,
  crypto: Pick<IdentityCrypto, 'recover'>,
): boolean {
  return crypto.recover(receiptDigest(domain, signed.receipt), signed.signature) === signed.receipt.payer
}

export function writeChannel(writer: ByteWriter, channel: Channel): ByteWriter {
  return writer
    .hex(channel.payer, 20)
    .hex(channel.worker, 20)
    .hex(channel.gateway, 20)
    .uint(channel.kind, 1)
    .hex(channel.id, 32)
    .uint(channel.version, 4)
}

/** @throws {DecodeError} */
export function readChannel(reader: ByteReader): Channel {
  return {
    payer: reader.hex(20),
    worker: reader.hex(20),
    gateway: reader.hex(20),
    kind: readWorkKind(reader),
    id: reader.hex(32),
    version: reader.small(4),
  }
}

/** A channel's bytes as hex: equal for equal channels, ordered as channels are ordered in a bundle. */
export function channelKey(channel: Channel): Hex {
  return hexOf(writeChannel(new ByteWriter(), channel).done())
}

/** Whom a hold must name for charges of this channel: through a gateway, the gateway picks the workers. */
export function payeeOf(channel: Channel): Address {
  return channel.kind === WORK_KIND.inference && channel.gateway !== NOBODY ? channel.gateway : channel.worker
}

export function encodeSignedReceipt({ receipt, signature }: SignedReceipt): Uint8Array {
  return writeChannel(new ByteWriter(), receipt)
    .uint(receipt.cumulativeUnits, 32)
    .uint(receipt.cumulativeCeiling, 32)
    .uint(receipt.validUntilEpoch, COUNTER_BYTES)
    .fixed(signature, SIGNATURE_BYTES)
    .done()
}

/** @throws {DecodeError} */
export function decodeSignedReceipt(bytes: Uint8Array): SignedReceipt {
  const reader = new ByteReader(bytes)
  const receipt = {
    ...readChannel(reader),
    cumulativeUnits: reader.uint(32),
    cumulativeCeiling: reader.uint(32),
    validUntilEpoch: reader.small(COUNTER_BYTES),
  }
  return reader.done({ receipt, signature: reader.fixed(SIGNATURE_BYTES) })
}
