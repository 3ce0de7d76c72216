import { join } from 'node:path'
import type { Deployment } from '../chain/deployment.ts'
import { ConfigError } from '../config/error.ts'
import { Problems } from '../config/load.ts'
import { type NetworkConfig, readNetwork } from '../config/network.ts'
import { fundAccounts } from './anvil.ts'
import { deployLocalContracts } from './deploy-local.ts'
import { copyNetworkFiles, LOOPBACK, writeConfigFiles } from './files.ts'
import { createAccount, createMember, type LocalAccount, type LocalMember } from './members.ts'
import type { PortPlan } from './options.ts'
import type { VenueMode } from './venue-choice.ts'

type Configured<T> = T & { readonly config: string }

/** Everything that is there before the first node starts. */
export interface PreparedNetwork {
  readonly deployment: Deployment
  readonly network: NetworkConfig
  readonly oracles: readonly Configured<LocalMember>[]
  readonly aggregators: readonly Configured<LocalMember>[]
  readonly burner: Configured<LocalAccount>
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
  const member = (kind: string) => (_: unknown, index: number) =>
    createMember(join(dir, `${kind}-${index}`), `${kind}-${index}`)
  const [oracles, aggregators, deployer, burner] = await Promise.all([
    Promise.all(ports.oracles.map(member('oracle'))),
    Promise.all(ports.aggregators.map(member('aggregator'))),
    createAccount(join(dir, 'deployer'), 'deployer'),
    createAccount(join(dir, 'burner'), 'burner'),
  ])
  const senders = [...oracles, ...aggregators, deployer.local, burner.local]
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
    burner: burner.local.address,
  })
  const configs = writeConfigFiles({
    dir,
    ports,
    rpcUrl,
    deploymentFile,
    networkFile,
    oracles,
    aggregators,
    burner: burner.local,
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
    burner: configured(burner.local),
  }
}

function parseNetwork(file: string): NetworkConfig {
  const problems = new Problems(file)
  const network = readNetwork(file, '', problems)
  problems.throwIfAny()
  if (network === undefined) throw new ConfigError(file, [])
  return network
}
