/** What goes between a worker's process and its compute threads. Plain values: they are copied on the way. */
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import type { DrawRule } from '../../compute/challenge/draw.ts'
import type { Completion, CompletionRequest } from '../../compute/model/complete.ts'
import type { Hash } from '../../protocol/bytes.ts'

/** Makes products, one after the other, until there are enough or the next would not be done in time. */
export interface ProductsJob {
  readonly kind: 'products'
  readonly context: ChallengeContext
  readonly maxProducts: number
  /** From when the thread takes the job up. */
  readonly budgetMs: number
}

/** Makes the drawn products again and opens them. */
export interface OpenJob {
  readonly kind: 'open'
  readonly context: ChallengeContext
  readonly roots: readonly Hash[]
  readonly rule: DrawRule
  /** The beacon that drew. */
  readonly drawBeacon: Hash
  readonly commitmentDigest: Uint8Array
}

export interface CompleteJob extends CompletionRequest {
  readonly kind: 'complete'
}

export type Job = ProductsJob | OpenJob | CompleteJob

export interface Results {
  /** Roots of the products in order; fewer than asked for when time ran out or the job was ended. */
  readonly products: readonly Hash[]
  /** Encoded openings. */
  readonly open: Uint8Array
  readonly complete: Completion
}

export type ToThread =
  | { readonly id: number; readonly job: Job }
  | { readonly id: number; readonly end: true }

export type FromThread =
  | { readonly id: number; readonly result: Results[Job['kind']] }
  | { readonly id: number; readonly error: string }
