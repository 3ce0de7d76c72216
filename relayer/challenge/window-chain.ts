/** What the blocks of a window say: what its products are made from, and what of them is opened. */
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import type { MatrixSize } from '../../compute/matrix/size.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  drawBeacon,
  drawSec,
  slotStartSec,
  type WindowTerms,
  windowBeacon,
} from '../../protocol/epoch/windows.ts'
import type { Beacons, ClosedWindow, DeviceWindow } from './window-store.ts'

export interface WindowDeskOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
  readonly size: MatrixSize
}

export type WindowBlocks = Pick<SettlementReader, 'lastBlockBefore' | 'firstBlockFrom'>

/** @param beacon of the window */
export function contextBy(
  { domain, size }: WindowDeskOptions,
  { window, worker, device }: DeviceWindow,
  beacon: Hash,
): ChallengeContext {
  return { domain, worker, device, window: BigInt(window), size, beacon }
}

/** Undefined while the block ahead of the window cannot be told. */
export async function beaconOf(
  { domain, terms }: WindowDeskOptions,
  blocks: WindowBlocks,
  window: number,
): Promise<Hash | undefined> {
  const seed = await blocks.lastBlockBefore(slotStartSec(terms, window))
  return seed === undefined ? undefined : windowBeacon(domain, window, seed.hash)
}

/** As the chain is now; undefined while the block of the draw is not there. */
export async function beaconsOf(
  options: WindowDeskOptions,
  blocks: WindowBlocks,
  { window, root }: ClosedWindow,
): Promise<(Beacons & { readonly final: boolean }) | undefined> {
  const [beacon, drawn] = await Promise.all([
    beaconOf(options, blocks, window),
    blocks.firstBlockFrom(drawSec(options.terms, window)),
  ])
  if (beacon === undefined || drawn === undefined) return undefined
  return { window: beacon, draw: drawBeacon(root, drawn.hash), final: drawn.finalised }
}
