/** An intake on a chain and clock that stand still, and doors to knock at. */
import fastify, { type FastifyInstance } from 'fastify'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { WindowTerms } from '../../../protocol/epoch/windows.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { createIntake, INTAKE_MIGRATIONS, type Intake } from '../../../relayer/intake/intake.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { openDatabase, type SqliteDatabase } from '../../../runtime/sqlite.ts'
import { addressOf, hash, network, signAs } from '../epoch/cast.ts'
import { START_SEC } from '../epoch/world.ts'
import { recordLogger } from '../network/record-logger.ts'
import { DOMAIN } from '../protocol/network.ts'
import { FakeClock } from '../runtime/fake-clock.ts'
import { FakeBeacons } from './fake-beacons.ts'
import { EPOCH_SEC, FakeChain } from './fake-chain.ts'

export const RELAYER = addressOf('relayer')

export function windowTermsOf(chain: FakeChain): WindowTerms {
  return { clock: chain.clock, slotSec: 5, every: 1, graceSec: 4 }
}

/** Longer than the pace of whoever looks at the chain. */
const TICK_MS = 250

export interface Answer {
  readonly status: number
  readonly bytes: Uint8Array
  readonly json: Record<string, unknown>
}

export class IntakeWorld {
  readonly chain: FakeChain
  readonly beacons: FakeBeacons
  readonly clock: FakeClock
  readonly logger = recordLogger()
  readonly seals: Uint8Array[] = []
  readonly database: SqliteDatabase
  readonly intake: Intake
  price: Price | undefined = (5n * ONE) as Price
  #app: FastifyInstance | undefined

  /** @param path of the database, which outlives a world that is stopped */
  constructor(path = ':memory:', atSec: number = START_SEC) {
    this.chain = new FakeChain(atSec)
    this.beacons = new FakeBeacons(this.chain)
    this.clock = new FakeClock(atSec * 1_000)
    this.database = openDatabase(path, INTAKE_MIGRATIONS)
    this.intake = createIntake(
      { domain: DOMAIN, windowTerms: windowTermsOf(this.chain), challengeSize: 64 },
      {
        database: this.database,
        chain: this.chain.view(),
        beacons: this.beacons,
        membership: () => ({
          ...network.membership,
          relayers: [{ index: 0, identity: RELAYER, peerKey: hash('peer of relayer') }],
        }),
        crypto: nobleIdentityCrypto,
        sign: digest => signAs('relayer', digest),
        publishSeal: bytes => this.seals.push(bytes),
        clock: this.clock,
        logger: this.logger,
        metrics: createMetrics({ processMetrics: false }),
        currentPrice: () => this.price,
      },
    )
  }

  async start(): Promise<this> {
    await this.intake.start(new AbortController().signal)
    return this
  }

  async stop(): Promise<void> {
    await this.#app?.close()
    await this.intake.stop()
    this.database.close()
  }

  register(worker: Address, device?: Hash): void {
    this.chain.workers.add(worker)
    if (device !== undefined) this.chain.devices.set(device, worker)
  }

  /** Lets clock and chain go on together up to a second, block by block, and the intake notice each. */
  async goTo(sec: number): Promise<void> {
    const from = this.chain.latestSec
    for (let next = Math.min(from + 1, sec); next <= sec; next++) {
      await this.clock.advance(Math.max(0, next * 1_000 - 1 - this.clock.now()))
      this.chain.mineTo(next)
      await this.clock.advance(TICK_MS)
    }
  }

  async goToEpoch(epoch: number): Promise<void> {
    await this.goTo(START_SEC + epoch * EPOCH_SEC)
  }

  async post(path: string, body: Uint8Array): Promise<Answer> {
    return await this.#ask('POST', path, body)
  }

  async get(path: string): Promise<Answer> {
    return await this.#ask('GET', path)
  }

  async #ask(method: 'GET' | 'POST', url: string, body?: Uint8Array): Promise<Answer> {
    if (this.#app === undefined) {
      this.#app = fastify()
      this.intake.routes(this.#app)
    }
    const response = await this.#app.inject({
      method,
      url,
      ...(body === undefined
        ? {}
        : { payload: Buffer.from(body), headers: { 'content-type': 'application/octet-stream' } }),
    })
    const isJson = String(response.headers['content-type']).includes('json')
    return {
      status: response.statusCode,
      bytes: response.rawPayload,
      json: isJson ? (response.json() as Record<string, unknown>) : {},
    }
  }
}
