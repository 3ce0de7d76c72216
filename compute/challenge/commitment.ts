/**
 * What a worker says it has made, before anybody knows what will be opened. Everything that the draw depends on is in
 * the digest, so a worker cannot choose among draws.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  type Address,
  ByteReader,
  ByteWriter,
  bytesToBigint,
  DecodeError,
  type Hash,
  hexOf,
} from '../../protocol/bytes.ts'
import { type Domain, digestOf, type StructType } from '../../protocol/domain.ts'
import { SIGNATURE_BYTES } from '../../protocol/identity.ts'
import { EMPTY_ROOT, leafHash, merkleRoot } from '../../protocol/merkle.ts'
import { isMatrixSize, type MatrixSize } from '../matrix/size.ts'
import { type ChallengeContext, MAX_PRODUCTS } from './context.ts'

export interface Commitment {
  readonly worker: Address
  readonly device: Hash
  readonly window: bigint
  readonly size: MatrixSize
  /** root_k of each product in order; their number is K. */
  readonly roots: readonly Hash[]
}

export interface SignedCommitment {
  readonly commitment: Commitment
  /** 64 bytes, by the worker's identity. */
  readonly signature: Uint8Array
}

export const COMMITMENT_STRUCT = {
  name: 'ChallengeCommitment',
  fields: [
    { name: 'worker', type: 'address' },
    { name: 'device', type: 'bytes32' },
    { name: 'window', type: 'uint64' },
    { name: 'size', type: 'uint32' },
    { name: 'products', type: 'uint32' },
    { name: 'rootsHash', type: 'bytes32' },
  ],
} as const satisfies StructType

export function commitmentOf(context: ChallengeContext, roots: readonly Hash[]): Commitment {
  const { worker, device, window, size } = context
  return { worker, device, window, size, roots }
}

/** EIP-712 digest that the worker signs. */
export function commitmentDigest(domain: Domain, commitment: Commitment): Uint8Array {
  const { worker, device, window, size, roots } = commitment
  const all = roots.reduce((writer, root) => writer.hex(root, 32), new ByteWriter()).done()
  return digestOf(domain, COMMITMENT_STRUCT, {
    ...{ worker, device, window, size },
    products: roots.length,
    rootsHash: hexOf(keccak_256(all)),
  })
}

/**
 * One root over all commitments of a window (or of an epoch), in any order: what a relayer sends at the deadline. What
 * is not under a root received in time does not count.
 */
export function commitmentsRoot(digests: readonly Uint8Array[]): Hash {
  return digests.length === 0 ? EMPTY_ROOT : merkleRoot(digests.map(digest => leafHash(hexOf(digest))))
}

/** `worker 20 | device 32 | window 8 | size 2 | K 2 | roots 32 each | signature 64` */
export function encodeCommitment({ commitment, signature }: SignedCommitment): Uint8Array {
  const writer = new ByteWriter()
    .hex(commitment.worker, 20)
    .hex(commitment.device, 32)
    .uint(commitment.window, 8)
    .uint(commitment.size, 2)
    .uint(commitment.roots.length, 2)
  for (const root of commitment.roots) writer.hex(root, 32)
  return writer.fixed(signature, SIGNATURE_BYTES).done()
}

/** @throws {DecodeError} */
export function decodeCommitment(bytes: Uint8Array): SignedCommitment {
  const reader = new ByteReader(bytes)
  const worker = reader.hex(20)
  const device = reader.hex(32)
  const window = bytesToBigint(reader.fixed(8))
  const size = reader.small(2)
  if (!isMatrixSize(size)) throw new DecodeError('BAD_VALUE', `no product has the side ${size}`)
  const count = reader.small(2)
  if (count > MAX_PRODUCTS) throw new DecodeError('TOO_LONG', `${count} products, at most ${MAX_PRODUCTS}`)
  const roots = Array.from({ length: count }, () => reader.hex(32))
  const signature = reader.fixed(SIGNATURE_BYTES)
  return reader.done({ commitment: { worker, device, window, size, roots }, signature })
}
