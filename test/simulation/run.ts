/**
 * Many runs of the simulated consensus:
 *
 *   node test/simulation/run.ts [--seed N] [--seeds COUNT] [--rounds R] [--n N] [--keep]
 *
 * Says the seed and the hash of each run's events. A run that breaks an invariant is cut down to the fewest faults
 * that still break it, its round is told line by line, and the exit code is 1; `--keep` adds it to seeds.json, which
 * the tests replay before anything else.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeFault, type Fault } from '../support/simulation/faults.ts'
import { type SimulationResult, simulate } from '../support/simulation/simulate.ts'
import { INVARIANTS } from '../support/simulation/witness.ts'
import { type KeptSeed, SEEDS_FILE } from './kept-seeds.ts'

/** Each attempt is a run; most failures are down to one or two faults long before. */
const MOST_CUTS = 60

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '40' },
    n: { type: 'string', default: '4' },
    keep: { type: 'boolean', default: false },
  },
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function summary({ options, hash, lines, certified, liveness, cast }: SimulationResult): string {
  const lost = liveness.lostToLiars.length
  return (
    `seed ${options.seed} n ${options.n} rounds ${options.rounds} events ${hash.slice(0, 16)} (${lines}) ` +
    `certified ${certified}, calm ${liveness.judged}${lost > 0 ? `, ${lost} lost to liars` : ''} | ${cast}`
  )
}

/** Leaves out fault after fault for as long as the same invariant breaks without it. */
async function cutDown(failed: SimulationResult): Promise<SimulationResult> {
  let smallest = failed
  const invariant = failed.violations[0]?.invariant
  const tried = new Set<Fault>()
  for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
    const candidate = smallest.faults.find(fault => !tried.has(fault))
    if (candidate === undefined) break
    tried.add(candidate)
    const faults = smallest.faults.filter(fault => fault !== candidate)
    const shorter = await simulate({ ...failed.options, faults })
    if (shorter.violations[0]?.invariant === invariant) smallest = shorter
  }
  return smallest
}

function tell({ violations, faults, trace }: SimulationResult): void {
  for (const { invariant, round, detail } of violations.slice(0, 5))
    say(`  ${invariant} in round ${round}: ${INVARIANTS[invariant]} (${detail})`)
  say(faults.length === 0 ? '  without any fault' : '  with these faults:')
  for (const fault of faults) say(`    ${describeFault(fault)}`)
  const startMs = (violations[0]?.round ?? 0) * 100
  for (const line of trace) say(`  ${(line.timeMs - startMs).toFixed(1).padStart(8)} ms  ${line.text}`)
}

function keep(kept: KeptSeed): void {
  const all = JSON.parse(readFileSync(SEEDS_FILE, 'utf8')) as KeptSeed[]
  writeFileSync(SEEDS_FILE, `${JSON.stringify([...all, kept], null, 2)}\n`)
}

const [first, count, rounds, n] = [values.seed, values.seeds, values.rounds, values.n].map(Number)
if (first === undefined || count === undefined || rounds === undefined || n === undefined)
  throw new RangeError('numbers only')
const startedMs = performance.now()
let failures = 0
for (let seed = first; seed < first + count; seed++) {
  const result = await simulate({ seed, rounds, n })
  say(summary(result))
  const [violation] = result.violations
  if (violation === undefined) continue
  failures += 1
  tell(await cutDown(result))
  if (values.keep) keep({ seed, rounds, n, broke: violation.invariant })
}
const seconds = (performance.now() - startedMs) / 1_000
say(`${count} runs, ${failures} failed, ${((count * rounds) / seconds).toFixed(1)} rounds a second`)
process.exitCode = failures > 0 ? 1 : 0
