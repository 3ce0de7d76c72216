/** Wires a worker: the one place that knows all its parts. */
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { createReader } from '../chain/clients.ts'
import { createMembershipFollower } from '../chain/membership-reader.ts'
import { createBlockFollower } from '../chain/settlement/blocks.ts'
import { createTransactor } from '../chain/transactor.ts'
import { matrixSize } from '../compute/matrix/size.ts'
import { BUILT_IN_MODEL, modelHash, unitsPerToken } from '../compute/model/spec.ts'
import { loadModel } from '../compute/model/weights.ts'
import type { WorkerConfig } from '../config/process-config.ts'
import { type Address, hexOf } from '../protocol/bytes.ts'
import type { Domain } from '../protocol/domain.ts'
import { epochOf } from '../protocol/epoch/time.ts'
import type { WindowTerms } from '../protocol/epoch/windows.ts'
import { relayerByIdentity } from '../protocol/membership.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer } from '../runtime/http.ts'
import { lockService } from '../runtime/lock.ts'
import type { Logger } from '../runtime/logger.ts'
import { createLoop } from '../runtime/loop.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createIdentityCrypto } from '../runtime/native-identity.ts'
import { type Service, serviceGroup, stopOnly } from '../runtime/service.ts'
import { createRelayerClient } from '../sdk/relayer-client.ts'
import { createChallenger } from './challenge/challenger.ts'
import { createWindowBeacons } from './challenge/window-beacons.ts'
import { Ledger } from './channels/ledger.ts'
import { takeReceiptTo } from './channels/take-receipt.ts'
import { statedBy } from './channels/terms.ts'
import { createClaims } from './claims/claims.ts'
import { createComputeThread } from './compute/compute-thread.ts'
import { openWorkerKeys } from './device/keys.ts'
import { createRegistration, deviceName } from './device/registration.ts'
import { Hires } from './hires/hires.ts'
import { workerRoutes } from './http/routes.ts'
import { Inference } from './inference/inference.ts'
import { createModelWatch } from './inference/model-watch.ts'
import { createMetricSet } from './metrics.ts'
import { Occupancy } from './occupancy.ts'
import { createOutbox } from './outbox/outbox.ts'
import { createWitnessLoop, postToWitness, showReceiptsTo } from './outbox/witnesses.ts'
import { RefusedError } from './refused.ts'
import { openWorkerStore } from './store/worker-store.ts'

export interface WorkerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly fail: (error: Error) => void
}

const STOP_DEADLINE_MS = 5_000
const RELAYER_TIMEOUT_MS = 4_000
/** A block every 12 s, and two of them full. */
const MINED_WITHIN_MS = 30_000
/** A claim costs some 100,000 gas and can wait. */
const MAX_FEE_PER_GAS = 200_000_000_000n
const METER_MS = 1_000
const FORGET_MS = 60_000
/** From a batch's turn until the relayer has it, a retry included. */
const DELIVERY_SEC = 5
/** Records that no relayer has taken, after which no more work is done on credit: a day of hire. */
const MAX_BACKLOG = 100_000

export async function createWorker(config: WorkerConfig, deps: WorkerDeps): Promise<Service> {
  const { clock, logger, metrics } = deps
  const { deployment, network } = config
  const { contracts } = deployment
  const keys = await openWorkerKeys(config)
  const crypto = createIdentityCrypto(logger)
  const sign = (digest: Uint8Array): Uint8Array => crypto.sign(digest, keys.workerSecret)
  const registryAddress = contracts.oracleRegistry.toLowerCase() as Address
  const domain: Domain = { chainId: deployment.chainId, registry: registryAddress }
  const epochs = { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec }
  const { worker } = keys

  const reader = createReader(config.rpcUrls)
  const blocks = createBlockFollower({ finality: network.finality }, { reader, clock, logger })
  const registry = createMembershipFollower(
    { registry: registryAddress, chainId: deployment.chainId, finality: network.finality },
    { reader, clock, logger },
  )
  const isRelayer = (address: Address): boolean => {
    const current = registry.current()
    return current !== undefined && relayerByIdentity(current, address) !== undefined
  }
  const isGateway = (address: Address): boolean =>
    registry.current()?.gateways.some(({ identity }) => identity === address) === true
  const transactor = createTransactor(
    {
      account: privateKeyToAccount(hexOf(keys.workerSecret)),
      chainId: deployment.chainId,
      rpcUrls: config.rpcUrls,
      maxFeePerGasCeiling: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
    },
    { reader, clock },
  )
  const relayer = createRelayerClient({ url: config.relayerUrl, timeoutMs: RELAYER_TIMEOUT_MS })
  const store = openWorkerStore(join(config.dataDir, 'worker.sqlite'))
  const counts = createMetricSet(metrics, store.outbox)

  const registration = createRegistration(
    { domain, worker, device: keys.device, workerRegistry: contracts.workerRegistry },
    {
      ...{ clock, logger, reader, transactor, fail: deps.fail },
      signAsDevice: digest => crypto.sign(digest, keys.deviceSecret),
    },
  )
  const nowSec = (): number | undefined => {
    try {
      return blocks.head().latest.timestampSec
    } catch {
      return undefined
    }
  }
  const weights = loadModel(BUILT_IN_MODEL)
  const weightsHash = modelHash(BUILT_IN_MODEL)
  const model = createModelWatch(
    { registry: contracts.modelRegistry, model: config.model, hash: weightsHash },
    {
      ...{ reader, clock, logger },
      epoch: () => {
        const now = nowSec()
        return now === undefined ? undefined : epochOf(epochs, now)
      },
    },
  )

  const outbox = createOutbox(
    { domain, worker, everyMs: config.batchEverySec * 1_000, oracleUrls: config.oracleUrls },
    {
      ...{ clock, logger, store, crypto, sign, relayer, isRelayer },
      showReceipts: showReceiptsTo(config.oracleUrls, { post: postToWitness, logger }),
      count: counts.batch,
    },
  )
  const witnesses = createWitnessLoop({ clock, logger, store: store.outbox, post: postToWitness })

  const windowTerms: WindowTerms = {
    clock: epochs,
    slotSec: network.challengeSlotSec,
    every: network.challengeEvery,
    graceSec: network.challengeGraceSec,
  }
  // A prompt must not wait for a window, nor a window for a prompt.
  const proving = createComputeThread('proving', { logger })
  const answering = createComputeThread('answering', { logger })
  const challenger = createChallenger(
    {
      ...{ domain, worker, terms: windowTerms },
      device: deviceName(keys.device),
      size: matrixSize(network.challengeSize),
      maxProducts: config.maxProducts,
      sealGraceSec: network.sealGraceSec,
    },
    {
      ...{ clock, logger, blocks, store, sign, relayer },
      beacons: createWindowBeacons(
        { domain, terms: windowTerms },
        { relayer, logger, membershipAt: unixMs => registry.at(unixMs) },
      ),
      computer: proving,
      ready: registration.isRegistered,
      flush: outbox.flush,
      count: counts.window,
    },
  )

  const ledger = new Ledger({ domain, worker }, { store, sign })
  const occupancy = new Occupancy()
  const terms = { domain, crypto, isRelayer, isGateway }
  const takeReceipt = takeReceiptTo(relayer)
  const mustLastUntil = (): number => {
    const now = nowSec()
    if (now === undefined) throw new RefusedError('NOT_READY')
    return statedBy(epochs, now, config.batchEverySec + DELIVERY_SEC)
  }
  const admit = (): void => {
    if (!registration.isRegistered()) throw new RefusedError('NOT_READY')
    if (ledger.backlog() > MAX_BACKLOG) throw new RefusedError('BACKLOG')
  }
  const inference = new Inference(
    { worker, model: config.model, ioPerThousandUnits: config.price.ioPerThousandUnits },
    {
      ...{ weights, ledger, occupancy, terms, takeReceipt, mustLastUntil },
      computer: answering,
      admit: () => {
        admit()
        if (!model.isUsable()) throw new RefusedError('NOT_READY')
      },
    },
  )
  const hires = new Hires(
    { worker, iosdPerSec: config.price.iosdPerSec },
    {
      ...{ ledger, occupancy, terms, takeReceipt, mustLastUntil, admit },
      nowSec: () => Math.floor(clock.now() / 1_000),
      monotonic: () => clock.monotonic(),
      onSeconds: counts.hiredSeconds,
      onEnd: (lease, reason) => logger.info('lease ended', { lease, reason }),
    },
  )
  const metering = createLoop({
    name: 'metering',
    everyMs: METER_MS,
    longRuns: true,
    clock,
    logger,
    run: async () => hires.meter(),
  })
  const forgetting = createLoop({
    name: 'forgetting',
    everyMs: FORGET_MS,
    clock,
    logger,
    run: async () => {
      const now = nowSec()
      // One epoch of tolerance: block time may go back a little when blocks are replaced.
      if (now !== undefined) ledger.forgetBefore(epochOf(epochs, now) - 1)
    },
  })
  const http = createHttpServer(
    {
      name: 'worker',
      ...config.http,
      cors: true,
      routes: app => {
        app.register(
          workerRoutes(
            {
              ...{ worker, device: deviceName(keys.device), price: config.price },
              model: { ...config.model, hash: weightsHash, unitsPerToken: unitsPerToken(BUILT_IN_MODEL) },
            },
            { inference, hires, occupancy, logger, countInference: counts.inference },
          ),
        )
      },
      health: () => {
        const { records, batches } = store.outbox.counts()
        return {
          healthy: registration.isRegistered() && nowSec() !== undefined,
          details: {
            registered: registration.isRegistered(),
            modelUsable: model.isUsable(),
            state: occupancy.state,
            unsentRecords: records,
            unsentBatches: batches,
          },
        }
      },
    },
    { logger, metrics },
  )
  const claims = createClaims(
    { account: worker, distributor: contracts.rewardsDistributor, everySec: config.claimEverySec },
    { clock, logger, relayer, transactor, reader, onClaimed: counts.claimed },
  )

  return serviceGroup(
    'worker',
    [
      stopOnly('store', () => store.close()),
      lockService([keys.worker, keys.device], config.lockDir),
      registry,
      blocks,
      proving,
      answering,
      outbox,
      witnesses,
      registration,
      model,
      challenger,
      stopOnly('lease', () => hires.stop()),
      metering,
      forgetting,
      ...(config.claimEverySec > 0 ? [claims] : []),
      http,
    ],
    { logger, stopDeadlineMs: STOP_DEADLINE_MS },
  )
}
