/** Whether the windows of a bundle were challenge windows: the chain's blocks tell. */
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import type { NetworkConfig } from '../../config/network.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import {
  epochOfSlot,
  isWindow,
  slotStartSec,
  type WindowTerms,
  windowBeacon,
} from '../../protocol/epoch/windows.ts'

/** A sentence about the first that was none; undefined when all were. */
export async function wrongWindowOf(
  { header, windows }: EpochBundle,
  network: Pick<NetworkConfig, 'challengeSlotSec' | 'challengeEvery' | 'challengeGraceSec'>,
  reader: Pick<SettlementReader, 'clock' | 'lastBlockBefore'>,
): Promise<string | undefined> {
  const terms: WindowTerms = {
    clock: reader.clock,
    slotSec: network.challengeSlotSec,
    every: network.challengeEvery,
    graceSec: network.challengeGraceSec,
  }
  for (const { window } of windows) {
    const block = await reader.lastBlockBefore(slotStartSec(terms, window))
    if (block === undefined) return `window ${window} begins before the chain does, or after its newest block`
    if (epochOfSlot(terms, window) !== header.epoch)
      return `window ${window} is of epoch ${epochOfSlot(terms, window)}, not ${header.epoch}`
    if (!isWindow(terms, window, windowBeacon(header.domain, window, block.hash)))
      return `slot ${window} was no challenge window by block ${block.number}`
  }
  return undefined
}
