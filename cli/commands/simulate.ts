import { type Command, InvalidArgumentError } from 'commander'
import { print, printJson } from '../output.ts'
import { integer } from '../parsers.ts'
import type { PaidHires, Simulation } from '../simulate/run.ts'

interface SimulateOptions {
  readonly scenario: string
  readonly years: number
  readonly epochLength: number
  readonly seed: number
  readonly out: string
  readonly csv?: boolean
  readonly html?: boolean
  readonly json?: boolean
}

/** Emission ends in year 8; a century shows what comes after, and still runs in a minute. */
const MAX_YEARS = 100
/** As the contracts have it. */
const MAX_EPOCH_SEC = 3_600
/** Shorter ones are for nobody, and a month of them that waits would fill the memory. */
const MIN_EPOCH_SEC = 20
const YEAR_SEC = 31_536_000

/** `ionet simulate`: years of epochs, with the rules that relayer and oracle nodes settle by. */
export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .summary('run the token economics over years, with prices and demand of a scenario')
    .description(
      'run the token economics over years, with the very rules that relayer and oracle nodes settle by: prints a table of years and writes series and plots; stops at the first epoch after which something that must hold does not',
    )
    .option('--scenario <name|file>', 'a scenario that comes with the program, or a JSON file', 'steady')
    .option('--years <number>', 'years of 365 days', integer(1, MAX_YEARS), 10)
    .option('--epoch-length <seconds>', 'has to divide 365 days', epochLength, MAX_EPOCH_SEC)
    .option('--seed <number>', 'starting point of everything random', integer(0, 2 ** 31 - 1), 1)
    .option('--out <directory>', 'where files are written', '.ionet/simulation')
    .option('--csv', 'write only the series as CSV (with --html: only these two)')
    .option('--html', 'write only the page with plots')
    .option('--json', 'print one JSON object in place of the table')
    .action((options: SimulateOptions) => runSimulation(options))
}

function epochLength(text: string): number {
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (seconds < MIN_EPOCH_SEC || seconds > MAX_EPOCH_SEC || YEAR_SEC % seconds !== 0) {
    throw new InvalidArgumentError(
      `Give seconds from ${MIN_EPOCH_SEC} to ${MAX_EPOCH_SEC} that divide 365 days, such as 3600 or 60.`,
    )
  }
  return seconds
}

async function runSimulation(options: SimulateOptions): Promise<void> {
  const [
    { loadScenario },
    { simulate },
    { requireWritable, writeFiles },
    { documentOf },
    { percent, tableOf },
    { systemClock },
  ] = await Promise.all([
    import('../simulate/scenario-file.ts'),
    import('../simulate/run.ts'),
    import('../simulate/files.ts'),
    import('../simulate/output-json.ts'),
    import('../simulate/output-table.ts'),
    import('../../runtime/clock.ts'),
  ])
  const named = loadScenario(options.scenario)
  const { years, epochLength: epochLengthSec, seed } = options
  const run = { years, epochLengthSec, seed }
  const chosen = options.csv === true || options.html === true
  const choice = {
    csv: !chosen || options.csv === true,
    html: !chosen || options.html === true,
    json: !chosen,
  }
  await requireWritable(options.out, named.name, choice)
  const startedAt = systemClock.monotonic()
  const simulation = simulate(named.scenario, run)
  const elapsedMs = Math.round(systemClock.monotonic() - startedAt)

  const document = documentOf(named, run, simulation)
  const files = await writeFiles(options.out, named, run, simulation, choice)
  if (options.json === true) {
    printJson({ ...document, elapsedMs, files })
    return
  }
  print(`${named.name}: ${named.scenario.about}`)
  print(`${simulation.epochs} epochs of ${epochLengthSec} s, seed ${seed}, in ${elapsedMs / 1_000} s\n`)
  print(tableOf(simulation.years))
  print('')
  for (const sentence of remarksOf(simulation, percent)) print(sentence)
  for (const file of files) print(`wrote ${file}`)
}

function remarksOf(simulation: Simulation, percent: (paid: PaidHires) => string): string[] {
  const { epochs, epochsWithoutPrice, epochsSettledLate, worstPaid, digest } = simulation
  const remarks = [`every epoch was checked: identity and invariants 1–5, 9 and 13 hold, to the wei`]
  if (epochsWithoutPrice > 0) remarks.push(`no price in ${epochsWithoutPrice} of ${epochs} epochs`)
  if (epochsSettledLate > 0) {
    remarks.push(
      `${epochsSettledLate} epochs were settled late, each with the same result as at once (invariant 7)`,
    )
  }
  if (worstPaid !== undefined && worstPaid.paid < worstPaid.claimed) {
    remarks.push(
      `IOSD hires asked for more than the pool had for them: in epoch ${worstPaid.epoch} ${percent(worstPaid)} of it was paid`,
    )
  }
  return [...remarks, `state ${digest}`]
}
