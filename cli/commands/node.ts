import type { Command } from 'commander'
import type { ProcessSettings } from '../run-process.ts'
import { addReopenCommand } from './reopen.ts'

interface NodeOptions {
  readonly config: string
  readonly name?: string
  readonly stopWithStdin?: boolean
}

interface VenuesOptions extends NodeOptions {
  readonly scenario?: string
}

/** `ionet oracle`, `ionet relayer` and the others: processes that run until they are told to stop. */
export function addNodeCommands(program: Command): void {
  const oracle = nodeCommand(program, 'oracle', 'run an oracle node').action(async (options: NodeOptions) => {
    const [{ loadOracleConfig }, { runProcess }] = await loaders()
    const config = loadOracleConfig(options.config, process.env)
    await runProcess(settings('oracle', config.logLevel, options), async deps => {
      const { createOracleNode } = await import('../../oracle-node/service.ts')
      return createOracleNode(config, deps)
    })
  })
  addReopenCommand(oracle)

  nodeCommand(program, 'aggregator', 'run an aggregator').action(async (options: NodeOptions) => {
    const [{ loadAggregatorConfig }, { runProcess }] = await loaders()
    const config = loadAggregatorConfig(options.config, process.env)
    await runProcess(settings('aggregator', config.logLevel, options), async deps => {
      const { createAggregator } = await import('../../aggregator/service.ts')
      return createAggregator(config, deps)
    })
  })

  nodeCommand(program, 'relayer', 'run a relayer').action(async (options: NodeOptions) => {
    const [{ loadRelayerConfig }, { runProcess }] = await loaders()
    const config = loadRelayerConfig(options.config, process.env)
    await runProcess(settings('relayer', config.logLevel, options), async deps => {
      const { createRelayer } = await import('../../relayer/service.ts')
      return createRelayer(config, deps)
    })
  })

  nodeCommand(program, 'worker', 'run a worker that sells what its device can do').action(
    async (options: NodeOptions) => {
      const [{ loadWorkerConfig }, { runProcess }] = await loaders()
      const config = loadWorkerConfig(options.config, process.env)
      await runProcess(settings('worker', config.logLevel, options), async deps => {
        const { createWorker } = await import('../../worker/service.ts')
        return createWorker(config, deps)
      })
    },
  )

  nodeCommand(program, 'gateway', 'run a gateway, the door for paid inferences').action(
    async (options: NodeOptions) => {
      const [{ loadGatewayConfig }, { runProcess }] = await loaders()
      const config = loadGatewayConfig(options.config, process.env)
      await runProcess(settings('gateway', config.logLevel, options), async deps => {
        const { createGateway } = await import('../../gateway/service.ts')
        return createGateway(config, deps)
      })
    },
  )

  nodeCommand(program, 'payer', 'run a customer that hires and infers, for networks to be watched').action(
    async (options: NodeOptions) => {
      const [{ loadPayerConfig }, { runProcess }] = await loaders()
      const config = loadPayerConfig(options.config, process.env)
      await runProcess(settings('payer', config.logLevel, options), async deps => {
        const { createPayer } = await import('../../devnet/payer/service.ts')
        return createPayer(config, deps)
      })
    },
  )

  nodeCommand(program, 'venues', 'run the venue simulator')
    .option('--scenario <file>', 'what the venues do, and when, from the start')
    .action(async (options: VenuesOptions) => {
      const [{ loadVenuesConfig }, { runProcess }] = await loaders()
      const config = loadVenuesConfig(options.config, process.env)
      const { loadScenario } = await import('../../devnet/venues/scenario.ts')
      const scenario = options.scenario === undefined ? undefined : loadScenario(options.scenario)
      await runProcess(settings('venues', config.logLevel, options), async ({ clock, logger }) => {
        const { venuesService } = await import('../../devnet/venues/main.ts')
        const seed = String(config.seed)
        return venuesService({ ...config.http, seed, clock, logger, ...(scenario && { scenario }) })
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
