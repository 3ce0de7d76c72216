/** A worker's device in a challenge window: what it commits to, and what it opens. */
import {
  commitmentDigest,
  commitmentOf,
  encodeCommitment,
  type SignedCommitment,
} from '../../../compute/challenge/commitment.ts'
import type { ChallengeContext } from '../../../compute/challenge/context.ts'
import { drawOpenings, drawRuleOf } from '../../../compute/challenge/draw.ts'
import { encodeOpenings } from '../../../compute/challenge/openings.ts'
import { encodeSignedOpenings, openingsDigest } from '../../../compute/challenge/openings-signature.ts'
import { openProduct } from '../../../compute/challenge/prove.ts'
import type { Kernel } from '../../../compute/matrix/kernel.ts'
import { matrixSize } from '../../../compute/matrix/size.ts'
import { type Hash, hexOf } from '../../../protocol/bytes.ts'
import { makeProducts, type Work } from '../compute/challenge.ts'
import { addressOf, hash, signAs } from '../epoch/cast.ts'
import { DOMAIN } from '../protocol/network.ts'
import { toldBeacon } from './fake-beacons.ts'

export class ChallengedDevice {
  readonly signed: SignedCommitment
  readonly device: Hash
  readonly #worker: string
  readonly #kernel: Kernel
  readonly #window: number
  readonly #products: readonly Int32Array[]

  /** Makes the products of a window. @param work what it hands in for each: the true product unless told otherwise */
  constructor(
    kernel: Kernel,
    window: number,
    { worker = 'worker', products = 2, work = undefined as Work | undefined } = {},
  ) {
    this.#worker = worker
    this.#kernel = kernel
    this.#window = window
    this.device = hash(`device of ${worker}`)
    const context: ChallengeContext = {
      domain: DOMAIN,
      worker: addressOf(worker),
      device: this.device,
      window: BigInt(window),
      size: matrixSize(64),
      beacon: toldBeacon({ kind: 'window', slot: window }),
    }
    const made = makeProducts(kernel, context, products, work)
    const commitment = commitmentOf(context, made.roots)
    this.#products = made.products
    this.signed = { commitment, signature: signAs(worker, commitmentDigest(DOMAIN, commitment)) }
  }

  get commitment(): Uint8Array {
    return encodeCommitment(this.signed)
  }

  get query(): string {
    return `worker=${this.signed.commitment.worker}&device=${this.device}`
  }

  /** What was drawn. @param root of the window */
  openings(root: Hash): Uint8Array {
    const { roots, size } = this.signed.commitment
    const beacon = toldBeacon({ kind: 'draw', slot: this.#window, root })
    const digest = commitmentDigest(DOMAIN, this.signed.commitment)
    const drawn = drawOpenings(drawRuleOf(size), beacon, digest, roots.length, size)
    return encodeOpenings(
      drawn.map(each =>
        openProduct(this.#kernel, size, this.#products[each.index] ?? new Int32Array(), each),
      ),
    )
  }

  /** As they are posted. @param signer the worker itself unless told otherwise */
  signedOpenings(openings: Uint8Array, signer = this.#worker): Uint8Array {
    const commitment = hexOf(commitmentDigest(DOMAIN, this.signed.commitment))
    const signature = signAs(signer, openingsDigest(DOMAIN, commitment, openings))
    return encodeSignedOpenings({ openings, signature })
  }
}
