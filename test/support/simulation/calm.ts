/** What the network owes when nothing is in its way: every round, and every honest member's quote in it. */
import { aggregatorTurn, roundAt } from '../../../protocol/rounds.ts'
import { aftermathMs, type Fault } from './faults.ts'
import type { Draw } from './simulate.ts'
import { memberName, type World } from './world.ts'

/** A network that has just started has no nonces at hand. */
const FIRST_JUDGED = 3

export interface Liveness {
  /** Calm rounds with an honest aggregator. */
  readonly judged: number
  /** Those of them that nothing excuses. */
  readonly owed: number
  /** Those of these that only all honest members that are there could certify together. */
  readonly neededAll: number
  /** Those that a liar cost, as the protocol admits: indices. */
  readonly lostToLiars: readonly number[]
}

/** Notes violations at the witness; answers what was judged. */
export function judgeLiveness(world: World, drawn: Draw): Liveness {
  const { rounds, startMs, timing, witness } = world
  const lostToLiars: number[] = []
  let [judged, owed, neededAll] = [0, 0, 0]
  let calmSince: number | undefined
  for (let index = FIRST_JUDGED; index < rounds; index++) {
    const round = roundAt(startMs + index * timing.roundMs, timing.roundMs)
    const away = calmBut(world, drawn, round)
    if (away === undefined) {
      calmSince = undefined
      continue
    }
    calmSince ??= index
    if (!hasHonestAggregator(world, round)) continue
    judged += 1
    const excused = witness.isLiedIn(round)
    if (!excused) owed += 1
    if (!excused && needsAll(world, away)) neededAll += 1
    const certified = witness.certifiedIn(round)
    if (certified === undefined) {
      if (excused) lostToLiars.push(index)
      else witness.fail('ROUND_LOST', round, `round ${index}; ${[...away].join(' ') || 'nobody'} away`)
    } else if (certified.quotedIn !== undefined && index >= calmSince + 2 && !excused) {
      for (const [slot] of world.cast.members.entries()) {
        const name = memberName(slot)
        if (!world.byzantine.has(slot) && !away.has(name) && !certified.quotedIn.includes(slot))
          witness.fail('LEFT_BEHIND', round, `round ${index}, ${name}`)
      }
    }
  }
  if (lostToLiars.length * 2 > judged) witness.fail('TOO_MANY_LOST', 0, `${lostToLiars.length} of ${judged}`)
  return { judged, owed, neededAll, lostToLiars }
}

/** The members that cannot be counted on in an otherwise calm round; undefined when it is not calm. */
function calmBut(world: World, drawn: Draw, round: number): ReadonlySet<string> | undefined {
  const { timing, cast } = world
  const fromMs = round * 100
  const toMs = fromMs + 2 * timing.roundMs
  const away = new Set<string>()
  if (drawn.outOfStep !== undefined) away.add(memberName(drawn.outOfStep))
  for (const fault of world.faults) {
    if (fault.kind === 'rotate' || toMs < fault.fromMs || fromMs > aftermathMs(fault, timing.roundMs))
      continue
    if (fault.kind === 'suspend') {
      if (fromMs <= aftermathMs(fault, timing.roundMs)) return undefined
      continue
    }
    if (!isGentle(fault, fromMs, toMs, timing.roundMs)) return undefined
    if ('node' in fault) away.add(fault.node)
  }
  for (const fault of world.faults)
    if (fault.kind === 'suspend' && fault.fromMs <= fromMs) away.add(memberName(fault.slot))
  const f = Math.floor((cast.members.length - 1) / 3)
  const missing = new Set([
    ...[...away].filter(name => name.startsWith('m')),
    ...[...world.byzantine].map(memberName),
  ])
  return missing.size <= f ? away : undefined
}

/** Faults of one member leave the weather calm for the others, but for the moments in which they begin and end. */
function isGentle(fault: Fault, fromMs: number, toMs: number, roundMs: number): boolean {
  if (fault.kind !== 'crash' && fault.kind !== 'clock') return false
  if (!fault.node.startsWith('m') || (fault.kind === 'crash' && fault.point !== 'anywhere')) return false
  const near = (momentMs: number): boolean => fromMs <= momentMs + 2 * roundMs && toMs >= momentMs
  return !near(fault.fromMs) && !near(fault.toMs)
}

function hasHonestAggregator(world: World, round: number): boolean {
  const { primary, backup } = aggregatorTurn(
    roundAt(round * 100, world.timing.roundMs),
    world.timing.roundMs,
    world.cast.aggregators.length,
  )
  return [primary, backup].some(index => index !== world.byzantineAggregator)
}

/** Whether no more than a quorum is there that can be counted on. */
function needsAll({ cast, byzantine, witness }: World, away: ReadonlySet<string>): boolean {
  const out = new Set([...away, ...[...byzantine].map(memberName)].filter(name => name.startsWith('m')))
  return cast.members.length - out.size <= witness.quorum
}
