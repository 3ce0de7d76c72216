/**
 * An inclusion receipt: a relayer's promise that a batch counts in an epoch. Whoever holds one can make oracle
 * nodes refuse an epoch that lacks the batch.
 *
 * ```
 * epoch 6 | worker 20 | seqFrom 6 | seqTo 6 | batchRoot 32 | signature 64
 * ```
 */
import { type Address, ByteReader, ByteWriter, DecodeError, type Hex } from '../bytes.ts'
import { type Domain, digestOf } from '../domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../identity.ts'
import { leafHash } from '../merkle.ts'
import type { BatchIdentity } from './batch.ts'
import { INCLUSION_RECEIPT_STRUCT } from './structs.ts'
import { abiWords, COUNTER_BYTES } from './wire.ts'

export interface InclusionReceipt extends BatchIdentity {
  readonly epoch: number
}

export interface SignedInclusion {
  readonly receipt: InclusionReceipt
  readonly signature: Uint8Array
}

export function inclusionDigest(domain: Domain, receipt: InclusionReceipt): Uint8Array {
  return digestOf(domain, INCLUSION_RECEIPT_STRUCT, {
    ...receipt,
    epoch: BigInt(receipt.epoch),
    seqFrom: BigInt(receipt.seqFrom),
    seqTo: BigInt(receipt.seqTo),
  })
}

/** The relayer that promised, or undefined when the signature is nobody's. */
export function promisedBy(
  domain: Domain,
  signed: SignedInclusion,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Address | undefined {
  return crypto.recover(inclusionDigest(domain, signed.receipt), signed.signature)
}

/** A batch's leaf in an epoch's `batchesRoot`. */
export function batchLeaf(identity: BatchIdentity): Hex {
  return leafHash(abiWords(identity.worker, identity.seqFrom, identity.seqTo, identity.batchRoot))
}

export function encodeInclusion({ receipt, signature }: SignedInclusion): Uint8Array {
  return new ByteWriter()
    .uint(receipt.epoch, COUNTER_BYTES)
    .hex(receipt.worker, 20)
    .uint(receipt.seqFrom, COUNTER_BYTES)
    .uint(receipt.seqTo, COUNTER_BYTES)
    .hex(receipt.batchRoot, 32)
    .fixed(signature, SIGNATURE_BYTES)
    .done()
}

/** @throws {DecodeError} */
export function decodeInclusion(bytes: Uint8Array): SignedInclusion {
  const reader = new ByteReader(bytes)
  const receipt = {
    epoch: reader.small(COUNTER_BYTES),
    worker: reader.hex(20),
    seqFrom: reader.small(COUNTER_BYTES),
    seqTo: reader.small(COUNTER_BYTES),
    batchRoot: reader.hex(32),
  }
  if (receipt.seqTo < receipt.seqFrom)
    throw new DecodeError('BAD_VALUE', 'a sequence that ends before it starts')
  return reader.done({ receipt, signature: reader.fixed(SIGNATURE_BYTES) })
}
