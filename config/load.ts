import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { z } from 'zod'
import type { Entries, Entry, Values } from './entry.ts'
import { ConfigError, type ConfigProblem } from './error.ts'

/** Environment variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Larger files are not configuration. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

/** Collects what is wrong while one file, and the files it names, are read. */
export class Problems {
  readonly #file: string
  readonly #found: ConfigProblem[] = []
  constructor(file: string) {
    this.#file = file
  }
  add(path: string, problem: string, hint = ''): void {
    this.#found.push({ path, problem, hint })
  }
  /** @throws {ConfigError} when anything was added */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#file, this.#found)
  }
}

/** Parses a JSON file; adds a problem under `path` and gives undefined when that fails. */
export function readJson(file: string, path: string, problems: Problems): unknown {
  if (!existsSync(file)) {
    problems.add(path, `${file} does not exist`, 'check the path; it is relative to the file that names it')
    return undefined
  }
  try {
    const content = readFileSync(file)
    if (content.length > MAX_FILE_BYTES) {
      problems.add(path, `${file} is larger than ${MAX_FILE_BYTES} bytes`)
      return undefined
    }
    return JSON.parse(content.toString('utf8'))
  } catch (error) {
    problems.add(path, `${file} cannot be read as JSON`, error instanceof Error ? error.message : '')
    return undefined
  }
}

/**
 * Takes each entry from the environment, else from the parsed file, else from its default. Adds every problem,
 * unknown keys included. A value with a problem is `undefined` in the result: read none before
 * {@link Problems.throwIfAny}.
 *
 * @param prefix stands before each key in problems, for a file that another one names
 * @param baseDir what paths in the file are relative to; paths in the environment are relative to the working directory
 */
export function readEntries<E extends Entries>(
  entries: E,
  document: unknown,
  options: {
    readonly env: Environment
    readonly baseDir: string
    readonly prefix: string
    readonly problems: Problems
  },
): Values<E> {
  const values: Record<string, unknown> = {}
  const { problems, prefix } = options
  if (document !== undefined && !isObject(document)) {
    problems.add(prefix.replace(/\.$/, ''), 'this is not a JSON object', 'it starts with { and ends with }')
    return values as Values<E>
  }
  for (const [key, entry] of Object.entries(entries)) {
    values[key] = readEntry(key, entry, document, options)
  }
  for (const key of unknownKeys(document ?? {}, entries)) {
    problems.add(`${prefix}${key}`, 'there is no such key', `keys are ${Object.keys(entries).join(', ')}`)
  }
  return values as Values<E>
}

function readEntry(
  key: string,
  entry: Entry<unknown>,
  document: object | undefined,
  options: {
    readonly env: Environment
    readonly baseDir: string
    readonly prefix: string
    readonly problems: Problems
  },
): unknown {
  const fromEnv = entry.variable === undefined ? undefined : options.env[entry.variable]
  const isFromEnv = fromEnv !== undefined && fromEnv !== ''
  const raw = isFromEnv ? entry.fromText(fromEnv) : valueAt(document, key)
  const path = isFromEnv ? `${options.prefix}${key} (${entry.variable})` : `${options.prefix}${key}`
  if (raw === undefined) {
    if (entry.fallback !== undefined) return absolute(entry, entry.fallback.value, options.baseDir)
    if (entry.optional !== true) {
      const where = entry.variable === undefined ? '' : `, or set ${entry.variable}`
      options.problems.add(path, 'is missing', `${entry.about} Give ${entry.expects}${where}`)
    }
    return undefined
  }
  const parsed = entry.schema.safeParse(raw)
  if (parsed.success) return absolute(entry, parsed.data, isFromEnv ? process.cwd() : options.baseDir)
  addIssues(parsed.error, entry, path, raw, options.problems)
  return undefined
}

/** A structured value names the place inside it; a simple one says what was expected. */
function addIssues(
  error: z.ZodError,
  entry: Entry<unknown>,
  path: string,
  raw: unknown,
  problems: Problems,
): void {
  for (const issue of error.issues) {
    const inside = issue.path.map(String).join('.')
    const problem = isObject(raw)
      ? issue.message
      : `${show(issue.path.length > 0 ? at(raw, issue.path) : raw)} is not valid`
    problems.add(inside === '' ? path : `${path}.${inside}`, problem, `give ${entry.expects}`)
  }
}

/** Zod problems of a file that has its own schema, under the key that names it. */
export function addSchemaIssues(error: z.ZodError, prefix: string, problems: Problems): void {
  for (const issue of error.issues) {
    problems.add([prefix, ...issue.path.map(String)].filter(part => part !== '').join('.'), issue.message)
  }
}

/**
 * A file that has its own schema, and stands for itself.
 *
 * @throws {ConfigError} naming everything that is wrong with it
 */
export function readDocument<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  const problems = new Problems(file)
  const document = readJson(file, '', problems)
  problems.throwIfAny()
  const parsed = schema.safeParse(document)
  if (parsed.success) return parsed.data
  addSchemaIssues(parsed.error, '', problems)
  problems.throwIfAny()
  throw parsed.error
}

/** The directory that the paths inside `file` are relative to. */
export function baseDirOf(file: string): string {
  return dirname(resolve(file))
}

function absolute(entry: Entry<unknown>, value: unknown, baseDir: string): unknown {
  if (entry.isPath !== true || typeof value !== 'string') return value
  // A shell expands this where somebody types it; in a file nobody does.
  if (value.startsWith('~/')) return resolve(homedir(), value.slice(2))
  return isAbsolute(value) ? value : resolve(baseDir, value)
}

function valueAt(document: object | undefined, key: string): unknown {
  return at(document, key.split('.'))
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = Object.hasOwn(current, part) ? Reflect.get(current, part) : undefined
  }
  return current
}

function unknownKeys(document: object, entries: Entries, prefix = ''): string[] {
  return Object.entries(document).flatMap(([name, value]) => {
    const key = `${prefix}${name}`
    // `$schema` is for editors.
    if (Object.hasOwn(entries, key) || key === '$schema') return []
    const isSection = Object.keys(entries).some(known => known.startsWith(`${key}.`))
    if (!isSection) return [key]
    return isObject(value) ? unknownKeys(value, entries, `${key}.`) : [key]
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Enough of a wrong value to recognise it. */
function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80)
}
