/** What goes wrong in a run, and when: drawn from the seed before the run begins, so that it can be cut down. */
import type { CrashPoint } from './memory-guard-store.ts'
import type { Random } from './random.ts'

interface During {
  readonly fromMs: number
  readonly toMs: number
}

export type Fault =
  | (During & { readonly kind: 'loss'; readonly rate: number })
  | (During & { readonly kind: 'delay'; readonly extraMs: number; readonly jitterMs: number })
  /** `oneWay`: the far side still hears the near one. `noticedMs`: from when the connections count as gone. */
  | (During & { readonly kind: 'partition'; readonly side: readonly string[]; readonly noticedMs: number })
  | (During & { readonly kind: 'slow'; readonly node: string; readonly lagMs: number })
  /** Down from `fromMs` to `toMs`. At a commit: the first one after `fromMs`. */
  | (During & { readonly kind: 'crash'; readonly node: string; readonly point: CrashPoint | 'anywhere' })
  /** A clock is set wrong, and right again at `toMs`. */
  | (During & { readonly kind: 'clock'; readonly node: string; readonly offsetMs: number })
  /** Every machine sleeps; the time goes on. */
  | (During & { readonly kind: 'pause' })
  | { readonly kind: 'suspend'; readonly fromMs: number; readonly slot: number }
  | { readonly kind: 'rotate'; readonly fromMs: number }

export interface FaultTerms {
  readonly startMs: number
  readonly rounds: number
  readonly roundMs: number
  readonly skewMs: number
  readonly members: readonly string[]
  readonly aggregators: readonly string[]
  /** Slots of members that cannot be counted on as it is. */
  readonly unreliable: readonly number[]
}

/** Whom the others can do without, and do: exactly a quorum is left, and each of them has to quote and to sign. */
const CLOSING = { downRounds: 8, upRounds: 2 }
export const CLOSING_ROUNDS = 2 * (CLOSING.downRounds + CLOSING.upRounds)

/**
 * After everything else, twice: as many members are down as the others can do without, and not the same honest ones.
 * A round that is certified then shows that all who are there take part again.
 *
 * @param first those that cannot be counted on anyway
 * @param count how many are down at a time
 */
export function closingFaults(
  random: Random,
  { fromMs, roundMs }: { readonly fromMs: number; readonly roundMs: number },
  { members, first, count }: { members: readonly string[]; first: readonly string[]; count: number },
): Fault[] {
  const others = random.some(
    members.filter(name => !first.includes(name)),
    members.length,
  )
  const spare = Math.max(0, count - first.length)
  return [0, 1].flatMap(turn => {
    const beginMs = fromMs + turn * (CLOSING.downRounds + CLOSING.upRounds) * roundMs
    const down = [...first, ...others.slice(turn * spare, (turn + 1) * spare)].slice(0, count)
    return down.map(node => ({
      kind: 'crash' as const,
      node,
      point: 'anywhere' as const,
      fromMs: beginMs,
      toMs: beginMs + CLOSING.downRounds * roundMs,
    }))
  })
}

/** Rounds of a calm and of a storm, by turns. The first stretch is calm, and so is the last. */
const CALM_ROUNDS = 9
const STORM_ROUNDS = 6

export function drawFaults(random: Random, terms: FaultTerms): Fault[] {
  const { startMs, rounds, roundMs } = terms
  const faults: Fault[] = []
  const cycle = CALM_ROUNDS + STORM_ROUNDS
  for (let first = CALM_ROUNDS; first + cycle <= rounds; first += cycle) {
    const fromMs = startMs + first * roundMs
    faults.push(...drawStorm(random.fork(first), { fromMs, toMs: fromMs + STORM_ROUNDS * roundMs }, terms))
  }
  if (rounds >= 20 && random.chance(0.7)) {
    faults.push({
      kind: 'rotate',
      fromMs: startMs + random.int(8, rounds - 8) * roundMs + random.int(0, 999),
    })
  }
  if (random.chance(0.25)) {
    // One of them where there is one: more than f that are missing for good would leave nothing to judge.
    const any = random.int(0, terms.members.length - 1)
    const slot = terms.unreliable.length > 0 ? random.pick(terms.unreliable) : any
    faults.push({ kind: 'suspend', fromMs: startMs + random.int(4, rounds) * roundMs, slot })
  }
  return faults.sort((a, b) => a.fromMs - b.fromMs)
}

function drawStorm(random: Random, storm: During, terms: FaultTerms): Fault[] {
  const faults = Array.from({ length: random.int(1, 4) }, () => drawFault(random, storm, terms))
  return faults
}

/** A part of the storm. */
function part(random: Random, { fromMs, toMs }: During): During {
  const from = random.int(fromMs, toMs - 500)
  return { fromMs: from, toMs: random.int(from + 300, toMs) }
}

function drawFault(random: Random, storm: During, terms: FaultTerms): Fault {
  const everybody = [...terms.members, ...terms.aggregators]
  const during = part(random, storm)
  switch (random.int(0, 8)) {
    case 0:
      return { kind: 'loss', ...during, rate: random.pick([0.05, 0.2, 0.5]) }
    case 1:
      return { kind: 'delay', ...during, extraMs: random.int(0, 400), jitterMs: random.int(0, 400) }
    case 2:
    case 3: {
      const side = random.some(everybody, random.int(1, everybody.length - 1))
      return { kind: 'partition', ...during, side, noticedMs: random.int(0, 2_000) }
    }
    case 4:
      return { kind: 'slow', ...during, node: random.pick(everybody), lagMs: random.int(50, 900) }
    case 5:
    case 6: {
      const point = random.pick(['anywhere', 'before commit', 'after commit'] as const)
      return { kind: 'crash', ...during, node: random.pick(everybody), point }
    }
    case 7:
      return { kind: 'pause', ...during }
    default: {
      const offsetMs = random.int(terms.skewMs, 3_000) * (random.chance(0.5) ? 1 : -1)
      return { kind: 'clock', ...during, node: random.pick(everybody), offsetMs }
    }
  }
}

export function isDuring(fault: During, nowMs: number): boolean {
  return fault.fromMs <= nowMs && nowMs < fault.toMs
}

/** Until when a fault is felt: a node that comes back, a clock that is not yet believed, a view that is read late. */
export function aftermathMs(fault: Fault, roundMs: number): number {
  switch (fault.kind) {
    case 'loss':
    case 'delay':
    case 'slow':
    case 'partition':
    case 'pause':
      return fault.toMs + 2 * roundMs
    case 'crash':
      return fault.toMs + 4 * roundMs
    // A stepped clock is not believed for ten seconds.
    case 'clock':
      return fault.toMs + 10_000 + 3 * roundMs
    case 'suspend':
      return fault.fromMs + 3 * roundMs
    // A rotation costs no round.
    case 'rotate':
      return fault.fromMs
    default:
      return fault satisfies never
  }
}

export function describeFault(fault: Fault): string {
  return JSON.stringify(fault)
}
