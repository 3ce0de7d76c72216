import type { Command } from 'commander'
import type { Burner, BurnReceipt } from '../../chain/burner.ts'
import type { BurnerConfig } from '../../config/process-config.ts'
import { formatDecimal, type Wei } from '../../protocol/units.ts'
import type { LogFields } from '../../runtime/logger.ts'
import { print, printJson } from '../output.ts'
import { amount, duration, url } from '../parsers.ts'
import type { ProcessDeps } from '../run-process.ts'

interface BurnOptions {
  readonly config: string
  readonly io?: Wei
  readonly every?: number
  readonly feed?: string
  readonly json?: boolean
  readonly name?: string
  readonly stopWithStdin?: boolean
}

/** `ionet burn`: turns IO into IOSD at the certified price, once or again and again. */
export function addBurnCommand(program: Command): void {
  program
    .command('burn')
    .summary('burn IO for IOSD at the certified price')
    .description(
      'burn IO for IOSD at the certified price: once with --io, else again and again with varying amounts',
    )
    .requiredOption('--config <file>', 'configuration file')
    .option('--io <amount>', 'how much IO to burn', amount)
    .option('--every <time>', 'go on, with this pause between two burns', duration)
    .option('--feed <url>', 'an aggregator, whose newest report goes along', url)
    .option('--json', 'print one JSON object for a single burn')
    .option('--name <name>', 'name of this process in its log lines')
    .option('--stop-with-stdin', 'stop when standard input closes, for processes that have a parent')
    .action(async (options: BurnOptions) => {
      const { loadBurnerConfig } = await import('../../config/process-config.ts')
      const config = loadBurnerConfig(options.config, process.env)
      const burner = await openBurner(config, options.feed)
      if (options.io !== undefined && options.every === undefined)
        report(await burner.burn(options.io), options)
      else await burnAgainAndAgain(burner, config, options)
    })
}

async function openBurner(config: BurnerConfig, feed: string | undefined): Promise<Burner> {
  const [{ createBurner }, { newestReportFrom }, { readKeystore }, { privateKeyToAccount }, { toHex }] =
    await Promise.all([
      import('../../chain/burner.ts'),
      import('../newest-report.ts'),
      import('../../runtime/keystore.ts'),
      import('viem/accounts'),
      import('viem'),
    ])
  const secret = await readKeystore(config.identity.keystore, config.identity.password)
  const account = privateKeyToAccount(toHex(secret))
  secret.fill(0)
  const report = feed === undefined ? {} : { newestReport: newestReportFrom(feed) }
  return createBurner({ ...config, account, ...report })
}

function report(receipt: BurnReceipt, options: BurnOptions): void {
  if (options.json === true) {
    printJson(receipt)
    return
  }
  const { io, iosd, price } = describe(receipt)
  print(
    `burned ${io} IO for ${iosd} IOSD at $${price} (round ${receipt.round}, transaction ${receipt.transaction})`,
  )
}

async function burnAgainAndAgain(burner: Burner, config: BurnerConfig, options: BurnOptions): Promise<void> {
  const [{ runProcess }, { createLoop }, { randomAmount }] = await Promise.all([
    import('../run-process.ts'),
    import('../../runtime/loop.ts'),
    import('../../devnet/payer/random-amount.ts'),
  ])
  const burnOnce = async ({ logger }: ProcessDeps): Promise<void> => {
    try {
      logger.info('burned IO for IOSD', describe(await burner.burn(options.io ?? randomAmount(Math.random))))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      // Before the first price there is nothing to burn at: that is how every network starts.
      if (code === 'NO_PRICE') logger.debug('no certified price yet, nothing burned')
      else logger.warn('nothing was burned', { error })
    }
  }
  const settings = {
    name: options.name ?? 'burn',
    logLevel: config.logLevel,
    stopWithStdin: options.stopWithStdin === true,
  }
  await runProcess(settings, async deps =>
    createLoop({
      name: 'burn',
      everyMs: options.every ?? config.everySec * 1_000,
      ...deps,
      run: () => burnOnce(deps),
    }),
  )
}

function describe(receipt: BurnReceipt): LogFields & Record<'io' | 'iosd' | 'price', string> {
  return {
    io: formatDecimal(receipt.io),
    iosd: formatDecimal(receipt.iosd),
    price: formatDecimal(receipt.price),
  }
}
