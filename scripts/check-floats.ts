/**
 * No float lies between a venue's string and the signed bytes. Fails with every line of the price path that could make
 * one, unless the line is listed below with the reason why it is none of a price.
 *
 * It reads text, not types: `Number(` on a count is refused as well, and has to give its reason.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Where prices are read, screened, combined, encoded and signed. */
const PRICE_PATH = [
  'protocol/sources/*.ts',
  'protocol/units.ts',
  'protocol/statistics.ts',
  'oracle-node/sources/*.ts',
  'oracle-node/sources/adapters/*.ts',
  'oracle-node/quoting/quoter.ts',
]

const FORBIDDEN =
  /\b(?:Number\(|parseFloat|parseInt|toFixed|toPrecision|toExponential|Math\.(?!max\b|min\b)\w+|Float(?:32|64)Array|getFloat|setFloat)/

/** A line that may stay: the file, a piece of it, and why no price goes through it. */
export interface Allowed {
  readonly file: string
  readonly line: string
  readonly why: string
}

const ALLOWED: readonly Allowed[] = [
  {
    file: 'protocol/units.ts',
    line: 'const exponent = Number(exponentText)',
    why: 'four digits that say where the point stands',
  },
  { file: 'protocol/units.ts', line: 'Math.abs(exponent)', why: 'that number of digits' },
  {
    file: 'protocol/statistics.ts',
    line: 'MAX_CONFIDENCE_BPS : Number(bps)',
    why: 'whole basis points of at most 10,000',
  },
  { file: 'protocol/sources/quote-trace.ts', line: 'Math.floor(nowMs / 1_000)', why: 'a time in seconds' },
  {
    file: 'protocol/sources/commitment.ts',
    line: 'Math.ceil(text.length / WORD_BYTES)',
    why: 'words of a name',
  },
  { file: 'oracle-node/quoting/quoter.ts', line: 'Math.abs(offsetMs)', why: 'a clock offset' },
  {
    file: 'oracle-node/sources/timing.ts',
    line: 'Math.ceil(baseMs',
    why: 'a wait in milliseconds',
  },
  {
    file: 'oracle-node/sources/adapters/rest-calls.ts',
    line: 'Number(header) * 1_000',
    why: 'a wait in seconds',
  },
  {
    file: 'oracle-node/sources/adapters/text-book.ts',
    line: "const micros = Number(data['microtimestamp'])",
    why: 'a time in microseconds',
  },
  {
    file: 'oracle-node/sources/adapters/text-book.ts',
    line: 'Math.floor(micros / 1_000)',
    why: 'a time in milliseconds',
  },
  { file: 'oracle-node/sources/adapters/probe.ts', line: 'Math.round(', why: 'latencies and clock skews' },
]

/** Lines of `source` that make a float and are not allowed to. Comments do not count. */
export function floatsOf(file: string, source: string, allowed: readonly Allowed[] = ALLOWED): string[] {
  const isAllowed = (line: string): boolean =>
    allowed.some(each => each.file === file && line.includes(each.line))
  return source.split('\n').flatMap((line, i) => {
    const code = line.replace(/^\s*(?:\/?\*|\/\/).*$/, '').replace(/\s\/\/ .*$/, '')
    const found = FORBIDDEN.exec(code)
    return found === null || isAllowed(code) ? [] : [`${file}:${i + 1}: ${found[0]} in ${code.trim()}`]
  })
}

/** What is listed as allowed and is no longer there: a reason that outlived its line would cover the next. */
export function unusedOf(
  sources: ReadonlyMap<string, string>,
  allowed: readonly Allowed[] = ALLOWED,
): string[] {
  return allowed.flatMap(({ file, line }) =>
    sources.get(file)?.includes(line) === true ? [] : [`${file}: nothing matches the allowed "${line}"`],
  )
}

function main(): number {
  const files = PRICE_PATH.flatMap(pattern => globSync(pattern, { cwd: ROOT }))
  const sources = new Map(files.map(file => [file, readFileSync(join(ROOT, file), 'utf8')]))
  const problems = [...sources].flatMap(([file, source]) => floatsOf(file, source))
  problems.push(...unusedOf(sources))
  for (const problem of problems) console.error(problem)
  console.log(`floats in the price path: ${files.length} files, ${problems.length} problems`)
  return problems.length > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main()
