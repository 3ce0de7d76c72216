import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../runtime/atomic-file.ts'
import type { LocalAccount, LocalMember } from './members.ts'
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
  readonly burner: LocalAccount
  /** Undefined with live venues. */
  readonly venueEndpoint: string | undefined
}

/** Copies the network's files, so that a running network does not change with the working tree. */
export function copyNetworkFiles(root: string, dir: string): string {
  for (const name of ['devnet.json', 'sources.io-usd.json']) {
    copyFileSync(join(root, 'config', 'networks', name), join(dir, name))
  }
  return join(dir, 'devnet.json')
}

/** Configuration file of each process, by the process's name. */
export function writeConfigFiles(plan: ConfigPlan): ReadonlyMap<string, string> {
  const nodes = [
    ...plan.oracles.map((member, index) => ({ member, ports: plan.ports.oracles[index], oracle: true })),
    ...plan.aggregators.map((member, index) => ({
      member,
      ports: plan.ports.aggregators[index],
      oracle: false,
    })),
  ]
  const addresses = nodes.map(
    ({ member, ports }) => `/ip4/${LOOPBACK}/tcp/${ports?.p2p}/p2p/${member.peerId}`,
  )
  const files = new Map<string, string>()
  for (const [index, { member, ports, oracle }] of nodes.entries()) {
    files.set(
      member.name,
      write(plan.dir, member.name, {
        dataDir: join(plan.dir, member.name, 'data'),
        lockDir: join(plan.dir, 'locks'),
        identity: {
          keystore: member.keystore,
          peerKeystore: member.peerKeystore,
          passwordFile: member.passwordFile,
        },
        rpcUrls: [plan.rpcUrl],
        deployment: plan.deploymentFile,
        network: plan.networkFile,
        p2p: {
          listen: [`/ip4/${LOOPBACK}/tcp/${ports?.p2p}`],
          peers: addresses.filter((_, other) => other !== index),
        },
        http: { host: LOOPBACK, port: ports?.http },
        ...(oracle && plan.venueEndpoint !== undefined ? { venueEndpoint: plan.venueEndpoint } : {}),
      }),
    )
  }
  const { burner } = plan
  files.set(
    burner.name,
    write(plan.dir, burner.name, {
      rpcUrls: [plan.rpcUrl],
      deployment: plan.deploymentFile,
      identity: { keystore: burner.keystore, passwordFile: burner.passwordFile },
    }),
  )
  return files
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
