/** Wires a relayer: the one place that knows all its parts. */
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { createSettlementReader } from '../chain/settlement/reader.ts'
import { createTransactor } from '../chain/transactor.ts'
import type { RelayerConfig } from '../config/process-config.ts'
import { NotRegisteredError, openMember } from '../member/open-member.ts'
import { type Address, hexOf } from '../protocol/bytes.ts'
import { CHANNELS, topicOf } from '../protocol/channels.ts'
import { epochOf } from '../protocol/epoch/time.ts'
import { relayerByIdentity } from '../protocol/membership.ts'
import { MAX_CERTIFIED_BYTES } from '../protocol/round/certified.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer } from '../runtime/http.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { bytesBlob, serveBlobs } from '../runtime/p2p/blobs.ts'
import { type Service, serviceGroup } from '../runtime/service.ts'
import { openDatabase } from '../runtime/sqlite.ts'
import { createRelayerBeacons } from './challenge/beacons.ts'
import { EPOCH_MIGRATIONS } from './epochs/epoch-store.ts'
import { createEpochs } from './epochs/epochs.ts'
import { type ProposalBuilder, proposeEpoch } from './epochs/proposal.ts'
import { createIntake, INTAKE_MIGRATIONS } from './intake/intake.ts'

export interface RelayerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Parts that a test replaces. */
export interface RelayerParts {
  /** What is proposed for an epoch: the honest computation when absent. */
  readonly propose?: ProposalBuilder
}

const STOP_DEADLINE_MS = 3_000
/** A block every 12 s, and two of them full. */
const MINED_WITHIN_MS = 30_000
/** A settlement costs some 260,000 gas; above 500 gwei somebody should look before it goes on. */
const MAX_FEE_PER_GAS = 500_000_000_000n
/** More epochs than this that wait to be settled mean that something is wrong. */
const HEALTHY_BACKLOG = 3

/**
 * @throws {NotRegisteredError} when this process's identity is no relayer of the registry
 * @throws {WakeExpressionError}
 */
export async function createRelayer(
  config: RelayerConfig,
  deps: RelayerDeps,
  parts: RelayerParts = {},
): Promise<Service> {
  const { clock, logger, metrics } = deps
  const { deployment, network: terms } = config
  const member = await openMember(config, deps)
  const { domain, crypto, network, registry, reader } = member
  if (relayerByIdentity(await registry.refresh(), member.identity) === undefined)
    throw new NotRegisteredError(member.identity, 'relayer', domain.registry)

  const sign = (digest: Uint8Array): Uint8Array => crypto.sign(digest, member.secret)
  const membership = () => registry.current()
  const chain = createSettlementReader({ deployment, finality: terms.finality }, { reader, clock, logger })
  const transactor = createTransactor(
    {
      account: privateKeyToAccount(hexOf(member.secret)),
      chainId: deployment.chainId,
      rpcUrls: config.rpcUrls,
      maxFeePerGasCeiling: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
    },
    { reader, clock },
  )
  const epochDatabase = openDatabase(join(config.dataDir, 'epochs.sqlite'), EPOCH_MIGRATIONS)
  const intakeDatabase = openDatabase(join(config.dataDir, 'intake.sqlite'), INTAKE_MIGRATIONS)

  const windowTerms = {
    clock: chain.clock,
    slotSec: terms.challengeSlotSec,
    every: terms.challengeEvery,
    graceSec: terms.challengeGraceSec,
  }
  const beacons = createRelayerBeacons(
    { domain, terms: windowTerms, dataDir: config.dataDir },
    { clock, logger, chain, network, membership },
  )
  const windowsTopic = topicOf(domain, 'windows')
  const intake = createIntake(
    {
      ...{ domain, windowTerms },
      challengeSize: terms.challengeSize,
    },
    {
      database: intakeDatabase,
      chain,
      beacons,
      membership,
      crypto,
      sign,
      publishSeal: bytes => {
        network.publish(windowsTopic, bytes).catch(() => {})
      },
      clock,
      logger,
      metrics,
      currentPrice: () => epochs.currentPrice(),
    },
  )
  const epochs = createEpochs(
    {
      domain,
      feedId: member.feedId,
      settlement: deployment.contracts.settlement.toLowerCase() as Address,
      directory: join(config.dataDir, 'bundles'),
      sealGraceSec: terms.sealGraceSec,
      epochValidSec: terms.epochValidSec,
      timing: member.timing,
      wake: config.wake,
    },
    {
      clock,
      logger,
      metrics,
      database: epochDatabase,
      chain,
      membership,
      membershipAt: unixMs => registry.at(unixMs),
      crypto,
      network,
      intake,
      propose: parts.propose ?? proposeEpoch,
      send: (call, signal) => transactor.send(call, signal),
    },
  )

  network.subscribe(
    topicOf(domain, 'certified'),
    MAX_CERTIFIED_BYTES,
    data => epochs.admitPrice(data),
    () => {},
  )
  serveBlobs(network, CHANNELS.blob, hash => {
    const transcript = intake.transcript(hash)
    return transcript === undefined ? epochs.bundle(hash) : bytesBlob(transcript)
  })

  const http = createHttpServer(
    {
      name: 'relayer',
      ...config.http,
      cors: true,
      routes: app => {
        intake.routes(app)
        beacons.routes(app)
        epochs.routes(app)
      },
      health: () => {
        const { nextEpoch } = chain.settlement()
        const { latest } = chain.head()
        const current = epochOf(chain.clock, latest.timestampSec)
        return {
          healthy: current - nextEpoch <= HEALTHY_BACKLOG,
          details: {
            nextEpoch,
            currentEpoch: current,
            block: latest.number,
            peers: network.connected().length,
          },
        }
      },
    },
    { logger, metrics },
  )
  const databases: Service = {
    name: 'databases',
    start: async () => {},
    stop: async () => {
      intakeDatabase.close()
      epochDatabase.close()
    },
  }
  return serviceGroup(
    'relayer',
    [databases, ...member.services, chain, beacons, intake, epochs.service, http],
    {
      logger,
      stopDeadlineMs: STOP_DEADLINE_MS,
    },
  )
}
