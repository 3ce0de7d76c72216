/** Wires everything that becomes of epochs: from what was taken in to an active settlement. */

import type { FastifyInstance } from 'fastify'
import type { TransactionReceipt } from 'viem'
import { wallOrBlockMs } from '../../chain/settlement/blocks.ts'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import type { ContractCall } from '../../chain/transactor.ts'
import { GroupPublic } from '../../member/group-public.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { CertificateCrypto } from '../../protocol/identity.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { RoundTiming } from '../../protocol/round/timing.ts'
import type { Price } from '../../protocol/units.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Blob } from '../../runtime/p2p/blobs.ts'
import type { PeerNetwork, Verdict } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'
import type { EpochIntake } from '../intake/intake.ts'
import { BundleStore } from './bundle-store.ts'
import { Certifier } from './certification.ts'
import { createDuties } from './duties.ts'
import { createEpochStore } from './epoch-store.ts'
import { Ledger } from './ledger.ts'
import { neededBundles } from './needed-bundles.ts'
import { Outcomes } from './outcomes.ts'
import { PriceBook } from './price-book.ts'
import { createPriceStore } from './price-store.ts'
import type { ProposalBuilder } from './proposal.ts'
import { Publisher } from './publication.ts'
import { Recovery } from './recovery.ts'
import { createRefusalLog } from './refusal-log.ts'
import { createRefusedRecords } from './refused-records.ts'
import { epochRoutes } from './routes.ts'
import { EpochRunner } from './runner.ts'
import { Settler } from './settlement.ts'
import { createWake } from './wake.ts'

export interface EpochsOptions {
  readonly domain: Domain
  readonly feedId: Hash
  /** The contract. */
  readonly settlement: Address
  /** Where bundles are kept. */
  readonly directory: string
  readonly sealGraceSec: number
  readonly epochValidSec: number
  readonly timing: Pick<RoundTiming, 'roundMs' | 'skewMs'>
  /** Cron expression with seconds. */
  readonly wake: string
}

export interface EpochsDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Opened with EPOCH_MIGRATIONS; closed by whoever opened it, after the service has stopped. */
  readonly database: SqliteDatabase
  readonly chain: SettlementReader
  readonly membership: () => Membership | undefined
  /** What counts for a round that starts then. */
  readonly membershipAt: (unixMs: number) => Membership | undefined
  readonly crypto: CertificateCrypto
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly intake: EpochIntake
  readonly propose: ProposalBuilder
  readonly send: (call: ContractCall, signal: AbortSignal) => Promise<TransactionReceipt>
}

export interface Epochs {
  /** Start after the chain, the network and the intake. */
  readonly service: Service
  /** The last certified price that came. */
  currentPrice(): Price | undefined
  admitPrice(bytes: Uint8Array): Verdict
  bundle(hash: Hash): Promise<Blob | undefined>
  routes(app: FastifyInstance): void
}

export function createEpochs(options: EpochsOptions, deps: EpochsDeps): Epochs {
  const { domain } = options
  const { clock, logger, metrics, chain, membership, crypto, network, intake, database } = deps
  const store = createEpochStore(database)
  const refusedRecords = createRefusedRecords(database)
  const bundles = new BundleStore(options.directory)
  const ledger = new Ledger()
  const outcomes = new Outcomes({ logger, chain, bundles, network, membership })
  const prices = new PriceBook(
    { domain, feedId: options.feedId, epochs: chain.clock, timing: options.timing },
    {
      clock,
      crypto,
      network,
      membership,
      membershipAt: deps.membershipAt,
      chain,
      nowMs: () => wallOrBlockMs(clock, chain),
      store: createPriceStore(database),
    },
  )
  const refusals = createRefusalLog({ logger, metrics, store })
  const skipped = metrics.counter(
    'ionet_relayer_wakes_skipped_total',
    'Wakes that came while the look before was still going',
  )

  const duties = createDuties(
    { domain, epochValidSec: options.epochValidSec },
    {
      logger,
      chain,
      membership,
      intake,
      prices,
      outcomes,
      bundles,
      ledger,
      refusedRecords,
      recovery: new Recovery({ logger, network }),
      propose: deps.propose,
      publisher: new Publisher({ clock, logger, network }),
      certifier: new Certifier(domain, {
        clock,
        logger,
        crypto,
        network,
        groupPublic: new GroupPublic(network),
        refused: refusals,
      }),
      settler: new Settler(options.settlement, { clock, logger, chain, send: deps.send }),
      neededBundles: () => neededBundles(store, chain.settlement().owedFrom),
    },
  )
  const runner = new EpochRunner(
    { sealGraceSec: options.sealGraceSec },
    { clock, logger, metrics, store, chain, membership, duties },
  )
  const wake = createWake(
    { name: 'epochs', expression: options.wake },
    { logger, run: signal => runner.turn(signal), skipped: () => skipped.inc() },
  )

  return {
    service: {
      name: wake.name,
      start: async signal => {
        bundles.open()
        await wake.start(signal)
      },
      stop: () => wake.stop(),
    },
    currentPrice: () => prices.current(),
    admitPrice: bytes => prices.admit(bytes),
    bundle: hash => bundles.blob(hash),
    routes: app => epochRoutes(app, { chain, store, bundles, ledger, refusedRecords, intake }),
  }
}
