/**
 * Real oracle nodes and a real relayer on a real chain. The test plays everybody else: aggregator, workers, payer and
 * gateway. Time is the chain's, and passes only when the test says so.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { EpochReport } from '../../../protocol/epoch/report.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { createEpochStore, EPOCH_MIGRATIONS } from '../../../relayer/epochs/epoch-store.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { RelayerError } from '../../../sdk/relayer-client.ts'
import { castOf, type Party, party } from '../network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../network/temporary-directory.ts'
import {
  Customers,
  type Deal,
  GATEWAY,
  MODEL_OWNER,
  OTHER_WORKER,
  PAYER,
  tokens,
  WORKER,
} from './customers.ts'
import type { Fault } from './faults.ts'
import { freePorts, type Node, type NodeFile, peerAddress, writeNodeFiles } from './node-files.ts'
import { PriceDesk } from './price-desk.ts'
import { OracleProcess, RelayerProcess } from './processes.ts'
import { TestChain } from './test-chain.ts'

const ORACLES = 4
export const RELAYER = party('relayer')
export const PRICE = (2n * ONE) as Price
/** Bought with burnt IO, and deposited. */
const BURNT_IO = tokens(400)
export const DEPOSIT_IOSD = tokens(500)
export const DEPOSIT_IO = tokens(500)

export class SettlementNetwork {
  readonly chain: TestChain
  /** Whose identities the oracle nodes have. */
  readonly members: readonly Party[]
  readonly prices: PriceDesk
  readonly customers: Customers
  /** May be used from epoch 1 on. */
  readonly model: Hash
  /** Multiaddrs of the oracle nodes. */
  readonly oracleAddresses: readonly string[]
  readonly #oracles: OracleProcess[]
  readonly #directory: TemporaryDirectory
  readonly #relayerFile: NodeFile
  #relayer: RelayerProcess | undefined

  private constructor(parts: {
    readonly chain: TestChain
    readonly members: readonly Party[]
    readonly oracles: readonly OracleProcess[]
    readonly prices: PriceDesk
    readonly customers: Customers
    readonly model: Hash
    readonly oracleAddresses: readonly string[]
    readonly directory: TemporaryDirectory
    readonly relayerFile: NodeFile
  }) {
    this.chain = parts.chain
    this.members = parts.members
    this.#oracles = [...parts.oracles]
    this.prices = parts.prices
    this.customers = parts.customers
    this.model = parts.model
    this.oracleAddresses = parts.oracleAddresses
    this.#directory = parts.directory
    this.#relayerFile = parts.relayerFile
  }

  /** In epoch 0, with workers, a model and deposits; the relayer is started by the test. */
  static async start(options: { readonly disputeSec?: number } = {}): Promise<SettlementNetwork> {
    const { members, aggregators } = castOf(ORACLES, 1)
    const [aggregator = party('aggregator 0')] = aggregators
    const relayer = RELAYER
    const ports = await freePorts(2 * (ORACLES + 2))
    const node = (name: string, of: Party, index: number): Node => ({
      name,
      party: of,
      p2pPort: ports[2 * index] ?? 0,
      httpPort: ports[2 * index + 1] ?? 0,
    })
    const oracleNodes = members.map((member, slot) => node(`oracle-${slot}`, member, slot))
    const desk = node('aggregator', aggregator, ORACLES)
    const processes = [...oracleNodes, node('relayer', relayer, ORACLES + 1)]

    const directory = temporaryDirectory()
    const undo: (() => Promise<void>)[] = []
    try {
      const chain = await TestChain.start(
        { members, aggregator, relayer, gateway: GATEWAY },
        PAYER,
        options.disputeSec,
      )
      undo.push(() => chain.stop())
      const files = await writeNodeFiles({
        dir: directory.path,
        rpcUrl: chain.rpcUrl,
        deployment: chain.deployment,
        nodes: processes,
        everybody: [...processes, desk],
      })
      const relayerFile = files.at(-1)
      if (relayerFile === undefined) throw new Error('no file for the relayer')
      const oracles = files.slice(0, ORACLES).map(file => new OracleProcess(file))
      undo.push(async () => {
        await Promise.all(oracles.map(oracle => oracle.stop()))
      })
      const peerKeys = members.map(({ peerKey }) => peerKey)
      const prices = new PriceDesk(chain, desk, processes, peerKeys)
      await prices.start()
      undo.push(() => prices.stop())
      const oracleUrls = files.slice(0, ORACLES).map(({ url }) => url)
      const customers = new Customers(chain.domain, relayerFile.url, oracleUrls)
      const model = await populate(chain, prices)
      await Promise.all(oracles.map(oracle => oracle.started()))
      return new SettlementNetwork({
        ...{ chain, members, oracles, prices, customers, model, directory, relayerFile },
        oracleAddresses: oracleNodes.map(peerAddress),
      })
    } catch (error) {
      for (const stop of undo.reverse()) await stop()
      directory.remove()
      throw error
    }
  }

  get oracles(): readonly OracleProcess[] {
    return this.#oracles
  }

  /** The relayer that runs. */
  get relayer(): RelayerProcess {
    if (this.#relayer === undefined) throw new Error('no relayer runs')
    return this.#relayer
  }

  get isRelayed(): boolean {
    return this.#relayer !== undefined
  }

  startRelayer(): Promise<void> {
    return this.#start('cli/ionet.ts', ['relayer', '--stop-with-stdin'])
  }

  /** On the same disk, as the same peer. @param hold bytes of a hold that it may accept of its own accord */
  startDishonestRelayer(fault: Fault, hold?: Uint8Array): Promise<void> {
    const more = hold === undefined ? [] : ['--hold', hexOf(hold)]
    return this.#start('test/support/settlement/dishonest-relayer.ts', ['--fault', fault, ...more])
  }

  async stopRelayer(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#relayer?.stop(signal)
    this.#relayer = undefined
  }

  /** Certifies a price of the epoch that goes on, and waits until all oracle nodes show it. */
  async announcePrice(epoch: number, price: Price = PRICE): Promise<void> {
    await this.prices.announce(epoch, price)
  }

  /** Sets IO of the payer aside for inferences: as soon as the relayer knows a price, for the fee's sake. */
  async subscribe(epoch: number, maxAmount: bigint, price: Price = PRICE): Promise<Deal> {
    let deal: Deal | undefined
    await this.announcePrice(epoch, price)
    await this.prices.announce(epoch, price, async () => {
      try {
        deal = await this.customers.subscribe(this.model, maxAmount)
      } catch (error) {
        if (!(error instanceof RelayerError) || error.code !== 'NO_PRICE') throw error
      }
      return deal !== undefined
    })
    if (deal === undefined) throw new Error('no hold')
    return deal
  }

  async endEpoch(epoch: number): Promise<void> {
    await this.chain.endEpoch(epoch)
    await this.synchronise()
  }

  /** Until the relayer, if one runs, has seen the newest block. */
  async synchronise(): Promise<void> {
    await this.#relayer?.seesBlock(await this.chain.block())
  }

  /** What the relayer that runs, or ran, proposes for an epoch. */
  proposal(epoch: number): EpochReport | undefined {
    const database = openDatabase(join(this.#relayerFile.dataDir, 'epochs.sqlite'), EPOCH_MIGRATIONS)
    try {
      return createEpochStore(database).record(epoch)?.report
    } finally {
      database.close()
    }
  }

  /** Ends an oracle node, and starts it again on the same disk. */
  async stopOracle(slot: number): Promise<void> {
    await this.#oracle(slot).stop('SIGKILL')
  }

  async startOracle(slot: number): Promise<void> {
    const { file } = this.#oracle(slot)
    this.#oracles[slot] = new OracleProcess(file)
    await this.#oracle(slot).started()
  }

  /** Of a relayer that does not run: batches, epochs and bundles are gone. */
  loseRelayerDisk(): void {
    rmSync(this.#relayerFile.dataDir, { recursive: true })
  }

  /** Of a relayer that does not run: what it has taken in is gone, its epochs and bundles are not. */
  loseIntake(): void {
    for (const name of readdirSync(this.#relayerFile.dataDir))
      if (name.startsWith('intake.sqlite')) rmSync(join(this.#relayerFile.dataDir, name))
  }

  async stop(): Promise<void> {
    await this.stopRelayer()
    await Promise.all([...this.oracles.map(oracle => oracle.stop()), this.prices.stop()])
    await this.chain.stop()
    this.#directory.remove()
  }

  #oracle(slot: number): OracleProcess {
    const oracle = this.#oracles[slot]
    if (oracle === undefined) throw new Error(`there is no oracle node ${slot}`)
    return oracle
  }

  async #start(program: string, args: readonly string[]): Promise<void> {
    this.#relayer = new RelayerProcess(this.#relayerFile, program, args)
    await this.#relayer.started()
    await this.synchronise()
  }
}

/** While the oracle nodes start: it is the chain's business only. */
async function populate(chain: TestChain, prices: PriceDesk): Promise<Hash> {
  for (const worker of [WORKER, OTHER_WORKER])
    await chain.registerWorker(worker, party(`device of ${worker.identity}`))
  const model = await chain.registerModel(MODEL_OWNER)
  await prices.publishOnChain(PRICE)
  await chain.burn(PAYER, BURNT_IO)
  await chain.deposit(PAYER, ASSET.iosd, DEPOSIT_IOSD)
  await chain.deposit(PAYER, ASSET.io, DEPOSIT_IO)
  return model
}
