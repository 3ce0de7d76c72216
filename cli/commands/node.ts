import type { Command } from 'commander'
import type { ProcessSettings } from '../run-process.ts'

interface NodeOptions {
  readonly config: string
  readonly name?: string
  readonly stopWithStdin?: boolean
}

/** `ionet oracle`, `ionet aggregator`, `ionet venues`: processes that run until they are told to stop. */
export function addNodeCommands(program: Command): void {
  nodeCommand(program, 'oracle', 'run an oracle node').action(async (options: NodeOptions) => {
    const [{ loadOracleConfig }, { runProcess }] = await loaders()
    const config = loadOracleConfig(options.config, process.env)
    await runProcess(settings('oracle', config.logLevel, options), async deps => {
      const { createOracleNode } = await import('../../oracle-node/service.ts')
      return createOracleNode(config, deps)
    })
  })

  nodeCommand(program, 'aggregator', 'run an aggregator').action(async (options: NodeOptions) => {
    const [{ loadAggregatorConfig }, { runProcess }] = await loaders()
    const config = loadAggregatorConfig(options.config, process.env)
    await runProcess(settings('aggregator', config.logLevel, options), async deps => {
      const { createAggregator } = await import('../../aggregator/service.ts')
      return createAggregator(config, deps)
    })
  })

  nodeCommand(program, 'venues', 'run the venue simulator').action(async (options: NodeOptions) => {
    const [{ loadVenuesConfig }, { runProcess }] = await loaders()
    const config = loadVenuesConfig(options.config, process.env)
    await runProcess(settings('venues', config.logLevel, options), async ({ clock, logger }) => {
      const { venuesService } = await import('../../devnet/venues/main.ts')
      return venuesService({ ...config.http, seed: String(config.seed), clock, logger })
    })
  })
}

function nodeCommand(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .summary(summary)
    .description(`${summary}; the keys of its configuration file are in docs/configuration.md`)
    .requiredOption('--config <file>', 'configuration file')
    .option('--name <name>', 'name of this process in its log lines')
    .option('--stop-with-stdin', 'stop when standard input closes, for processes that have a parent')
}

/** Loaded only by the command that runs: `--help` must not wait for what it does not use. */
function loaders() {
  return Promise.all([import('../../config/process-config.ts'), import('../run-process.ts')])
}

function settings(
  name: string,
  logLevel: ProcessSettings['logLevel'],
  options: NodeOptions,
): ProcessSettings {
  return { name: options.name ?? name, logLevel, stopWithStdin: options.stopWithStdin === true }
}
