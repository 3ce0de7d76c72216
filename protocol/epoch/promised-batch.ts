/**
 * A relayer's promise together with the batch that it is for. Only both bind: whoever is shown a promise without the
 * batch could ask for a line that nobody has, and an epoch would never be settled.
 *
 * ```
 * inclusion 134 | signed batch
 * ```
 */
import { type Address, DecodeError } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../identity.ts'
import {
  type BatchIdentity,
  batchIdentity,
  decodeSignedBatch,
  encodeSignedBatch,
  isBatchSigned,
  MAX_BATCH_BYTES,
  type SignedBatch,
} from '../usage/batch.ts'
import { decodeInclusion, encodeInclusion, promisedBy, type SignedInclusion } from '../usage/inclusion.ts'
import { FIRST_SEQUENCE, type SequenceState, takeSequence } from '../usage/sequence.ts'
import type { WorkerSequence } from './state.ts'

export interface PromisedBatch {
  readonly inclusion: SignedInclusion
  readonly batch: SignedBatch
}

/** Epoch, worker, first and last number, root, signature. */
export const INCLUSION_BYTES = 6 + 20 + 6 + 6 + 32 + SIGNATURE_BYTES
export const MAX_PROMISED_BYTES = INCLUSION_BYTES + MAX_BATCH_BYTES

export function encodePromised({ inclusion, batch }: PromisedBatch): Uint8Array {
  const [head, tail] = [encodeInclusion(inclusion), encodeSignedBatch(batch)]
  const bytes = new Uint8Array(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}

/** @throws {DecodeError} */
export function decodePromised(bytes: Uint8Array): PromisedBatch {
  if (bytes.length > MAX_PROMISED_BYTES)
    throw new DecodeError('TOO_LONG', `a promised batch of ${bytes.length} bytes`)
  return {
    inclusion: decodeInclusion(bytes.slice(0, INCLUSION_BYTES)),
    batch: decodeSignedBatch(bytes.slice(INCLUSION_BYTES)),
  }
}

export const PROMISE_REFUSALS = ['NOT_PROMISED', 'UNKNOWN_WORKER', 'OTHER_BATCH', 'BAD_SIGNATURE'] as const
/**
 * NOT_PROMISED: no registered relayer signed the promise. OTHER_BATCH: it is for another batch than this one.
 * BAD_SIGNATURE: its worker did not sign the batch.
 */
export type PromiseRefusal = (typeof PROMISE_REFUSALS)[number]

export interface PromiseContext {
  readonly domain: Domain
  readonly isRelayer: (address: Address) => boolean
  readonly isWorker: (address: Address) => boolean
  readonly crypto: Pick<IdentityCrypto, 'recover'>
}

/** Whether a promise binds whoever settles its epoch: cheapest first, the hashes of all records last. */
export function checkPromised(
  { inclusion, batch }: PromisedBatch,
  { domain, isRelayer, isWorker, crypto }: PromiseContext,
): { readonly refused: PromiseRefusal } | { readonly relayer: Address } {
  const { receipt } = inclusion
  if (receipt.worker !== batch.batch.worker || receipt.seqFrom !== batch.batch.seqFrom)
    return { refused: 'OTHER_BATCH' }
  if (!isWorker(receipt.worker)) return { refused: 'UNKNOWN_WORKER' }
  const relayer = promisedBy(domain, inclusion, crypto)
  if (relayer === undefined || !isRelayer(relayer)) return { refused: 'NOT_PROMISED' }
  const identity = batchIdentity(batch.batch)
  if (batchName(identity) !== batchName(receipt)) return { refused: 'OTHER_BATCH' }
  if (!isBatchSigned(domain, identity, batch.signature, crypto)) return { refused: 'BAD_SIGNATURE' }
  return { relayer }
}

/** Two batches of the same name are the same batch. */
export function batchName({ worker, seqFrom, seqTo, batchRoot }: BatchIdentity): string {
  return `${worker} ${seqFrom} to ${seqTo} ${batchRoot}`
}

/**
 * The numbers that an epoch's batches have left. A worker can have signed two batches under the same numbers, and two
 * relayers, or one that lost its disk, can have promised both: one of them at most can count, so the other binds
 * nobody once the first is in. The relayer who adds promised batches and the auditors who miss them ask the same.
 */
export class FreeNumbers {
  readonly #sequences: Map<Address, SequenceState>

  /** @param opening what the epoch before left */
  constructor(opening: readonly WorkerSequence[]) {
    this.#sequences = new Map(opening.map(({ worker, sequence }) => [worker, sequence]))
  }

  admits(identity: BatchIdentity): boolean {
    return 'taken' in this.#decide(identity)
  }

  /** Whether they were free; they are no longer. */
  take(identity: BatchIdentity): boolean {
    const decision = this.#decide(identity)
    if (!('taken' in decision)) return false
    this.#sequences.set(identity.worker, decision.taken)
    return true
  }

  /** What is in already came in another order than it is sorted in: on the way there may be more gaps than at the end. */
  note({ worker, seqFrom, seqTo }: BatchIdentity): void {
    const state = this.#sequences.get(worker) ?? FIRST_SEQUENCE
    const decision = takeSequence(state, { from: seqFrom, to: seqTo }, Number.POSITIVE_INFINITY)
    if ('taken' in decision) this.#sequences.set(worker, decision.taken)
  }

  #decide({ worker, seqFrom, seqTo }: BatchIdentity) {
    return takeSequence(this.#sequences.get(worker) ?? FIRST_SEQUENCE, { from: seqFrom, to: seqTo })
  }
}
