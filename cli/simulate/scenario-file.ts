import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readDocument } from '../../config/load.ts'
import { InputError } from '../input-error.ts'
import { type Scenario, scenarioSchema } from './scenario.ts'

const FOLDER = new URL('../../config/scenarios/', import.meta.url)

export interface NamedScenario {
  /** Of the file, without its ending. */
  readonly name: string
  readonly scenario: Scenario
}

/** Scenarios that come with the program, by name. */
export function scenarioNames(): string[] {
  return readdirSync(FOLDER)
    .filter(file => file.endsWith('.json'))
    .map(file => basename(file, '.json'))
    .sort()
}

/**
 * @param choice a name that {@link scenarioNames} has, or a file: whatever has a slash or ends in `.json`
 * @throws {InputError} when there is no such name
 * @throws {ConfigError} with everything that is wrong in the file
 */
export function loadScenario(choice: string): NamedScenario {
  const isFile = choice.includes('/') || choice.endsWith('.json')
  if (!isFile && !scenarioNames().includes(choice)) {
    throw new InputError(
      `there is no scenario "${choice}": there are ${scenarioNames().join(', ')}; or give a file, such as ./${choice}.json`,
    )
  }
  const file = isFile ? choice : fileURLToPath(new URL(`${choice}.json`, FOLDER))
  return { name: basename(file, '.json'), scenario: readDocument(file, scenarioSchema) }
}
