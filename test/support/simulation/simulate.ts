/** One run: everything in it follows from the seed. */
import { quorumOf } from '../../../protocol/quorum.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import { castOf } from '../network/cast.ts'
import { ByzantineAggregator } from './byzantine-aggregator.ts'
import { ByzantineMember, type Character } from './byzantine-member.ts'
import { judgeLiveness, type Liveness } from './calm.ts'
import { CLOSING_ROUNDS, closingFaults, drawFaults, type Fault, isDuring } from './faults.ts'
import { Journal, type JournalLine } from './journal.ts'
import { type CrashPoint, emptyDisk } from './memory-guard-store.ts'
import { Random, withSeededEntropy } from './random.ts'
import { startAggregator } from './sim-aggregator.ts'
import { startMember } from './sim-member.ts'
import { SimNetwork } from './sim-network.ts'
import { dealtKeys, SimRegistry } from './sim-registry.ts'
import { Timeline } from './timeline.ts'
import { FaultyWeather } from './weather.ts'
import { type Violation, Witness } from './witness.ts'
import { aggregatorName, Killed, type Life, memberName, type World } from './world.ts'

export const TIMING: RoundTiming = {
  roundMs: 1_000,
  collectMs: 300,
  backupMs: 200,
  skewMs: 200,
  inclusionMarginMs: 100,
}
/** An even slot: aggregator 0 of two begins. */
export const START_MS = 1_700_000_000_000
/** Everybody is up for this long before the first round that counts. */
const WARM_UP_MS = 2_700
const HANDOVER_SEC = 5
/** Clocks of honest nodes stand this far from true time at most; timers and rounding take the rest of the skew. */
const MOST_OFFSET_MS = 90
/** Far above what any node needs, far below what a leak would reach in a run. */
const REMEMBERED_PER_MEMBER = 12

/** What a run must show for the rest of it to mean anything. */
const LEAST_OWED = 3

export interface SimulationOptions {
  readonly seed: number
  readonly rounds: number
  readonly n: number
  /** Instead of what the seed draws: to find out which of them it takes. */
  readonly faults?: readonly Fault[]
  /** Everybody is honest and in step, whatever the seed draws. */
  readonly honest?: boolean
}

export interface SimulationResult {
  readonly options: SimulationOptions
  readonly hash: string
  readonly lines: number
  readonly certified: number
  /** Indices of the rounds that were. */
  readonly certifiedRounds: readonly number[]
  readonly liveness: Liveness
  readonly faults: readonly Fault[]
  /** Who lies, and how. */
  readonly cast: string
  readonly violations: readonly Violation[]
  /** What happened in the round of the first violation. */
  readonly trace: readonly JournalLine[]
}

export interface Draw {
  readonly aggregators: number
  readonly byzantine: ReadonlyMap<number, Character>
  readonly byzantineAggregator: number | undefined
  readonly offsets: ReadonlyMap<string, number>
  /** A member whose clock is beyond what is tolerated; it takes one of the f places. */
  readonly outOfStep: number | undefined
}

function draw(random: Random, n: number): Draw {
  const f = Math.floor((n - 1) / 3)
  const slots = Array.from({ length: n }, (_, slot) => slot)
  const aggregators = random.chance(0.7) ? 2 : 3
  const liars = random.some(slots, random.chance(0.3) ? 0 : random.int(1, f))
  const wild = random.chance(0.5)
  const byzantine = new Map(
    liars.map(slot => [
      slot,
      { wild, accomplice: wild && random.chance(0.5), copied: !wild && random.chance(0.2) },
    ]),
  )
  const byzantineAggregator = random.chance(0.5) ? random.int(0, aggregators - 1) : undefined
  const names = [
    ...slots.map(memberName),
    ...Array.from({ length: aggregators }, (_, i) => aggregatorName(i)),
  ]
  const offsets = new Map(names.map(name => [name, random.int(-MOST_OFFSET_MS, MOST_OFFSET_MS)]))
  const candidates = slots.filter(slot => !byzantine.has(slot))
  const outOfStep = byzantine.size < f && random.chance(0.4) ? random.pick(candidates) : undefined
  if (outOfStep !== undefined)
    offsets.set(memberName(outOfStep), random.int(250, 3_000) * (random.chance(0.5) ? 1 : -1))
  return { aggregators, byzantine, byzantineAggregator, offsets, outOfStep }
}

function withoutLiars(drawn: Draw): Draw {
  const honest = { byzantine: new Map(), byzantineAggregator: undefined, outOfStep: undefined }
  return { ...drawn, ...honest, offsets: new Map() }
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { n, rounds } = options
  const random = new Random(`${options.seed} ${n}`)
  const seeded = draw(random.fork('cast'), n)
  const drawn = options.honest === true ? withoutLiars(seeded) : seeded
  const cast = castOf(n, drawn.aggregators)
  const keys = await dealtKeys(n, quorumOf(n).q, 2)
  const timeline = new Timeline(START_MS - WARM_UP_MS)
  const registry = new SimRegistry(cast, keys)
  const journal = new Journal()
  const byzantine = new Set(drawn.byzantine.keys())
  const isLiar = (name: string): boolean =>
    [...byzantine].some(slot => memberName(slot) === name) ||
    (drawn.byzantineAggregator !== undefined && aggregatorName(drawn.byzantineAggregator) === name)
  const copied = new Set([...drawn.byzantine].flatMap(([slot, { copied }]) => (copied ? [slot] : [])))
  const witness = new Witness({ timeline, registry, journal, timing: TIMING, n, byzantine, copied, isLiar })
  const unreliable = [...byzantine, ...(drawn.outOfStep === undefined ? [] : [drawn.outOfStep])]
  const members = cast.members.map((_, slot) => memberName(slot))
  const drawnFaults =
    options.faults ??
    drawFaults(random.fork('faults'), {
      startMs: START_MS,
      rounds,
      ...TIMING,
      members,
      unreliable,
      aggregators: cast.aggregators.map((_, index) => aggregatorName(index)),
    })
  const downFirst = new Set(unreliable.map(memberName))
  for (const fault of drawnFaults) if (fault.kind === 'suspend') downFirst.add(memberName(fault.slot))
  const faults = [
    ...drawnFaults,
    ...closingFaults(
      random.fork('closing'),
      { fromMs: START_MS + rounds * TIMING.roundMs, roundMs: TIMING.roundMs },
      { members, first: [...downFirst], count: n - quorumOf(n).q },
    ),
  ]
  const allRounds = rounds + CLOSING_ROUNDS
  const weather = new FaultyWeather(timeline, faults, drawn.offsets, random.fork('weather'))
  const network = new SimNetwork(timeline, weather, {
    gossip: (event, by, from) => {
      if (event === 'reject') witness.rejected(by, from, !isLiar(by) && !isLiar(from))
    },
    banned: (by, peer) => witness.banned(by, peer, !isLiar(by) && !isLiar(peer)),
    answered: () => {},
    unanswered: (asker, by, protocol, code) =>
      witness.note(0, `${asker} got ${code} from ${by} for ${protocol}`),
  })
  const world: World = {
    ...{ timeline, network, registry, witness, weather, cast, timing: TIMING, faults, byzantine },
    rounds: allRounds,
    random: random.fork('world'),
    startMs: START_MS,
    byzantineAggregator: drawn.byzantineAggregator,
  }

  await withSeededEntropy(random.fork('entropy'), async () => {
    const lives = populate(world, drawn)
    const endMs = START_MS + (allRounds + 3) * TIMING.roundMs
    for (
      let untilMs = START_MS;
      untilMs <= endMs && witness.violations.length === 0;
      untilMs += TIMING.roundMs
    ) {
      await timeline.runUntil(untilMs, () => witness.violations.length === 0)
      const most = REMEMBERED_PER_MEMBER * (n + drawn.aggregators)
      for (const life of lives())
        if (life.remembered() > most) witness.fail('UNBOUNDED', roundAt(untilMs, TIMING.roundMs), life.name)
    }
  })
  const liveness =
    witness.violations.length > 0
      ? { judged: 0, owed: 0, neededAll: 0, lostToLiars: [] }
      : judgeLiveness(world, drawn)
  if (witness.violations.length === 0 && (liveness.owed < LEAST_OWED || liveness.neededAll === 0))
    witness.fail('TOO_LITTLE_SHOWN', 0, `${liveness.owed} owed, ${liveness.neededAll} by all`)
  const [first] = witness.violations
  return {
    options,
    hash: journal.digest(),
    lines: journal.count,
    certified: witness.certifiedCount,
    certifiedRounds: Array.from({ length: allRounds }, (_, index) => index).filter(
      index => witness.certifiedIn(roundAt(START_MS + index * TIMING.roundMs, TIMING.roundMs)) !== undefined,
    ),
    liveness,
    faults,
    cast: describe(drawn),
    violations: witness.violations,
    trace: first === undefined ? [] : journal.linesOf(first.round),
  }
}

/** Starts everybody, and lets them die and come back as the faults say. Answers who lives. */
function populate(world: World, drawn: Draw): () => readonly Life[] {
  const { timeline, cast, registry, faults, witness } = world
  const lives = new Map<string, Life>()
  const begun = new Map<string, number>()
  const armed = new Map<string, CrashPoint>()
  const lags = new Map<string, number>()

  const kill = (name: string): void => {
    const life = lives.get(name)
    if (life === undefined) return
    witness.note(0, `${name} dies`)
    life.clock.kill()
    life.peer.kill()
    lives.delete(name)
    armed.delete(name)
  }
  const begin = (name: string, start: (life: number, connectMs: number, viewLagMs: number) => Life): void => {
    const life = (begun.get(name) ?? 0) + 1
    begun.set(name, life)
    const drawnLife = world.random.fork(`life ${name} ${life}`)
    const lagMs = lags.get(name) ?? drawnLife.int(50, 1_500)
    lags.set(name, lagMs)
    if (life > 1) witness.note(0, `${name} comes back`)
    lives.set(name, start(life, life === 1 ? 0 : drawnLife.int(50, 500), lagMs))
  }
  const starts = new Map<string, () => void>()
  for (const [slot] of cast.members.entries()) {
    const name = memberName(slot)
    const disk = emptyDisk()
    const character = drawn.byzantine.get(slot)
    const mask = character === undefined ? {} : new ByzantineMember(world, slot, character)
    const atCrashPoint = (point: CrashPoint): void => {
      if (armed.get(name) !== point) return
      kill(name)
      throw new Killed(point)
    }
    const fail = (): void => {
      starts.delete(name)
      kill(name)
    }
    starts.set(name, () =>
      begin(name, (life, connectMs, viewLagMs) =>
        startMember(world, { slot, disk, atCrashPoint, viewLagMs, connectMs, mask, life, fail }),
      ),
    )
  }
  for (const [index] of cast.aggregators.entries()) {
    const name = aggregatorName(index)
    starts.set(name, () =>
      begin(name, (life, connectMs, viewLagMs) =>
        index === drawn.byzantineAggregator
          ? new ByzantineAggregator(world, index).start()
          : startAggregator(world, { index, viewLagMs, connectMs, life }),
      ),
    )
  }
  for (const fault of faults) {
    if (fault.kind === 'pause') timeline.pause(fault.fromMs, fault.toMs)
    if (fault.kind === 'rotate') registry.rotate(fault.fromMs, HANDOVER_SEC)
    if (fault.kind === 'suspend') registry.suspend(fault.fromMs, fault.slot)
    if (fault.kind !== 'crash') continue
    const { node, point } = fault
    if (drawn.byzantineAggregator !== undefined && node === aggregatorName(drawn.byzantineAggregator))
      continue
    timeline.at(fault.fromMs, () => {
      if (point === 'anywhere') kill(node)
      else if (lives.has(node)) armed.set(node, point)
    })
    timeline.at(fault.toMs, () => {
      armed.delete(node)
      const stillDown = faults.some(
        other => other.kind === 'crash' && other.node === node && isDuring(other, timeline.nowMs),
      )
      if (!lives.has(node) && !stillDown) starts.get(node)?.()
    })
  }
  for (const start of starts.values()) start()
  return () => [...lives.values()]
}

function describe(drawn: Draw): string {
  const liars = [...drawn.byzantine].map(
    ([slot, { wild, accomplice, copied }]) =>
      `m${slot} ${copied ? 'copied' : accomplice ? 'accomplice' : wild ? 'wild' : 'tame'}`,
  )
  const aggregator = drawn.byzantineAggregator === undefined ? [] : [`a${drawn.byzantineAggregator}`]
  const clock = drawn.outOfStep === undefined ? [] : [`m${drawn.outOfStep} out of step`]
  return `${drawn.aggregators} aggregators; ${[...liars, ...aggregator, ...clock].join(', ') || 'all honest'}`
}
