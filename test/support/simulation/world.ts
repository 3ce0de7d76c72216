/** What all parts of a run share. */

import type { RoundTiming } from '../../../protocol/round/timing.ts'
import type { Logger } from '../../../runtime/logger.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import type { Cast } from '../network/cast.ts'
import type { Fault } from './faults.ts'
import type { CrashPoint } from './memory-guard-store.ts'
import type { NodeClock } from './node-clock.ts'
import type { Random } from './random.ts'
import type { SimNetwork, SimPeer } from './sim-network.ts'
import type { SimRegistry } from './sim-registry.ts'
import type { Timeline } from './timeline.ts'
import type { FaultyWeather } from './weather.ts'
import type { Witness } from './witness.ts'

/** As the services load it: what is drawn in it comes from the platform's source of randomness, which is seeded. */
export const frostCrypto = loadNativeFrostCrypto()

export interface World {
  readonly timeline: Timeline
  readonly network: SimNetwork
  readonly registry: SimRegistry
  readonly witness: Witness
  readonly weather: FaultyWeather
  readonly random: Random
  readonly cast: Cast
  readonly timing: RoundTiming
  readonly faults: readonly Fault[]
  readonly startMs: number
  /** All of them, with those that nobody was awake for. */
  readonly rounds: number
  readonly byzantine: ReadonlySet<number>
  readonly byzantineAggregator: number | undefined
}

/** One life of a node: from a start to a crash, or to the end of the run. */
export interface Life {
  readonly name: string
  readonly clock: NodeClock
  readonly peer: SimPeer
  /** What it remembers, in whatever units: a number that has to stay small. */
  remembered(): number
}

/** Ends a life from within: whatever was going on stops there. */
export class Killed extends Error {}

export type AtCrashPoint = (point: CrashPoint) => void

export function loggerOf(world: World, name: string): Logger {
  const write =
    (level: string) =>
    (sentence: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      const round = typeof fields['round'] === 'number' ? fields['round'] : 0
      const error = fields['error'] instanceof Error ? ` (${fields['error'].message})` : ''
      const reason = typeof fields['reason'] === 'string' ? ` ${fields['reason']}` : ''
      world.witness.note(round, `${name} ${level}: ${sentence}${reason}${error}`)
    }
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => logger,
  }
  return logger
}

export function memberName(slot: number): string {
  return `m${slot}`
}

export function aggregatorName(index: number): string {
  return `a${index}`
}
