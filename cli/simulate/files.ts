import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { csvOf } from './output-csv.ts'
import { documentOf, jsonOf } from './output-json.ts'
import { pageOf } from './output-page.ts'
import type { RunOptions, Simulation } from './run.ts'
import type { NamedScenario } from './scenario-file.ts'

export interface FileChoice {
  readonly csv: boolean
  readonly json: boolean
  readonly html: boolean
}

/** Writes the chosen files, named after the scenario, over those of an earlier run. @returns their paths */
export async function writeFiles(
  folder: string,
  named: NamedScenario,
  options: RunOptions,
  simulation: Simulation,
  choice: FileChoice,
): Promise<string[]> {
  const contents: readonly (readonly [keyof FileChoice, () => string])[] = [
    ['csv', () => csvOf(simulation.periods)],
    ['json', () => jsonOf({ ...documentOf(named, options, simulation), periods: simulation.periods })],
    ['html', () => pageOf(named, options, simulation)],
  ]
  await mkdir(folder, { recursive: true })
  const chosen = contents.filter(([kind]) => choice[kind])
  return Promise.all(
    chosen.map(async ([kind, content]) => {
      const file = join(folder, `${named.name}.${kind}`)
      await writeFile(file, content())
      return file
    }),
  )
}
