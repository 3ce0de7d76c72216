import type { RunOptions, Simulation } from './run.ts'
import type { NamedScenario } from './scenario-file.ts'

/** A run as one JSON document: wei as decimal digits, as bigints are printed everywhere. */
export interface SimulationDocument extends Omit<Simulation, 'periods'> {
  readonly scenario: string
  readonly about: string
  readonly options: RunOptions
}

/** Without the series: that is in the files. */
export function documentOf(
  { name, scenario }: NamedScenario,
  options: RunOptions,
  { periods: _, ...simulation }: Simulation,
): SimulationDocument {
  return { scenario: name, about: scenario.about, options, ...simulation }
}

export function jsonOf(value: unknown): string {
  return `${JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item), 1)}\n`
}
