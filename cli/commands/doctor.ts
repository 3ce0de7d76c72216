import type { Command } from 'commander'
import { print, printJson } from '../output.ts'
import { duration, url } from '../parsers.ts'
import type { PlanOptions } from '../venues/price-plan.ts'

interface DoctorOptions extends PlanOptions {
  readonly wait: number
  readonly json?: boolean
}

const DEFAULT_WAIT_MS = 10_000
const VENUE_TIMEOUT_MS = 3_000

/** `ionet doctor`: why something does not work, before it is started or while it runs. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('find out why something does not work')
    .command('venues')
    .summary('ask the venues from here, and show what a node would sign now')
    .description(
      'ask the venues from here, each for itself: whether it answers, how fast, its clock, the pairs it lists; then ' +
        'show what each value is worth and what a node would sign now; needs no keys and signs nothing; exit code 1 ' +
        'when a node would abstain',
    )
    .option('--config <file>', 'configuration file of an oracle node')
    .option('--network <file>', 'network file, in place of --config')
    .option('--endpoint <url>', 'venue simulator that stands for all venues', url)
    .option(
      '--wait <time>',
      'how long venues may take to answer, and again to give prices',
      duration,
      DEFAULT_WAIT_MS,
    )
    .option('--json', 'print one JSON object')
    .action((options: DoctorOptions) => runDoctor(options))
}

async function runDoctor(options: DoctorOptions): Promise<void> {
  const { readPricePlan } = await import('../venues/price-plan.ts')
  const { plan, endpoint } = await readPricePlan(options)
  const [{ examine }, { diagnose }, { renderDiagnosis }, { venueExchanges }, { systemClock }] =
    await Promise.all([
      import('../doctor/examine.ts'),
      import('../doctor/diagnosis.ts'),
      import('../doctor/render.ts'),
      import('../../oracle-node/sources/venue-exchanges.ts'),
      import('../../runtime/clock.ts'),
    ])
  const createExchange = venueExchanges(plan, {
    ...(endpoint === undefined ? {} : { endpoint }),
    timeoutMs: Math.min(VENUE_TIMEOUT_MS, options.wait),
    clock: systemClock,
  })
  const seen = await examine(
    { plan, waitMs: options.wait },
    { clock: systemClock, createExchange, random: Math.random },
  )
  const diagnosis = diagnose(seen)
  process.exitCode = diagnosis.verdict.signs ? 0 : 1
  if (options.json === true) return printJson(diagnosis)
  print(renderDiagnosis(diagnosis).join('\n'))
}
