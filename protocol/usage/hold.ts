/**
 * A hold: a payer sets part of its deposit aside before work is done, and a relayer accepts it.
 *
 * The relayer accepts under one lock per payer, if open holds and unsettled charges fit into the deposit less
 * requested withdrawals. Without acceptance one deposit would be spent with many workers. The relayer signs what
 * it counted as open, so that accepting too much is a fault anyone can show (invariant 10).
 *
 * ```
 * hold        payer 20 | payee 20 | kind 1 | asset 1 | maxAmount 32 | expiresEpoch 6 | nonce 32
 * acceptance  hold 112 | payer's signature 64 | epoch 6 | snapshotBlock 6 | openTotal 32 | relayer's signature 64
 * ```
 */
import { type Address, ByteReader, ByteWriter, type Hash, hexOf } from '../bytes.ts'
import { type Domain, digestOf } from '../domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../identity.ts'
import { HOLD_ACCEPTANCE_STRUCT, HOLD_STRUCT } from './structs.ts'
import { type Asset, COUNTER_BYTES, readAsset, readWorkKind, type WorkKind } from './wire.ts'

export interface Hold {
  readonly payer: Address
  /** The worker; for inferences through a gateway, the gateway, which picks workers. */
  readonly payee: Address
  readonly kind: WorkKind
  readonly asset: Asset
  /** Wei of the asset that all charges under this hold may reach together. */
  readonly maxAmount: bigint
  /** The last epoch in which a charge counts. */
  readonly expiresEpoch: number
  /** Chosen by the payer, so that two holds of the same shape are two. */
  readonly nonce: bigint
}

export interface AcceptedHold {
  readonly hold: Hold
  readonly payerSignature: Uint8Array
  /** The epoch in which the relayer accepted. */
  readonly epoch: number
  /** The finalised block at which the payer's deposit was read. */
  readonly snapshotBlock: number
  /** Wei of the asset that the relayer counted as taken with this hold: open holds and unsettled charges. */
  readonly openTotal: bigint
  readonly relayerSignature: Uint8Array
}

/** EIP-712 digest of a hold: what the payer signs, and the name by which usage records refer to the hold. */
export function holdDigest(domain: Domain, hold: Hold): Uint8Array {
  return digestOf(domain, HOLD_STRUCT, { ...hold, expiresEpoch: BigInt(hold.expiresEpoch) })
}

export function holdId(domain: Domain, hold: Hold): Hash {
  return hexOf(holdDigest(domain, hold))
}

export function acceptanceDigest(
  domain: Domain,
  accepted: Omit<AcceptedHold, 'payerSignature' | 'relayerSignature'>,
): Uint8Array {
  return digestOf(domain, HOLD_ACCEPTANCE_STRUCT, {
    hold: holdId(domain, accepted.hold),
    payer: accepted.hold.payer,
    epoch: BigInt(accepted.epoch),
    snapshotBlock: BigInt(accepted.snapshotBlock),
    openTotal: accepted.openTotal,
  })
}

/** Whether the payer signed this hold. Spender keys are the escrow's matter: resolve them before asking. */
export function isSignedByPayer(
  domain: Domain,
  hold: Hold,
  signature: Uint8Array,
  crypto: Pick<IdentityCrypto, 'recover'>,
): boolean {
  return crypto.recover(holdDigest(domain, hold), signature) === hold.payer
}

/** Who accepted, or undefined when the signature is nobody's. */
export function acceptedBy(
  domain: Domain,
  accepted: AcceptedHold,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Address | undefined {
  return crypto.recover(acceptanceDigest(domain, accepted), accepted.relayerSignature)
}

export function writeHold(writer: ByteWriter, hold: Hold): ByteWriter {
  return writer
    .hex(hold.payer, 20)
    .hex(hold.payee, 20)
    .uint(hold.kind, 1)
    .uint(hold.asset, 1)
    .uint(hold.maxAmount, 32)
    .uint(hold.expiresEpoch, COUNTER_BYTES)
    .uint(hold.nonce, 32)
}

/** @throws {DecodeError} */
export function readHold(reader: ByteReader): Hold {
  return {
    payer: reader.hex(20),
    payee: reader.hex(20),
    kind: readWorkKind(reader),
    asset: readAsset(reader),
    maxAmount: reader.uint(32),
    expiresEpoch: reader.small(COUNTER_BYTES),
    nonce: reader.uint(32),
  }
}

export function encodeAcceptedHold(accepted: AcceptedHold): Uint8Array {
  return writeHold(new ByteWriter(), accepted.hold)
    .fixed(accepted.payerSignature, SIGNATURE_BYTES)
    .uint(accepted.epoch, COUNTER_BYTES)
    .uint(accepted.snapshotBlock, COUNTER_BYTES)
    .uint(accepted.openTotal, 32)
    .fixed(accepted.relayerSignature, SIGNATURE_BYTES)
    .done()
}

/** @throws {DecodeError} */
export function decodeAcceptedHold(bytes: Uint8Array): AcceptedHold {
  const reader = new ByteReader(bytes)
  return reader.done({
    hold: readHold(reader),
    payerSignature: reader.fixed(SIGNATURE_BYTES),
    epoch: reader.small(COUNTER_BYTES),
    snapshotBlock: reader.small(COUNTER_BYTES),
    openTotal: reader.uint(32),
    relayerSignature: reader.fixed(SIGNATURE_BYTES),
  })
}
