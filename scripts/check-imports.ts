/**
 * Imports point one way. Fails with every import that does not.
 *
 * Each folder names all it may import from; what is not listed is forbidden. The services of the network never
 * import one another, and what runs in a browser knows nothing but the protocol.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const PURE = ['protocol', 'compute']
const BASE = [...PURE, 'runtime', 'chain', 'config', 'member']

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  compute: ['protocol'],
  runtime: PURE,
  chain: [...PURE, 'runtime'],
  config: [...PURE, 'runtime', 'chain'],
  member: [...PURE, 'runtime', 'chain', 'config'],
  'oracle-node': BASE,
  aggregator: BASE,
  relayer: BASE,
  // Workers, gateways and payers are customers of the relayer as anybody else is.
  worker: [...BASE, 'sdk'],
  gateway: [...BASE, 'sdk'],
  sdk: ['protocol'],
  dashboard: ['protocol'],
  // The venue simulator answers in the formats that the oracle node's adapters read, and names them alike.
  devnet: [...BASE, 'oracle-node', 'dashboard', 'sdk'],
  cli: [...BASE, 'oracle-node', 'aggregator', 'relayer', 'worker', 'gateway', 'devnet', 'sdk'],
}
/** Pure folders also stay away from the machine they run on. */
const NO_NODE = new Set(['protocol', 'compute', 'sdk'])

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\s*\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g

function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].flatMap(match => match[1] ?? match[2] ?? match[3] ?? [])
}

function problemsOf(file: string): string[] {
  const folder = file.split(sep)[0] ?? ''
  const allowed = MAY_IMPORT[folder]
  if (allowed === undefined) return []
  return importsOf(readFileSync(join(ROOT, file), 'utf8')).flatMap(specifier => {
    if (specifier.startsWith('node:')) {
      return NO_NODE.has(folder) ? [`${file}: ${folder} is pure and must not import ${specifier}`] : []
    }
    if (!specifier.startsWith('.')) return []
    const target = normalize(relative(ROOT, join(ROOT, dirname(file), specifier))).split(sep)[0] ?? ''
    if (target === folder || allowed.includes(target)) return []
    return [`${file}: ${folder} must not import from ${target} (${specifier})`]
  })
}

const folders = Object.keys(MAY_IMPORT)
const files = folders.flatMap(folder =>
  globSync(`${folder}/**/*.{ts,tsx}`, { cwd: ROOT, exclude: path => path.includes('node_modules') }),
)
const problems = files.flatMap(problemsOf)
for (const problem of problems) console.error(problem)
console.log(`import directions: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
