/**
 * The verifier's side: is this commitment the worker's, and do its openings hold? Cheapest first. A refusal names the
 * drawn product and the opening in it, so that two auditors can compare notes.
 */
import { bytesOf, equalBytes, type Hash } from '../../protocol/bytes.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../../protocol/identity.ts'
import { type Checker, HASH_BYTES, type Hasher, LEAF_ENTRIES } from '../matrix/kernel.ts'
import type { MatrixSize } from '../matrix/size.ts'
import { commitmentDigest, type SignedCommitment } from './commitment.ts'
import { type ChallengeContext, MAX_PRODUCTS } from './context.ts'
import type { DrawnProduct } from './draw.ts'
import { rowHolds, withinBound } from './freivalds.ts'
import { lengthsOf, type ProductOpening } from './openings.ts'
import { productRoot, seedsOf } from './seeds.ts'
import { bytesToEntries, climb, entryAt, leafIndex, rowRoots } from './tree.ts'

export type CommitmentRefusal =
  /** Made for another worker, device, window or size. */
  'WRONG_CONTEXT' | 'NO_PRODUCTS' | 'TOO_MANY_PRODUCTS' | 'BAD_SIGNATURE'

export type OpeningRefusal =
  /** Not what was drawn: a product, entry or row too few or too many, or of the wrong length. */
  | 'WRONG_SHAPE'
  /** Does not lead to the root that was committed to. */
  | 'BAD_PATH'
  | 'WRONG_ENTRY'
  /** Larger than any product's entry can be. */
  | 'ENTRY_OUT_OF_RANGE'
  | 'WRONG_ROW'

/** Which opening failed: index of the product in the chain, and of the entry or row in the draw. */
export interface OpeningPlace {
  readonly product: number
  readonly kind: 'entry' | 'row' | 'product'
  readonly opening: number
}

export type Verdict =
  /** `weight`: verified products, the whole chain of them. */
  | { readonly ok: true; readonly weight: bigint }
  | { readonly ok: false; readonly code: CommitmentRefusal }
  | { readonly ok: false; readonly code: OpeningRefusal; readonly at: OpeningPlace }

export type VerifyingKernel = Checker & Hasher

/** Whether a commitment counts; nothing of it has been opened yet. */
export function refuseCommitment(
  context: ChallengeContext,
  { commitment, signature }: SignedCommitment,
  crypto: IdentityCrypto,
): CommitmentRefusal | undefined {
  const sameContext =
    commitment.worker.toLowerCase() === context.worker.toLowerCase() &&
    commitment.device.toLowerCase() === context.device.toLowerCase() &&
    commitment.window === context.window &&
    commitment.size === context.size
  if (!sameContext) return 'WRONG_CONTEXT'
  if (commitment.roots.length === 0) return 'NO_PRODUCTS'
  if (commitment.roots.length > MAX_PRODUCTS) return 'TOO_MANY_PRODUCTS'
  if (signature.length !== SIGNATURE_BYTES) return 'BAD_SIGNATURE'
  const signer = crypto.recover(commitmentDigest(context.domain, commitment), signature)
  return signer === context.worker.toLowerCase() ? undefined : 'BAD_SIGNATURE'
}

interface Failure {
  readonly code: OpeningRefusal
  readonly kind: OpeningPlace['kind']
  readonly opening: number
}

function hasDrawnShape(size: MatrixSize, drawn: DrawnProduct, opening: ProductOpening): boolean {
  const lengths = lengthsOf(size)
  return (
    opening.entries.length === drawn.entries.length &&
    opening.rows.length === drawn.rows.length &&
    opening.entries.every(e => e.leaf.length === lengths.leaf && e.path.length === lengths.leafPath) &&
    opening.rows.every(r => r.row.length === lengths.row && r.path.length === lengths.rowPath)
  )
}

/** The first of the hashes, 32 bytes each, that is not the product's committed root. */
function firstOffPath(
  context: ChallengeContext,
  index: number,
  root: Hash,
  arrived: Uint8Array,
): number | undefined {
  if (arrived.length === 0) return undefined
  const first = arrived.subarray(0, HASH_BYTES)
  if (!equalBytes(bytesOf(productRoot(context, index, first)), bytesOf(root))) return 0
  for (let i = 1; i < arrived.length / HASH_BYTES; i++) {
    if (!equalBytes(arrived.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), first)) return i
  }
  return undefined
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function failedEntry(
  kernel: VerifyingKernel,
  context: ChallengeContext,
  root: Hash,
  seed: Uint8Array,
  drawn: DrawnProduct,
  openings: ProductOpening['entries'],
): Failure | undefined {
  const { size } = context
  const hashes = kernel.hashLeaves(joined(openings.map(each => each.leaf)))
  const indices = drawn.entries.map(({ row, col }) => leafIndex(size, row, col))
  const arrived = climb(
    kernel,
    hashes,
    indices,
    openings.map(each => each.path),
  )
  const offPath = firstOffPath(context, drawn.index, root, arrived)
  if (offPath !== undefined) return { code: 'BAD_PATH', kind: 'entry', opening: offPath }
  const expected = kernel.entries(seed, size, drawn.entries)
  const wrong = openings.findIndex(({ leaf }, i) => {
    const place = (drawn.entries[i]?.col ?? 0) % LEAF_ENTRIES
    return entryAt(leaf, place) !== expected[i]
  })
  return wrong < 0 ? undefined : { code: 'WRONG_ENTRY', kind: 'entry', opening: wrong }
}

function failedRow(
  kernel: VerifyingKernel,
  context: ChallengeContext,
  root: Hash,
  seed: Uint8Array,
  drawn: DrawnProduct,
  openings: ProductOpening['rows'],
): Failure | undefined {
  if (openings.length === 0) return undefined
  const { size } = context
  const rows = openings.map(each => bytesToEntries(each.row))
  const tooLarge = rows.findIndex(row => !withinBound(size, row))
  if (tooLarge >= 0) return { code: 'ENTRY_OUT_OF_RANGE', kind: 'row', opening: tooLarge }
  const arrived = climb(
    kernel,
    rowRoots(kernel, size, joined(openings.map(each => each.row))),
    drawn.rows,
    openings.map(each => each.path),
  )
  const offPath = firstOffPath(context, drawn.index, root, arrived)
  if (offPath !== undefined) return { code: 'BAD_PATH', kind: 'row', opening: offPath }
  const combined = kernel.combine(seed, size, drawn.vectors)
  const wrong = rows.findIndex((row, i) => {
    const a = kernel.row(seed, size, 'a', drawn.rows[i] ?? 0)
    return !rowHolds(size, row, a, drawn.vectors, combined)
  })
  return wrong < 0 ? undefined : { code: 'WRONG_ROW', kind: 'row', opening: wrong }
}

/**
 * Checks the openings of an accepted commitment.
 *
 * @param drawn what `drawOpenings` says for this commitment
 */
export function verifyOpenings(
  kernel: VerifyingKernel,
  context: ChallengeContext,
  roots: readonly Hash[],
  drawn: readonly DrawnProduct[],
  openings: readonly ProductOpening[],
): Verdict {
  const seeds = seedsOf(kernel, context, roots, drawn.at(-1)?.index)
  const refused = (product: number, failure: Failure): Verdict => ({
    ok: false,
    code: failure.code,
    at: { product, kind: failure.kind, opening: failure.opening },
  })
  if (openings.length !== drawn.length) {
    const at = Math.min(openings.length, drawn.length)
    return refused(drawn[at]?.index ?? 0, { code: 'WRONG_SHAPE', kind: 'product', opening: at })
  }
  for (const [place, product] of drawn.entries()) {
    const opening = openings[place]
    const [root, seed] = [roots[product.index], seeds[product.index]]
    const fits = opening !== undefined && root !== undefined && seed !== undefined
    if (!fits || !hasDrawnShape(context.size, product, opening)) {
      return refused(product.index, { code: 'WRONG_SHAPE', kind: 'product', opening: place })
    }
    const failure =
      failedEntry(kernel, context, root, seed, product, opening.entries) ??
      failedRow(kernel, context, root, seed, product, opening.rows)
    if (failure !== undefined) return refused(product.index, failure)
  }
  return { ok: true, weight: BigInt(roots.length) }
}
