/** Who computes what for whom: everything a challenge is bound to. */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { MatrixSize } from '../matrix/size.ts'

export interface ChallengeContext {
  readonly domain: Domain
  readonly worker: Address
  /** 32 bytes: the device's key as registered. */
  readonly device: Hash
  /** Number of the window, common to all devices. */
  readonly window: bigint
  /** Side of every product of the window: a parameter of the network, so that weights can be added. */
  readonly size: MatrixSize
  /** The window's beacon, 32 bytes, unknown before the window starts. */
  readonly beacon: Hash
}

/**
 * Products of one device in one window. It bounds a commitment to 128 KiB and its seed chain to 4,096 hashes; a
 * device that could make more needs larger products, or a shorter window.
 */
export const MAX_PRODUCTS = 4_096
