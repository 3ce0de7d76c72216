import { type BeaconInput, inputKey } from '../../../protocol/beacon/input.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { drawSec, slotStartSec } from '../../../protocol/epoch/windows.ts'
import type { WindowBeacons } from '../../../relayer/challenge/window-beacons.ts'
import { hash } from '../epoch/cast.ts'
import type { FakeChain } from './fake-chain.ts'
import { windowTermsOf } from './intake-world.ts'

/** The value that an input has here: nobody made it, but it is as good as any. */
export function toldBeacon(input: BeaconInput): Hash {
  return hash(`beacon of ${inputKey(input)}`)
}

/** Beacons that are there as soon as the chain's time has come; none while too few members are up. */
export class FakeBeacons implements WindowBeacons {
  /** Too few members are up to make this kind. */
  silent: BeaconInput['kind'] | undefined
  readonly wanted: BeaconInput[] = []
  readonly #chain: FakeChain

  constructor(chain: FakeChain) {
    this.#chain = chain
  }

  value(input: BeaconInput): Hash | undefined {
    const terms = windowTermsOf(this.#chain)
    const fromSec = input.kind === 'draw' ? drawSec(terms, input.slot) : slotStartSec(terms, input.slot)
    if (this.#chain.latestSec < fromSec || input.kind === this.silent) return undefined
    return toldBeacon(input)
  }

  want(input: BeaconInput): void {
    this.wanted.push(input)
  }
}
