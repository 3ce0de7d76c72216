import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { ConfigError, type ConfigProblem } from '../../config/error.ts'
import type { Clock } from '../../runtime/clock.ts'
import { type ControlChange, controlChange } from './control.ts'

/** A day; what lasts longer is no scenario. */
const MAX_AT_MS = 86_400_000
const NAME = /^[a-z0-9-]{1,64}$/

const name = z.string().regex(NAME, 'should be lower-case letters, digits and dashes')
const step = controlChange.extend({ atMs: z.number().int().min(0).max(MAX_AT_MS) })

const scenarioSchema = z
  .strictObject({
    name,
    /** What happens, and what a node should make of it. */
    about: z.string().min(1),
    steps: z.array(step).min(1).max(1_000),
  })
  .superRefine(({ steps = [] }, context) => {
    for (const [index, { atMs }] of steps.entries()) {
      if (atMs >= (steps[index - 1]?.atMs ?? 0)) continue
      context.addIssue({
        code: 'custom',
        path: ['steps', index, 'atMs'],
        message: 'should not lie before the step above',
      })
    }
  })

/** What venues do, and when, counted from the moment it begins. */
export interface Scenario {
  readonly name: string
  readonly about: string
  /** In the order of their times. */
  readonly steps: readonly ({ readonly atMs: number } & ControlChange)[]
}

/** The body of `POST /control` that begins a shipped scenario. */
export const scenarioCall = z.strictObject({ scenario: name })

const SHIPPED = join(import.meta.dirname, 'scenarios')

/** Names of the scenarios in `scenarios/`, sorted. */
export function shippedScenarios(): readonly string[] {
  return readdirSync(SHIPPED)
    .filter(file => file.endsWith('.json'))
    .map(file => basename(file, '.json'))
    .sort()
}

/** @throws {ConfigError} when there is none of that name */
export function shippedScenario(wanted: string): Scenario {
  const known = shippedScenarios()
  if (known.includes(wanted)) return loadScenario(join(SHIPPED, `${wanted}.json`))
  throw new ConfigError('scenarios', [
    { path: 'scenario', problem: `there is no scenario "${wanted}"`, hint: `one of ${known.join(', ')}` },
  ])
}

/** @throws {ConfigError} naming everything that is wrong with the file */
export function loadScenario(file: string): Scenario {
  const parsed = scenarioSchema.safeParse(readJson(file))
  if (!parsed.success) throw new ConfigError(file, parsed.error.issues.map(toProblem))
  if (parsed.data.name === basename(file, '.json')) return parsed.data
  const hint = `call it "${basename(file, '.json')}", as the file`
  throw new ConfigError(file, [{ path: 'name', problem: 'is not the name of the file', hint }])
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'is no JSON' : 'cannot be read'
    const hint = error instanceof Error ? error.message : 'give a file that can be read'
    throw new ConfigError(file, [{ path: '', problem, hint }])
  }
}

function toProblem({ path, message }: z.core.$ZodIssue): ConfigProblem {
  return { path: path.join('.'), problem: message, hint: 'see devnet/venues/README.md' }
}

/** Does the first steps before it returns, the others in their time. Resolves early, without error, on `signal`. */
export async function playSteps(
  { steps }: Scenario,
  control: (change: ControlChange) => void,
  clock: Pick<Clock, 'monotonic' | 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = clock.monotonic()
  for (const { atMs, ...change } of steps) {
    const waitMs = startedMs + atMs - clock.monotonic()
    if (atMs > 0 && waitMs > 0) await clock.sleep(waitMs, signal).catch(() => {})
    if (signal.aborted) return
    control(change)
  }
}
