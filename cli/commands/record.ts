import type { Command } from 'commander'
import { InputError } from '../input-error.ts'
import { complain, printWhileRead } from '../output.ts'
import { duration, url } from '../parsers.ts'
import type { PlanOptions } from '../venues/price-plan.ts'

interface RecordOptions extends PlanOptions {
  readonly out: string
  readonly for?: number
  readonly quotes?: boolean
}

const VENUE_TIMEOUT_MS = 3_000
const STOP_DEADLINE_MS = 8_000

/** `ionet record`: what venues send, into a file. */
export function addRecordCommand(program: Command): void {
  program
    .command('record')
    .summary('write down what venues send, for ionet replay')
    .description(
      'write down what venues send, for ionet replay: as the adapters give it, before anything is parsed, with the hash ' +
        'of the frame it came in; needs no keys and signs nothing; logs go to standard error',
    )
    .option('--config <file>', 'configuration file of an oracle node')
    .option('--network <file>', 'network file, in place of --config')
    .requiredOption('--out <file>', 'file to make; one that exists is never overwritten')
    .option('--endpoint <url>', 'venue simulator that stands for all venues', url)
    .option('--for <time>', 'stop after such a time as 60s or 1h (default: when told to)', duration)
    .option(
      '--quotes',
      'print what a node would sign in each round, as ionet replay prints it, while somebody reads',
    )
    .action((options: RecordOptions) => runRecord(options))
}

async function runRecord(options: RecordOptions): Promise<void> {
  const { readPricePlan } = await import('../venues/price-plan.ts')
  const { plan, roundMs, endpoint } = await readPricePlan(options)
  const [
    { createRecorder },
    { createRecordFile },
    { venueExchanges },
    { createLogger },
    { runService },
    { systemClock },
    { versionOf },
  ] = await Promise.all([
    import('../../oracle-node/recording/recorder.ts'),
    import('../../oracle-node/recording/record-file.ts'),
    import('../../oracle-node/sources/venue-exchanges.ts'),
    import('../../runtime/logger.ts'),
    import('../../runtime/process.ts'),
    import('../../runtime/clock.ts'),
    import('../version.ts'),
  ])
  const venueOptions = {
    ...(endpoint === undefined ? {} : { endpoint }),
    timeoutMs: VENUE_TIMEOUT_MS,
    clock: systemClock,
    hashFrames: true,
  }
  const logger = createLogger({ level: 'info', name: 'record', destination: process.stderr })
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  // From now on: the first quotes are printed before all has started.
  const quotes = options.quotes === true ? printWhileRead() : undefined
  const recorder = createRecorder(
    { build: versionOf(), startedAtMs: systemClock.now(), roundMs, plan },
    {
      ...{ clock: systemClock, logger, random: Math.random },
      createExchange: venueExchanges(plan, venueOptions),
      open: () => createRecordFile(options.out).catch(explain(options.out)),
      fail: failure.reject,
      quote: quotes?.print ?? (() => {}),
    },
  )
  const forMs = options.for ?? Number.POSITIVE_INFINITY
  const unread = quotes === undefined ? [] : [quotes.unread.then(explainUnread)]
  process.exitCode = await runService(async () => recorder, {
    logger,
    stopDeadlineMs: STOP_DEADLINE_MS,
    stopWithStdin: false,
    until: signal => Promise.race([failure.promise, lasting(forMs, signal), ...unread]),
  })
  const { entries, waiting, missing, bytes } = recorder.counts
  const lost = missing + waiting
  const left = lost === 0 ? '' : `; ${lost} are missing, because the disk did not follow, or failed`
  process.stderr.write(`ionet: ${options.out} holds ${entries} entries in ${bytes} bytes${left}\n`)
}

function explainUnread(why: 'GONE' | 'STALLED'): void {
  if (why === 'STALLED') complain('the quotes are not read any more, so the recording ends')
}

/** Longer than one timer can be, if need be. */
async function lasting(ms: number, signal: AbortSignal): Promise<void> {
  const { systemClock } = await import('../../runtime/clock.ts')
  const untilMs = systemClock.monotonic() + ms
  while (systemClock.monotonic() < untilMs) {
    await systemClock.sleep(untilMs - systemClock.monotonic(), signal)
  }
}

function explain(file: string) {
  return (error: unknown): never => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST')
      throw new InputError(`${file} exists: give another --out, a recording is never overwritten`)
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EROFS' || code === 'ENOTDIR') {
      throw new InputError(`${file} cannot be made (${code}): give another --out`)
    }
    throw error
  }
}
