import { type Command, Option } from 'commander'
import type { Devnet } from '../../devnet/devnet.ts'
import {
  type DevnetOptions,
  MAX_AGGREGATORS,
  MAX_ORACLES,
  MAX_PORT,
  MAX_WORKERS,
} from '../../devnet/options.ts'
import { print, printJson } from '../output.ts'
import { duration, integer } from '../parsers.ts'

interface DevnetCommandOptions extends DevnetOptions {
  readonly for?: number
  readonly json?: boolean
  readonly verbose?: boolean
}

/** {@link endRun} divides it: nodes, summary, and saving the chain each have their part. */
const STOP_DEADLINE_MS = 5_000

/** `ionet devnet`: a whole network on this machine. */
export function addDevnetCommand(program: Command): void {
  program
    .command('devnet')
    .summary('run a whole network on this machine')
    .description(
      'run a whole network on this machine: chain, contracts, venues, oracle nodes, aggregators, relayer, gateway, workers, payers, page',
    )
    .option('--for <time>', 'stop after this time, such as 60s, with exit code 1 if a check failed', duration)
    .option('--json', 'print a summary as the last line, and the log to standard error')
    .option(
      '--port <port>',
      'port of the page; the others are counted from it',
      integer(1_024, MAX_PORT),
      4_600,
    )
    .option('--oracles <number>', 'oracle nodes', integer(1, MAX_ORACLES), 4)
    .option('--aggregators <number>', 'aggregators', integer(1, MAX_AGGREGATORS), 2)
    .option('--workers <number>', 'GPU workers', integer(1, MAX_WORKERS), 2)
    .option('--seed <number>', 'starting point of the simulated prices', integer(0, 2 ** 31 - 1), 1)
    .addOption(
      new Option('--venues <kind>', 'where prices come from; auto: live ones when they can be reached')
        .choices(['auto', 'live', 'simulated'])
        .default('auto'),
    )
    .option('--dir <directory>', 'working directory, emptied at the start', '.ionet/devnet')
    .option('--verbose', 'show debug lines too')
    .action((options: DevnetCommandOptions) => runDevnet(options))
}

async function runDevnet(options: DevnetCommandOptions): Promise<void> {
  // What loading this program took belongs to the time that the user waits for the first price.
  const startedAt = 0
  const [
    { createDevnet },
    { createLogView },
    { createLogger },
    { createMetrics },
    { runService },
    { systemClock },
  ] = await Promise.all([
    import('../../devnet/devnet.ts'),
    import('../../devnet/log-view.ts'),
    import('../../runtime/logger.ts'),
    import('../../runtime/metrics.ts'),
    import('../../runtime/process.ts'),
    import('../../runtime/clock.ts'),
  ])
  const log = options.json === true ? process.stderr : process.stdout
  const level = options.verbose === true ? 'debug' : 'info'
  const view = createLogView({
    write: line => log.write(`${line}\n`),
    level,
    color: log.isTTY === true && process.env['NO_COLOR'] === undefined,
  })
  const logger = createLogger({
    level,
    name: 'devnet',
    destination: { write: line => view.show('devnet', line) },
  })
  const devnet = createDevnet(options, {
    clock: systemClock,
    logger,
    metrics: createMetrics({ processMetrics: false }),
    view,
    startedAt,
    env: process.env,
  })
  const endsAt = options.for === undefined ? undefined : startedAt + options.for
  const exitCode = await runService(async () => devnet, {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    stopWithStdin: false,
    until: async signal => {
      const end =
        endsAt === undefined ? devnet.failed : systemClock.sleep(endsAt - systemClock.monotonic(), signal)
      await Promise.race([end, devnet.failed])
    },
  })
  process.exitCode = conclude(devnet, options, exitCode)
}

/** Tells the summary, and decides the exit code. A network that was stopped by hand need not have come far. */
function conclude(devnet: Devnet, options: DevnetCommandOptions, exitCode: number): number {
  const { summary } = devnet
  const timed = options.for !== undefined
  if (summary === undefined) return timed ? 1 : exitCode
  if (options.json === true) printJson(summary)
  else {
    print(
      `${summary.certifiedReports} certified reports, ${summary.onChainUpdates} on chain, last price $${summary.lastPriceUsd ?? '–'}, ${summary.epochsSettled} epochs settled`,
    )
  }
  if (summary.failedChecks.length > 0 && timed) {
    process.stderr.write(`ionet: checks failed: ${summary.failedChecks.join(', ')}\n`)
    return 1
  }
  return exitCode
}
