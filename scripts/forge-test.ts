/**
 * Runs the contracts' own tests with the forge binary of the npm package, offline.
 *
 *     npm run test:contracts                        long fuzz and invariant runs, every shared vector
 *     npm run test:contracts -- --short             short ones, as in npm test
 *     npm run test:contracts -- --match-contract X  whatever else is given goes to forge
 *     npm run test:coverage                         short ones; fails where they run less than 98% of the lines of
 *                                                   contracts/src, and names the lines that they leave out
 *
 * Which is which stands in contracts/foundry.toml under the profiles `full` and `default`. Where that package has no
 * binary (another platform) and none is in PATH, says so and succeeds: the integration tests still run the compiled
 * contracts.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules', '.bin')

const MIN_COVERED_LINES = 0.98

const given = process.argv.slice(2)
const coverage = given.includes('--coverage')
const profile = coverage ? 'coverage' : given.includes('--short') ? 'default' : 'full'
const forwarded = given.filter(each => each !== '--short' && each !== '--coverage')
const folders = [BIN, ...(process.env['PATH'] ?? '').split(delimiter)]
const forge = folders.map(folder => join(folder, 'forge')).find(file => existsSync(file))

if (forge === undefined) {
  console.log('contract tests skipped: no forge binary here (install foundry to run them)')
} else if (coverage) {
  process.exitCode = measure(forge)
} else {
  process.exitCode = run(forge, ['test', ...forwarded])
}

function run(forge: string, args: string[]): number {
  const result = spawnSync(forge, args, {
    cwd: join(ROOT, 'contracts'),
    stdio: 'inherit',
    // contracts/bin/solc must find the project's Node.
    env: { ...process.env, PATH: folders.join(delimiter), FOUNDRY_PROFILE: profile },
  })
  if (result.error !== undefined) console.error(`could not run ${forge}: ${result.error.message}`)
  return result.status ?? 1
}

function measure(forge: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'ionet-coverage-'))
  const file = join(folder, 'lcov.info')
  try {
    const reports = [
      '--exclude-tests',
      '--no-match-coverage',
      'node_modules',
      '--report',
      'summary',
      '--report',
      'lcov',
      '--report-file',
      file,
    ]
    // Without the intermediate representation the stack is too deep. Relative names of what OpenZeppelin imports are not
    // found.
    const settings = ['--ir-minimum', '--remappings', `@openzeppelin/=${ROOT}/node_modules/@openzeppelin/`]
    const status = run(forge, ['coverage', ...settings, ...reports, ...forwarded])
    return status === 0 ? judge(readFileSync(file, 'utf8')) : status
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * LCOV: `SF:file`, then `DA:line,runs` for each line with code. Lines of inline assembly have no position in the
 * intermediate representation and never count as run: they are left out, whichever test runs them.
 */
function judge(lcov: string): number {
  let all = 0
  let missed = 0
  for (const record of lcov.split('end_of_record')) {
    const file = /^SF:(src\/.*)$/m.exec(record)?.[1]
    if (file === undefined) continue
    const assembly = assemblyLines(readFileSync(join(ROOT, 'contracts', file), 'utf8'))
    const lines = [...record.matchAll(/^DA:(\d+),(\d+)/gm)].filter(([, line]) => !assembly.has(Number(line)))
    const without = lines.filter(([, , runs]) => runs === '0').map(([, line]) => line)
    all += lines.length
    missed += without.length
    if (without.length > 0) console.log(`${file}: no test runs ${without.join(', ')}`)
  }
  const covered = all === 0 ? 0 : (all - missed) / all
  console.log(`${(covered * 100).toFixed(2)}% of ${all} lines in contracts/src but for inline assembly`)
  if (covered >= MIN_COVERED_LINES) return 0
  console.error(`less than ${MIN_COVERED_LINES * 100}%`)
  return 1
}

function assemblyLines(source: string): Set<number> {
  const blocks = source.matchAll(/^( *)assembly[^\n]*\{\n[\s\S]*?\n\1\}/gm)
  return new Set(
    [...blocks].flatMap(({ 0: block, index }) => {
      const first = source.slice(0, index).split('\n').length
      return block.split('\n').map((_, offset) => first + offset)
    }),
  )
}
