/**
 * Whether a batch is taken in: the one decision that relayers make at the door and that auditors repeat.
 * Cheapest first; the signature last.
 */
import { type Address, DecodeError } from '../bytes.ts'
import type { Domain } from '../domain.ts'
import type { IdentityCrypto } from '../identity.ts'
import {
  type BatchIdentity,
  batchIdentity,
  decodeSignedBatch,
  isBatchSigned,
  lastSequence,
  type SignedBatch,
} from './batch.ts'
import { SEQUENCE_REFUSALS, type SequenceState, takeSequence } from './sequence.ts'

export const BATCH_REFUSALS = ['MALFORMED', 'UNKNOWN_WORKER', ...SEQUENCE_REFUSALS, 'BAD_SIGNATURE'] as const
export type BatchRefusal = (typeof BATCH_REFUSALS)[number]

export type BatchDecision =
  | { readonly accepted: SignedBatch; readonly identity: BatchIdentity; readonly sequence: SequenceState }
  | { readonly refused: BatchRefusal }

export interface BatchContext {
  readonly domain: Domain
  readonly isWorker: (address: Address) => boolean
  readonly sequenceOf: (worker: Address) => SequenceState
  readonly crypto: Pick<IdentityCrypto, 'recover'>
}

export function admitBatch(bytes: Uint8Array, context: BatchContext): BatchDecision {
  const signed = decodeOrUndefined(bytes)
  if (signed === undefined) return { refused: 'MALFORMED' }
  const { batch, signature } = signed
  if (!context.isWorker(batch.worker)) return { refused: 'UNKNOWN_WORKER' }
  const range = { from: batch.seqFrom, to: lastSequence(batch) }
  const decision = takeSequence(context.sequenceOf(batch.worker), range)
  if ('refused' in decision) return { refused: decision.refused }
  const identity = batchIdentity(batch)
  if (!isBatchSigned(context.domain, identity, signature, context.crypto)) return { refused: 'BAD_SIGNATURE' }
  return { accepted: signed, identity, sequence: decision.taken }
}

function decodeOrUndefined(bytes: Uint8Array): SignedBatch | undefined {
  try {
    return decodeSignedBatch(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
