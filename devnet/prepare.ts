import { join } from 'node:path'
import type { Deployment } from '../chain/deployment.ts'
import { ConfigError } from '../config/error.ts'
import { Problems } from '../config/load.ts'
import { type NetworkConfig, readNetwork } from '../config/network.ts'
import { fundAccounts } from './anvil.ts'
import { deployLocalContracts } from './deploy-local.ts'
import { copyNetworkFiles, LOOPBACK, writeConfigFiles } from './files.ts'
import {
  createAccount,
  createMember,
  createWorker,
  type LocalAccount,
  type LocalMember,
  type LocalWorker,
} from './members.ts'
import { PAYERS, type PortPlan } from './options.ts'
import { registerModel } from './register-model.ts'
import type { VenueMode } from './venue-choice.ts'

type Configured<T> = T & { readonly config: string }

/** Everything that is there before the first node starts. */
export interface PreparedNetwork {
  readonly deployment: Deployment
  readonly network: NetworkConfig
  readonly oracles: readonly Configured<LocalMember>[]
  readonly aggregators: readonly Configured<LocalMember>[]
  readonly relayer: Configured<LocalMember>
  readonly gateway: Configured<LocalMember>
  readonly workers: readonly Configured<LocalWorker>[]
  readonly payers: readonly Configured<LocalAccount>[]
}

export interface PrepareOptions {
  readonly root: string
  readonly dir: string
  readonly ports: PortPlan
  readonly rpcUrl: string
  readonly venues: VenueMode
}

/** Makes keys, deploys the contracts on a chain that answers, and writes the configuration of every process. */
export async function prepareNetwork(options: PrepareOptions, signal: AbortSignal): Promise<PreparedNetwork> {
  const { dir, ports, rpcUrl } = options
  const networkFile = copyNetworkFiles(options.root, dir)
  const network = parseNetwork(networkFile)
  const make = <T>(kind: string, create: (dir: string, name: string) => Promise<T>, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => create(join(dir, `${kind}-${index}`), `${kind}-${index}`)),
    )
  const [oracles, aggregators, workers, paying, relayer, gateway, deployer, modelOwner] = await Promise.all([
    make('oracle', createMember, ports.oracles.length),
    make('aggregator', createMember, ports.aggregators.length),
    make('worker', createWorker, ports.workers.length),
    make('payer', createAccount, PAYERS),
    createMember(join(dir, 'relayer'), 'relayer'),
    createMember(join(dir, 'gateway'), 'gateway'),
    createAccount(join(dir, 'deployer'), 'deployer'),
    createAccount(join(dir, 'model-owner'), 'model-owner'),
  ])
  const payers = paying.map(({ local }) => local)
  const services = [...oracles, ...aggregators, relayer, gateway]
  const senders = [...services, ...workers, ...payers, deployer.local, modelOwner.local]
  await fundAccounts(
    rpcUrl,
    senders.map(({ address }) => address),
    signal,
  )
  const { deployment, file: deploymentFile } = await deployLocalContracts({
    rpcUrl,
    dir,
    deployer: deployer.account,
    oracles,
    aggregators,
    relayer,
    gateway,
    payers,
  })
  const modelId = await registerModel({
    rpcUrl,
    modelRegistry: deployment.contracts.modelRegistry,
    owner: modelOwner.account,
  })
  const configs = writeConfigFiles({
    dir,
    ports,
    rpcUrl,
    deploymentFile,
    networkFile,
    oracles,
    aggregators,
    relayer,
    gateway,
    workers,
    payers,
    modelId,
    venueEndpoint: options.venues === 'simulated' ? `http://${LOOPBACK}:${ports.venues}` : undefined,
  })
  const configured = <T extends LocalAccount>(account: T) => ({
    ...account,
    config: configs.get(account.name) ?? '',
  })
  return {
    deployment,
    network,
    oracles: oracles.map(configured),
    aggregators: aggregators.map(configured),
    relayer: configured(relayer),
    gateway: configured(gateway),
    workers: workers.map(configured),
    payers: payers.map(configured),
  }
}

function parseNetwork(file: string): NetworkConfig {
  const problems = new Problems(file)
  const network = readNetwork(file, '', problems)
  problems.throwIfAny()
  if (network === undefined) throw new ConfigError(file, [])
  return network
}
