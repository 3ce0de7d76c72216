/** Wires a gateway: the one place that knows all its parts. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createReader } from '../chain/clients.ts'
import { createMembershipFollower } from '../chain/membership-reader.ts'
import { createBlockFollower, NoHeadError } from '../chain/settlement/blocks.ts'
import { BUILT_IN_MODEL } from '../compute/model/spec.ts'
import { loadModel } from '../compute/model/weights.ts'
import type { GatewayConfig } from '../config/process-config.ts'
import type { Address } from '../protocol/bytes.ts'
import { addressOfSecret } from '../protocol/identity.ts'
import { relayerByIdentity } from '../protocol/membership.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer, type HttpServer } from '../runtime/http.ts'
import { readKeystore } from '../runtime/keystore.ts'
import { lockService } from '../runtime/lock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createIdentityCrypto } from '../runtime/native-identity.ts'
import { type Service, serviceGroup, stopOnly } from '../runtime/service.ts'
import { openDatabase } from '../runtime/sqlite.ts'
import { createWorkerClient } from '../sdk/worker-client.ts'
import { Completions } from './completions.ts'
import { createHoldBook, HOLD_BOOK_MIGRATIONS } from './payments/hold-book.ts'
import { OfferTable } from './payments/offer-table.ts'
import { addRoutes } from './routes.ts'
import { createSampler } from './samples/sampler.ts'
import { createVerifier } from './samples/verifier.ts'
import { createModelUse } from './workers/model-use.ts'
import { createRegistrations } from './workers/registrations.ts'
import { createRoster } from './workers/roster.ts'

export interface GatewayDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Ends the process: for what must not go on. */
  readonly fail: (error: Error) => void
}

/** A gateway; `port` and `url` once it has started. */
export interface Gateway extends Service, Pick<HttpServer, 'port' | 'url'> {
  readonly identity: Address
}

const STOP_DEADLINE_MS = 3_000
/** Between workers of a data centre a look takes milliseconds. */
const LOOK_TIMEOUT_MS = 2_000
/** The longest answer of the built-in model takes a second, and others may stand before it. */
const INFER_TIMEOUT_MS = 30_000
/** One answer in eight is run again. */
const SAMPLED_SHARE = 1 / 8
/** A hold and a receipt in hexadecimal are 1,300 characters of header; prompts have at most a thousand bytes. */
const BODY_LIMIT_BYTES = 16 * 1024
/** Without a block for so long, the endpoint or the chain stands still. */
const FRESH_BLOCK_MS = 60_000

export async function createGateway(config: GatewayConfig, deps: GatewayDeps): Promise<Gateway> {
  const { clock, logger, metrics } = deps
  const { deployment } = config
  const secret = await readKeystore(config.identity.keystore, config.identity.password)
  const identity = addressOfSecret(secret)
  // It names the payee of holds, and signs nothing here.
  secret.fill(0)
  const registryAddress = deployment.contracts.oracleRegistry.toLowerCase() as Address
  const reader = createReader(config.rpcUrls)
  const { finality } = config.network
  const registry = createMembershipFollower(
    { registry: registryAddress, chainId: deployment.chainId, finality },
    { reader, clock, logger },
  )
  const blocks = createBlockFollower({ finality }, { reader, clock, logger })

  const outcomes = metrics.counter('ionet_gateway_completions_total', 'Completions by outcome', ['outcome'])
  const sampled = metrics.counter('ionet_gateway_samples_total', 'Answers that were run again, by outcome', [
    'outcome',
  ])
  const workers = metrics.gauge('ionet_gateway_workers', 'Workers by state', ['state'])

  const served = { id: config.model.id, version: config.model.version }
  const roster = createRoster(
    { clients: config.workers.map(url => patientClient(url)), model: served },
    {
      clock,
      logger,
      isRegistered: createRegistrations({ registry: deployment.contracts.workerRegistry, finality }, reader),
    },
  )
  const database = openDatabase(join(config.dataDir, 'gateway.sqlite'), HOLD_BOOK_MIGRATIONS)
  const sampler = createSampler(
    {
      share: SAMPLED_SHARE,
      random: Math.random,
      idle: () => roster.inFlight() === 0,
      wrong: (worker, code) => {
        roster.drop(worker)
        logger.warn('a worker gave a wrong answer, it is asked no more', { worker, code })
      },
      count: outcome => sampled.inc({ outcome }),
    },
    { clock, logger, verifier: createVerifier() },
  )
  const blockSec = (): number | undefined => {
    try {
      return blocks.head().latest.timestampSec
    } catch (error) {
      if (error instanceof NoHeadError) return undefined
      throw error
    }
  }
  const stopping = new AbortController()
  const completions = new Completions(
    {
      domain: { chainId: deployment.chainId, registry: registryAddress },
      gateway: identity,
      served,
      model: loadModel(BUILT_IN_MODEL),
      clock: { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec },
    },
    {
      roster,
      sampler,
      logger,
      blockSec,
      offers: new OfferTable(),
      holds: createHoldBook(database),
      crypto: createIdentityCrypto(logger),
      modelUse: createModelUse(
        { registry: deployment.contracts.modelRegistry, model: served },
        { reader, logger },
      ),
      isRelayer: address => {
        const membership = registry.current()
        return membership === undefined ? undefined : relayerByIdentity(membership, address) !== undefined
      },
      nowMs: () => clock.monotonic(),
      newOfferId: () => randomBytes(16).toString('hex'),
      stopping: stopping.signal,
    },
  )

  const health = () => {
    const counts = roster.counts()
    for (const [state, count] of Object.entries(counts)) workers.set({ state }, count)
    const registered = registry.current()?.gateways.some(gateway => gateway.identity === identity) ?? false
    const blockAgeMs = clock.now() - (blockSec() ?? 0) * 1_000
    const answering = counts.idle + counts.hired > 0
    return {
      healthy: answering && blockAgeMs < FRESH_BLOCK_MS,
      details: { identity, registered, workers: counts },
    }
  }
  const http = createHttpServer(
    {
      name: 'gateway',
      ...config.http,
      cors: true,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      health,
      routes: app => {
        addRoutes(
          app,
          { served, gateway: identity, servedSinceSec: Math.floor(clock.now() / 1_000) },
          {
            completions,
            logger,
            nowMs: () => clock.now(),
            newId: () => randomBytes(12).toString('hex'),
            count: outcome => outcomes.inc({ outcome }),
          },
        )
      },
    },
    { logger, metrics },
  )
  const group = serviceGroup(
    'gateway',
    [
      lockService([identity], config.lockDir),
      stopOnly('hold book', () => database.close()),
      registry,
      blocks,
      roster,
      sampler,
      http,
      // First: the server waits for requests, and they for workers.
      stopOnly('requests', () => stopping.abort(new Error('the gateway is stopping'))),
    ],
    { logger, stopDeadlineMs: STOP_DEADLINE_MS },
  )
  return {
    ...group,
    identity,
    get port() {
      return http.port
    },
    get url() {
      return http.url
    },
  }
}

/** Looks and offers are quick, answers are not. */
function patientClient(url: string) {
  const quick = createWorkerClient({ url, timeoutMs: LOOK_TIMEOUT_MS })
  const { infer } = createWorkerClient({ url, timeoutMs: INFER_TIMEOUT_MS })
  return { ...quick, infer }
}
