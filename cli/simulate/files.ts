import { mkdir, mkdtemp, open, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../input-error.ts'
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

const KINDS = ['csv', 'json', 'html'] as const satisfies readonly (keyof FileChoice)[]

/**
 * Finds out, before a run that takes its time, whether its files can be written. Makes the folder, and touches no file.
 *
 * @throws {InputError}
 */
export async function requireWritable(folder: string, name: string, choice: FileChoice): Promise<void> {
  await orInputError(folder, async () => {
    await mkdir(folder, { recursive: true })
    await rmdir(await mkdtemp(join(folder, '.probe-')))
  })
  for (const kind of KINDS.filter(each => choice[each])) {
    const file = fileOf(folder, name, kind)
    await orInputError(file, () => openExisting(file))
  }
}

async function orInputError(path: string, look: () => Promise<void>): Promise<void> {
  try {
    await look()
  } catch (error) {
    const code = codeOf(error) ?? String(error)
    throw new InputError(
      `${path} cannot be written (${code}): give a directory with --out in which you may create and replace files`,
    )
  }
}

/** An earlier run's file, that is written over. */
async function openExisting(file: string): Promise<void> {
  try {
    const handle = await open(file, 'r+')
    await handle.close()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function fileOf(folder: string, name: string, kind: keyof FileChoice): string {
  return join(folder, `${name}.${kind}`)
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
      const file = fileOf(folder, named.name, kind)
      await writeFile(file, content())
      return file
    }),
  )
}
