/**
 * How often a device has shown openings: one case waits at a time, few are judged, and what was refused before is
 * refused again without a look.
 */
import type { Hash } from '../../protocol/bytes.ts'
import type { Judgement } from './judge.ts'
import type { DeviceWindow } from './window-store.ts'

/** A device needs one, and another when its computer has made a mistake. */
export const MAX_JUDGEMENTS = 3

export type Verdict = Exclude<Judgement, 'BUSY'>
export type Refuted = Exclude<Verdict, 'PASSED'>

/** What becomes of openings that a device shows. */
export type Turn =
  /** Nothing of the device is waiting: judge, and say when it is done. */
  | 'JUDGE'
  /** Some of the device are waiting already. */
  | 'WAIT'
  | 'TOO_MANY_OPENINGS'
  | { readonly refused: Refuted }

interface Attempts {
  judged: number
  waiting: Hash | undefined
  last: { readonly openings: Hash; readonly verdict: Refuted } | undefined
}

/** One entry of each commitment whose openings were shown, until its epoch is sealed. */
export class OpeningAttempts {
  readonly #windows = new Map<number, Map<string, Attempts>>()

  /** @param openings their hash */
  begin(of: DeviceWindow, openings: Hash): Turn {
    const attempts = this.#of(of)
    if (attempts.waiting !== undefined) return 'WAIT'
    if (attempts.last?.openings === openings) return { refused: attempts.last.verdict }
    if (attempts.judged >= MAX_JUDGEMENTS) return 'TOO_MANY_OPENINGS'
    attempts.waiting = openings
    return 'JUDGE'
  }

  /** @param verdict undefined when there was none: it does not count */
  end(of: DeviceWindow, verdict: Verdict | undefined): void {
    const attempts = this.#windows.get(of.window)?.get(keyOf(of))
    if (attempts?.waiting === undefined) return
    if (verdict !== undefined) {
      attempts.judged += 1
      attempts.last = verdict === 'PASSED' ? undefined : { openings: attempts.waiting, verdict }
    }
    attempts.waiting = undefined
  }

  /** @param window the first one that is still opened */
  forgetBefore(window: number): void {
    for (const known of this.#windows.keys()) if (known < window) this.#windows.delete(known)
  }

  #of(of: DeviceWindow): Attempts {
    const devices = this.#windows.get(of.window) ?? new Map<string, Attempts>()
    this.#windows.set(of.window, devices)
    const known = devices.get(keyOf(of))
    if (known !== undefined) return known
    const fresh: Attempts = { judged: 0, waiting: undefined, last: undefined }
    devices.set(keyOf(of), fresh)
    return fresh
  }
}

function keyOf({ worker, device }: DeviceWindow): string {
  return `${worker} ${device}`
}
