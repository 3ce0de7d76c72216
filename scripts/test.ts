/**
 * Every test: contracts (forge), then everything in TypeScript (mocha). Ends with `N passed, N failed` alone on
 * a line, and exit code 1 when anything failed.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** A runner that has counted ends by itself, unless a test left something open: it would hold the whole run for ever. */
const MAY_TAKE_TO_END_MS = 60_000
/** The summary is looked for in this much of what was printed last. */
const SUMMARY_CHARS = 2_000
const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 }

/**
 * Runs a program and reads the counts from what it prints. The output is shown as it comes, or whole at the end where
 * another program runs beside it.
 */
function run(
  args: readonly string[],
  read: (output: string) => Counts | undefined,
  shown: 'as it comes' | 'at the end' = 'as it comes',
): Promise<Counts> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what its tests have started can be ended with it.
    const child = spawn(process.execPath, args, {
      ...{ cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    })
    const endAll = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal)
      } catch {
        // Nobody of the group is left.
      }
    }
    process.on('SIGINT', endAll).on('SIGTERM', endAll)
    let output = ''
    let ending: NodeJS.Timeout | undefined
    child.stdout.on('data', (chunk: Buffer) => {
      if (shown === 'as it comes') process.stdout.write(chunk)
      output += chunk.toString()
      if (ending !== undefined || !/^\s+\d+ passing/m.test(output.slice(-SUMMARY_CHARS))) return
      ending = setTimeout(() => {
        console.log('\nThe tests are over, and something that they opened is not closed: ended by force.')
        endAll('SIGKILL')
      }, MAY_TAKE_TO_END_MS)
    })
    child.on('error', reject)
    child.on('close', code => {
      clearTimeout(ending)
      process.off('SIGINT', endAll).off('SIGTERM', endAll)
      if (shown === 'at the end') process.stdout.write(output)
      const counts = read(output) ?? NOTHING
      // A runner that dies without counting has failed, whatever it printed.
      const broken = code !== 0 && counts.failed === 0
      resolve(broken ? { ...counts, failed: counts.failed + 1 } : counts)
    })
  })
}

function numberBefore(word: string, output: string): number {
  const last = [...output.matchAll(new RegExp(`^\\s+(\\d+) ${word}\\b`, 'gm'))].at(-1)
  return Number(last?.[1] ?? 0)
}

function readMocha(output: string): Counts {
  return {
    passed: numberBefore('passing', output),
    failed: numberBefore('failing', output),
    skipped: numberBefore('pending', output),
  }
}

function readForge(output: string): Counts | undefined {
  const match = /(\d+) tests? passed, (\d+) failed, (\d+) skipped \(\d+ total tests?\)/.exec(output)
  if (match === null) return undefined
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3]) }
}

const started = performance.now()
const mocha = ['node_modules/mocha/bin/mocha.js']
const PRICES = 'test/integration/{sources,venues}/**/*.test.ts'
// One core has these two, beside tests that know no other time than their own. The compiler of contracts takes minutes when
// nothing is cached; tests of prices wait for the rate limits of venues.
const contracts = run(['scripts/forge-test.ts', '--short'], readForge, 'at the end')
const prices = contracts.then(() => run([...mocha, '--timeout', '120000', PRICES], readMocha, 'at the end'))
const suites = [
  () => run([...mocha, 'test/unit/**/*.test.ts', 'test/property/**/*.test.ts'], readMocha),
  () => run([...mocha, '--timeout', '120000', 'test/simulation/**/*.test.ts'], readMocha),
  () => contracts,
  () => prices,
  () =>
    run([...mocha, '--timeout', '120000', '--ignore', PRICES, 'test/integration/**/*.test.ts'], readMocha),
]
let total = NOTHING
for (const suite of suites) {
  const counts = await suite()
  total = {
    passed: total.passed + counts.passed,
    failed: total.failed + counts.failed,
    skipped: total.skipped + counts.skipped,
  }
}
console.log(`all suites took ${Math.round((performance.now() - started) / 1_000)} s`)
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
