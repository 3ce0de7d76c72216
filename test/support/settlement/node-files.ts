/** Keystores and configuration files of a small network whose every secret a test knows. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { copyNetworkFiles, LOOPBACK } from '../../../devnet/files.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { peerIdOf } from '../../../runtime/p2p/peer-key.ts'
import { Secret } from '../../../runtime/secret.ts'
import type { Party } from '../network/cast.ts'
import { ROOT } from '../runtime/spawned.ts'

/** A party that runs as a process, or listens as a peer. */
export interface Node {
  readonly name: string
  readonly party: Party
  readonly p2pPort: number
  readonly httpPort: number
}

export interface NodeFile {
  readonly config: string
  /** What it must not forget. */
  readonly dataDir: string
  readonly url: string
}

/** Opens in 10 ms: these keys guard nothing. */
const SCRYPT_N = 1_024
const PASSWORD = 'a password of tests'
/** Nothing listens there: the nodes have no venue to ask, and quote nothing. */
const NO_VENUES = `http://${LOOPBACK}:1`

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, LOOPBACK, resolve))
      return server
    }),
  )
  return Promise.all(
    servers.map(async server => {
      const address = server.address()
      await new Promise(resolve => server.close(resolve))
      if (address === null || typeof address === 'string') throw new Error('a server without a port')
      return address.port
    }),
  )
}

export function listenAddress({ p2pPort }: Node): string {
  return `/ip4/${LOOPBACK}/tcp/${p2pPort}`
}

export function peerAddress(node: Node): string {
  return `${listenAddress(node)}/p2p/${peerIdOf(node.party.peerKey)}`
}

/** Writes what `nodes` need to run; everybody is told how to reach `everybody`. */
export async function writeNodeFiles(options: {
  readonly dir: string
  readonly rpcUrl: string
  readonly deployment: Deployment
  readonly nodes: readonly Node[]
  readonly everybody: readonly Node[]
}): Promise<NodeFile[]> {
  const { dir, deployment, everybody } = options
  const network = copyNetworkFiles(ROOT, dir)
  const deploymentFile = join(dir, 'deployment.json')
  saveDeployment(deploymentFile, deployment)
  return Promise.all(
    options.nodes.map(async node => {
      const home = join(dir, node.name)
      mkdirSync(home, { recursive: true })
      const passwordFile = join(home, 'password')
      writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 })
      const [keystore, peerKeystore] = [join(home, 'identity.json'), join(home, 'peer.json')]
      const password = new Secret(PASSWORD)
      await writeKeystore(keystore, node.party.secret, password, { scryptN: SCRYPT_N })
      await writeKeystore(peerKeystore, node.party.seed, password, { scryptN: SCRYPT_N })
      const content = {
        dataDir: join(home, 'data'),
        lockDir: join(dir, 'locks'),
        identity: { keystore, peerKeystore, passwordFile },
        rpcUrls: [options.rpcUrl],
        deployment: deploymentFile,
        network,
        p2p: {
          listen: [listenAddress(node)],
          peers: everybody.filter(({ name }) => name !== node.name).map(peerAddress),
        },
        http: { host: LOOPBACK, port: node.httpPort },
        // Nodes without venues say at length that there are none.
        ...(node.name.startsWith('oracle') ? { venueEndpoint: NO_VENUES, logLevel: 'warn' } : {}),
      }
      const config = join(home, 'config.json')
      writeFileSync(config, JSON.stringify(content), { mode: 0o600 })
      return { config, dataDir: content.dataDir, url: `http://${LOOPBACK}:${node.httpPort}` }
    }),
  )
}
