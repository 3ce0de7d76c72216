/** The price network alone, as processes on a chain with a block a second; members can be added while it runs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPublicClient, http, type PublicClient } from 'viem'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { anvilCommand, fundAccounts, startBlocks, waitForChain } from '../../../devnet/anvil.ts'
import { copyNetworkFiles, LOOPBACK, writeVenuesConfig } from '../../../devnet/files.ts'
import { createAccount, createMember, type LocalAccount, type LocalMember } from '../../../devnet/members.ts'
import type { RegistryView } from '../../../protocol/membership.ts'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { eventually } from '../devnet/eventually.ts'
import type { OracleStatus } from '../devnet/running-devnet.ts'
import { temporaryDirectory } from '../network/temporary-directory.ts'
import { ROOT, type Spawned, spawnNode, spawnProgram } from '../runtime/spawned.ts'
import { freePorts, type NodeFile } from '../settlement/node-files.ts'
import { TestProcess } from '../settlement/processes.ts'

export const AGGREGATORS = 2
export const ROUND_MS = 1_000
export const HEARTBEAT_SEC = 10
export const HANDOVER_SEC = 5
/** Longer than any test: a key is made for members, and for nothing else. */
const ROTATION_SEC = 86_400

/** A member, or who will be one: its keys and files are there from the beginning. */
export interface Seat {
  readonly local: LocalMember
  readonly file: NodeFile
}

export class PriceNetwork {
  readonly deployment: Deployment
  /** The first are members from the start. */
  readonly seats: readonly Seat[]
  /** Pays for what a test sends. */
  readonly payer: LocalAccount
  readonly rpcUrl: string
  readonly dir: string
  /** Where the venues of all nodes are simulated. */
  readonly venuesUrl: string
  readonly client: PublicClient
  readonly oracles = new Map<number, TestProcess>()
  aggregators: readonly TestProcess[] = []
  readonly #remove: () => void
  readonly #running: Spawned[]
  readonly #aggregatorFiles: readonly NodeFile[]

  private constructor(
    parts: Pick<PriceNetwork, 'deployment' | 'seats' | 'payer' | 'rpcUrl' | 'dir' | 'venuesUrl'>,
    running: Spawned[],
    aggregatorFiles: readonly NodeFile[],
    remove: () => void,
  ) {
    const { deployment, seats, payer, rpcUrl, dir, venuesUrl } = parts
    this.deployment = deployment
    this.seats = seats
    this.payer = payer
    this.rpcUrl = rpcUrl
    this.dir = dir
    this.venuesUrl = venuesUrl
    this.client = createPublicClient({ transport: http(rpcUrl), cacheTime: 0 })
    this.#running = running
    this.#aggregatorFiles = aggregatorFiles
    this.#remove = remove
  }

  /** Starts `members` nodes and two aggregators; `spare` more have keys and files, and no place yet. */
  static async start(members: number, spare: number): Promise<PriceNetwork> {
    const directory = temporaryDirectory()
    const running: Spawned[] = []
    try {
      const network = await PriceNetwork.#prepare(directory.path, members, spare, running, directory.remove)
      network.aggregators = network.#aggregatorFiles.map(
        file => new TestProcess(file, 'cli/ionet.ts', ['aggregator', '--stop-with-stdin']),
      )
      for (let seat = 0; seat < members; seat++) network.startOracle(seat)
      return network
    } catch (error) {
      await endAll(running)
      directory.remove()
      throw error
    }
  }

  static async #prepare(
    dir: string,
    members: number,
    spare: number,
    running: Spawned[],
    remove: () => void,
  ): Promise<PriceNetwork> {
    const { signal } = new AbortController()
    const nodes = members + spare + AGGREGATORS
    const [chainPort = 0, venuesPort = 0, ...ports] = await freePorts(2 + 2 * nodes)
    const rpcUrl = `http://${LOOPBACK}:${chainPort}`
    const anvil = anvilCommand(ROOT, process.env, chainPort)
    running.push(spawnProgram(anvil.command, anvil.args))
    const venuesUrl = `http://${LOOPBACK}:${venuesPort}`
    const venues = writeVenuesConfig(dir, venuesPort, 1)
    running.push(spawnNode('cli/ionet.ts', ['venues', '--stop-with-stdin', '--config', venues]))
    await waitForChain(rpcUrl, systemClock, signal)

    const member = (name: string) => createMember(join(dir, name), name)
    const oracles = await Promise.all(
      Array.from({ length: members + spare }, (_, seat) => member(`oracle-${seat}`)),
    )
    const aggregators = await Promise.all(
      Array.from({ length: AGGREGATORS }, (_, index) => member(`aggregator-${index}`)),
    )
    const payer = await createAccount(join(dir, 'payer'), 'payer')
    const funded = [...aggregators, payer.local].map(({ address }) => address)
    await fundAccounts(rpcUrl, funded, signal)
    const listed = ({ address, peerKey }: LocalMember) => ({ identity: address, peerKey })
    const deployment = await deploy({
      rpcUrl,
      deployer: payer.account,
      members: oracles.slice(0, members).map(listed),
      aggregators: aggregators.map(listed),
      genesis: [],
      epochLengthSec: 60,
      handoverSec: HANDOVER_SEC,
    })
    saveDeployment(join(dir, 'deployment.json'), deployment)
    const networkFile = copyNetworkFiles(ROOT, dir)
    const terms = { roundMs: ROUND_MS, heartbeatSec: HEARTBEAT_SEC, rotationSec: ROTATION_SEC }
    changeJson(networkFile, terms)
    await startBlocks(rpcUrl, signal)

    const peers = [...oracles, ...aggregators].map((local, index) => {
      const [p2pPort = 0, httpPort = 0] = ports.slice(2 * index)
      return { local, httpPort, listen: `/ip4/${LOOPBACK}/tcp/${p2pPort}` }
    })
    const files = peers.map(({ local, httpPort, listen }, index): NodeFile => {
      const home = join(dir, local.name)
      const config = join(home, 'config.json')
      const others = peers.filter((_, other) => other !== index)
      const { keystore, peerKeystore, passwordFile } = local
      const content = {
        dataDir: join(home, 'data'),
        lockDir: join(dir, 'locks'),
        identity: { keystore, peerKeystore, passwordFile },
        rpcUrls: [rpcUrl],
        deployment: join(dir, 'deployment.json'),
        network: networkFile,
        p2p: { listen: [listen], peers: others.map(other => `${other.listen}/p2p/${other.local.peerId}`) },
        http: { host: LOOPBACK, port: httpPort },
        ...(index < oracles.length ? { venueEndpoint: venuesUrl } : {}),
      }
      writeFileSync(config, JSON.stringify(content), { mode: 0o600 })
      return { config, dataDir: content.dataDir, url: `http://${LOOPBACK}:${httpPort}` }
    })
    const seats = oracles.map((local, index): Seat => {
      const file = files[index]
      if (file === undefined) throw new RangeError(`no file for ${local.name}`)
      return { local, file }
    })
    const parts = { deployment, seats, payer: payer.local, rpcUrl, dir, venuesUrl }
    return new PriceNetwork(parts, running, files.slice(oracles.length), remove)
  }

  startOracle(seat: number): TestProcess {
    const started = new TestProcess(this.seat(seat).file, 'cli/ionet.ts', ['oracle', '--stop-with-stdin'])
    this.oracles.set(seat, started)
    return started
  }

  seat(seat: number): Seat {
    const found = this.seats[seat]
    if (found === undefined) throw new RangeError(`there is no seat ${seat}`)
    return found
  }

  oracle(seat: number): TestProcess {
    const found = this.oracles.get(seat)
    if (found === undefined) throw new RangeError(`node ${seat} was never started`)
    return found
  }

  status(seat: number): Promise<OracleStatus & { readonly peers: number }> {
    return this.oracle(seat).eventually('an answer', 3_000, () => this.oracle(seat).get('/v1/status'))
  }

  /** The registry as a stranger reads it. */
  registry(): Promise<RegistryView> {
    const { chainId, contracts } = this.deployment
    return readRegistry(createReader([this.rpcUrl]), {
      registry: contracts.oracleRegistry,
      chainId,
      finality: 'latest',
    })
  }

  /** Reports of rounds after `round`, as the first aggregator serves them, oldest first. */
  async reportsAfter(round: number): Promise<readonly ReportJson[]> {
    const page = await this.aggregators[0]?.get<{ readonly reports: readonly ReportJson[] }>(
      `/v1/reports?limit=300&after=${round}`,
    )
    return page?.reports ?? []
  }

  /** Waits for something in the reports of rounds after `round`; a failure shows what there is. */
  async report<T>(
    what: string,
    round: number,
    withinMs: number,
    find: (reports: readonly ReportJson[]) => T | undefined | false,
  ): Promise<T> {
    let last: readonly ReportJson[] = []
    try {
      return await eventually(what, withinMs, async () => {
        last = await this.reportsAfter(round)
        return find(last)
      })
    } catch (cause) {
      throw new Error(`${String(cause)}\n${last.map(lineOf).join('\n')}`, { cause })
    }
  }

  /** Block times of all price updates, and the hashes of all transactions that failed, from the start on. */
  async pushes(): Promise<{ readonly updatedAtSec: readonly number[]; readonly failed: readonly string[] }> {
    const { deployment, client } = this
    const newest = await client.getBlockNumber()
    const feed = deployment.contracts.priceFeed.toLowerCase()
    const updatedAtSec: number[] = []
    const failed: string[] = []
    for (let blockNumber = BigInt(deployment.deployBlock); blockNumber <= newest; blockNumber++) {
      const { transactions, timestamp } = await client.getBlock({ blockNumber })
      for (const hash of transactions) {
        const receipt = await client.getTransactionReceipt({ hash })
        if (receipt.status !== 'success') failed.push(hash)
        else if (receipt.to?.toLowerCase() === feed && receipt.logs.length > 0)
          updatedAtSec.push(Number(timestamp))
      }
    }
    return { updatedAtSec, failed }
  }

  /** Changes how the simulated venues behave. */
  async controlVenues(change: object): Promise<void> {
    const response = await fetch(`${this.venuesUrl}/control`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change),
    })
    if (!response.ok) throw new Error(`the venue simulator refused: ${await response.text()}`)
  }

  /** Runs `ionet` to its end. */
  async ionet(...args: string[]): Promise<string> {
    const spawned = spawnNode('cli/ionet.ts', args)
    const exitCode = await spawned.ended
    if (exitCode !== 0) throw new Error(`ionet ${args.join(' ')}: ${exitCode}\n${spawned.stderr()}`)
    return spawned.stdout()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.oracles.values(), ...this.aggregators].map(node => node.stop()))
    await endAll(this.#running)
    this.#remove()
  }
}

/** What matters of a report here, on one line. */
function lineOf({ round, keyEpoch, quotes, signers, certificate }: ReportJson): string {
  const slots = quotes.map(({ slot }) => slot)
  return `round ${round}: key epoch ${keyEpoch}, quotes ${slots}, signers ${signers} (${certificate.kind})`
}

function changeJson(file: string, change: object): void {
  const content = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...content, ...change }))
}

async function endAll(spawned: readonly Spawned[]): Promise<void> {
  for (const { process } of spawned) process.stdin.end()
  await Promise.all(spawned.map(({ ended }) => ended))
}
