import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../runtime/atomic-file.ts'
import type { LocalAccount, LocalMember, LocalWorker } from './members.ts'
import type { PortPlan } from './options.ts'

export const LOOPBACK = '127.0.0.1'

export interface ConfigPlan {
  readonly dir: string
  readonly ports: PortPlan
  readonly rpcUrl: string
  readonly deploymentFile: string
  readonly networkFile: string
  readonly oracles: readonly LocalMember[]
  readonly aggregators: readonly LocalMember[]
  readonly relayer: LocalMember
  readonly gateway: LocalMember
  readonly workers: readonly LocalWorker[]
  readonly payers: readonly LocalAccount[]
  readonly modelId: string
  /** Undefined with live venues. */
  readonly venueEndpoint: string | undefined
}

/** In every second epoch so many times as much is burned, so that net emission is seen at its cap. */
const BURN_SURGE = 4
/** Half a second's work on a slow core: the processes of a local network share two. */
const MAX_PRODUCTS = 40

/** Copies the network's files, so that a running network does not change with the working tree. */
export function copyNetworkFiles(root: string, dir: string): string {
  for (const name of ['devnet.json', 'sources.io-usd.json']) {
    copyFileSync(join(root, 'config', 'networks', name), join(dir, name))
  }
  return join(dir, 'devnet.json')
}

/** Configuration file of each process, by the process's name. */
export function writeConfigFiles(plan: ConfigPlan): ReadonlyMap<string, string> {
  const configs = [...peerConfigs(plan), ...customerConfigs(plan)]
  return new Map(configs.map(([name, content]) => [name, write(plan.dir, name, content)]))
}

type NamedConfig = readonly [name: string, content: object]

/** Oracle nodes, aggregators and the relayer: everybody dials everybody else. */
function peerConfigs(plan: ConfigPlan): NamedConfig[] {
  const { ports } = plan
  const venues = plan.venueEndpoint === undefined ? {} : { venueEndpoint: plan.venueEndpoint }
  const nodes = [
    ...plan.oracles.map((member, index) => ({ member, ports: ports.oracles[index], more: venues })),
    ...plan.aggregators.map((member, index) => ({ member, ports: ports.aggregators[index], more: {} })),
    { member: plan.relayer, ports: ports.relayer, more: {} },
  ]
  const addresses = nodes.map(node => `/ip4/${LOOPBACK}/tcp/${node.ports?.p2p}/p2p/${node.member.peerId}`)
  return nodes.map((node, index) => {
    const { keystore, passwordFile, peerKeystore, name } = node.member
    return [
      name,
      {
        dataDir: join(plan.dir, name, 'data'),
        lockDir: join(plan.dir, 'locks'),
        identity: { keystore, peerKeystore, passwordFile },
        rpcUrls: [plan.rpcUrl],
        deployment: plan.deploymentFile,
        network: plan.networkFile,
        p2p: {
          listen: [`/ip4/${LOOPBACK}/tcp/${node.ports?.p2p}`],
          peers: addresses.filter((_, other) => other !== index),
        },
        http: { host: LOOPBACK, port: node.ports?.http },
        ...node.more,
      },
    ]
  })
}

/** Gateway, workers and payers: accounts that nobody dials by peer id. */
function customerConfigs(plan: ConfigPlan): NamedConfig[] {
  const { ports } = plan
  const url = (port: number | undefined) => `http://${LOOPBACK}:${port}`
  const account = ({ name, keystore, passwordFile }: LocalAccount) => ({
    dataDir: join(plan.dir, name, 'data'),
    lockDir: join(plan.dir, 'locks'),
    identity: { keystore, passwordFile },
    rpcUrls: [plan.rpcUrl],
    deployment: plan.deploymentFile,
    network: plan.networkFile,
    relayerUrl: url(ports.relayer.http),
  })
  const model = { id: plan.modelId, version: 1 }
  const workers = plan.workers.map((worker, index): NamedConfig => {
    const content = {
      ...account(worker),
      http: { host: LOOPBACK, port: ports.workers[index] },
      device: { keystore: worker.deviceKeystore },
      oracleUrls: ports.oracles.map(({ http }) => url(http)),
      model,
      price: { ioPerThousandUnits: '0.01', iosdPerSec: '0.05' },
      maxProducts: MAX_PRODUCTS,
      batchEverySec: 2,
      claimEverySec: 5,
    }
    return [worker.name, content]
  })
  const payers = plan.payers.map((payer, index): NamedConfig => {
    const content = {
      ...account(payer),
      gatewayUrl: url(ports.gateway),
      // One worker is hired, and its customer's neighbour goes on being served by the others.
      ...(index === 0 ? { hireUrl: url(ports.workers[0]) } : { burnEverySec: 5, surge: BURN_SURGE }),
      depositIo: '50',
      burnIo: '30',
      pauseMs: 1_000,
    }
    return [payer.name, content]
  })
  const gateway = {
    ...account(plan.gateway),
    http: { host: LOOPBACK, port: ports.gateway },
    model,
    workers: ports.workers.map(url),
  }
  return [...workers, ...payers, [plan.gateway.name, gateway]]
}

/** @returns the path of the file */
export function writeVenuesConfig(dir: string, port: number, seed: number): string {
  return write(dir, 'venues', { http: { host: LOOPBACK, port }, seed })
}

function write(dir: string, name: string, content: object): string {
  const file = join(dir, name, 'config.json')
  writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`, 0o600)
  return file
}
