/** What the beacons of a window say: what its products are made from, and what of them is opened. */
import type { ChallengeContext } from '../../compute/challenge/context.ts'
import type { MatrixSize } from '../../compute/matrix/size.ts'
import type { BeaconInput } from '../../protocol/beacon/input.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { WindowTerms } from '../../protocol/epoch/windows.ts'
import type { ClosedWindow, DeviceWindow } from './window-store.ts'

export interface WindowDeskOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
  readonly size: MatrixSize
}

/** Values that enough members have made; they never change. */
export interface WindowBeacons {
  value(input: BeaconInput): Hash | undefined
  /** Asks members for one that is not there. To be called as often as one likes. */
  want(input: BeaconInput): void
}

/** @param beacon of the window */
export function contextBy(
  { domain, size }: WindowDeskOptions,
  { window, worker, device }: DeviceWindow,
  beacon: Hash,
): ChallengeContext {
  return { domain, worker, device, window: BigInt(window), size, beacon }
}

/** Undefined until enough members have made it: then it is no window, or not yet. */
export function beaconOf(beacons: WindowBeacons, window: number): Hash | undefined {
  return valueOrWant(beacons, { kind: 'window', slot: window })
}

/** What is opened of a closed window. Undefined until enough members that had its root in time have drawn. */
export function drawOf(beacons: WindowBeacons, { window, root }: ClosedWindow): Hash | undefined {
  return valueOrWant(beacons, { kind: 'draw', slot: window, root })
}

function valueOrWant(beacons: WindowBeacons, input: BeaconInput): Hash | undefined {
  const value = beacons.value(input)
  if (value === undefined) beacons.want(input)
  return value
}
