/** Everything that the relayer takes in, for the one who computes epochs of it. Wires the desks to their stores. */
import type { FastifyInstance } from 'fastify'
import type { SettlementReader } from '../../chain/settlement/reader.ts'
import { MAX_PRODUCTS } from '../../compute/challenge/context.ts'
import { drawRuleOf } from '../../compute/challenge/draw.ts'
import { openingsBytes } from '../../compute/challenge/openings.ts'
import type { Kernel } from '../../compute/matrix/kernel.ts'
import { matrixSize } from '../../compute/matrix/size.ts'
import { createWasmKernel } from '../../compute/matrix/wasm-kernel.ts'
import type { Address, Hash, Hex } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { ChallengeResult, WindowRoot } from '../../protocol/epoch/availability.ts'
import type { DebitLine } from '../../protocol/epoch/ledger.ts'
import type { UsageState, WorkerSequence } from '../../protocol/epoch/state.ts'
import { epochOf } from '../../protocol/epoch/time.ts'
import type { WindowTerms } from '../../protocol/epoch/windows.ts'
import { type IdentityCrypto, SIGNATURE_BYTES } from '../../protocol/identity.ts'
import { type Membership, relayerByIdentity } from '../../protocol/membership.ts'
import type { Price } from '../../protocol/units.ts'
import type { SignedBatch } from '../../protocol/usage/batch.ts'
import type { AcceptedHold } from '../../protocol/usage/hold.ts'
import { encodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import type { SequenceState } from '../../protocol/usage/sequence.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Service } from '../../runtime/service.ts'
import type { SqliteDatabase } from '../../runtime/sqlite.ts'
import { Judge } from '../challenge/judge.ts'
import type { WindowBeacons } from '../challenge/window-beacons.ts'
import { WindowDesk } from '../challenge/window-desk.ts'
import { createWindowStore } from '../challenge/window-store.ts'
import { intakeRoutes } from '../http/intake-routes.ts'
import { type Adoption, type AdoptionDeps, openAdoption } from './adoption.ts'
import { BatchDesk } from './batch-desk.ts'
import { createBatchStore } from './batch-store.ts'
import { createEpochStore, type IntakeStats } from './epoch-store.ts'
import { GroupCommit } from './group-commit.ts'
import { HoldDesk } from './hold-desk.ts'
import { createHoldStore } from './hold-store.ts'
import type { OwedEpochs } from './owed-epochs.ts'
import { rebase } from './rebase.ts'
import { ReceiptDesk } from './receipt-desk.ts'
import { createReceiptStore } from './receipt-store.ts'

export type { IntakeStats } from './epoch-store.ts'
export { INTAKE_MIGRATIONS } from './migrations.ts'

/** Wei of one payer and asset that open holds may still take, and that has been charged but not debited. */
export interface SpokenFor {
  readonly open: bigint
  readonly unsettled: bigint
}

/** What the epochs are computed from. Everything here is durable. */
export interface EpochIntake {
  /** Nothing more is taken into this epoch, or one before it, for good. Devices that sent no openings have failed. */
  seal(epoch: number): void
  /**
   * What oracle nodes were shown for sealed epochs, and is not in them.
   *
   * @param opening the sequences that the last epoch with a bundle left
   * @throws {RangeError} when they are not sealed
   */
  adoption(owed: OwedEpochs, opening: readonly WorkerSequence[]): Adoption
  /** Ascending by worker and sequence. */
  batches(epoch: number): SignedBatch[]
  /** Sorted by encoded bytes. */
  acceptances(epoch: number): AcceptedHold[]
  /** The best receipt of each given channel that has one, sorted by encoded bytes. */
  receipts(keys: ReadonlySet<Hex>, owed: OwedEpochs): SignedReceipt[]
  /** Sorted by encoded bytes. */
  windows(epoch: number): WindowRoot[]
  /**
   * Judges openings that waited when the epoch was sealed; to be called before `results`.
   *
   * @returns false while that cannot be done yet
   */
  confirmOpenings(epoch: number): Promise<boolean>
  /** Sorted by encoded bytes. */
  results(epoch: number): ChallengeResult[]
  transcript(hash: Hash): Uint8Array | undefined
  /** An epoch has been computed and certified: what holds and charges are counted against from now on. */
  rebase(state: {
    readonly epoch: number
    readonly closing: UsageState
    readonly debits: readonly DebitLine[]
  }): void
  /** What only epochs before this one needed may go. */
  prune(beforeEpoch: number): void
  recordsAccepted(epoch: number): number
  sequenceOf(worker: Address): SequenceState
  /** As counted for new holds: by the last rebase and what has been accepted since. */
  spokenFor(payer: Address): { readonly io: SpokenFor; readonly iosd: SpokenFor }
  stats(): IntakeStats
}

export interface IntakeOptions {
  readonly domain: Domain
  readonly windowTerms: WindowTerms
  /** Side of the challenge's matrices. */
  readonly challengeSize: number
}

export interface IntakeDeps {
  /** Opened with `INTAKE_MIGRATIONS`, and used by nobody else. */
  readonly database: SqliteDatabase
  readonly chain: Pick<
    SettlementReader,
    | 'clock'
    | 'head'
    | 'refresh'
    | 'longestHoldEpochs'
    | 'account'
    | 'epochFacts'
    | 'isWorker'
    | 'workerOfDevice'
  >
  readonly beacons: WindowBeacons
  readonly membership: () => Membership | undefined
  readonly crypto: IdentityCrypto
  /** By the relayer's identity. */
  readonly sign: (digest: Uint8Array) => Uint8Array
  /** Gossips a sealed root. */
  readonly publishSeal: (bytes: Uint8Array) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** The newest certified price. */
  readonly currentPrice: () => Price | undefined
}

export type Intake = EpochIntake & Service & { routes(app: FastifyInstance): void }

/** The deadline of a window is noticed within this time, on top of the reader's own pace. */
const TICK_MS = 200

/** @throws {RangeError} when the challenge's size is none */
export function createIntake(options: IntakeOptions, deps: IntakeDeps): Intake {
  const { domain, windowTerms } = options
  const { database, chain, crypto, sign, clock, logger } = deps
  const size = matrixSize(options.challengeSize)
  const epochs = createEpochStore(database)
  const batches = createBatchStore(database)
  const holds = createHoldStore(database)
  const receipts = createReceiptStore(database)
  const windowStore = createWindowStore(database)
  const commit = new GroupCommit(database, () => clock.monotonic())
  const outcomes = deps.metrics.counter(
    'ionet_relayer_intake_total',
    'What was handed in, by door and outcome',
    ['door', 'outcome'],
  )

  const openEpoch = (): number | undefined => {
    const epoch = epochOf(chain.clock, chain.head().latest.timestampSec)
    return epoch >= 0 && epoch > epochs.sealedThrough() ? epoch : undefined
  }
  let kernel: Promise<Kernel> | undefined
  const judge = new Judge(() => {
    kernel ??= createWasmKernel()
    return kernel
  })
  const batchDesk = new BatchDesk({
    ...{ domain, crypto, sign, openEpoch, batches, epochs },
    isWorker: address => chain.isWorker(address),
  })
  const holdDesk = new HoldDesk({
    ...{ domain, crypto, chain, sign, openEpoch, holds, epochs, commit },
    price: deps.currentPrice,
  })
  const receiptDesk = new ReceiptDesk({ domain, crypto, openEpoch, receipts, holds, batches, epochs })
  const windowDesk = new WindowDesk(
    { domain, terms: windowTerms, size },
    {
      ...{
        chain,
        beacons: deps.beacons,
        windows: windowStore,
        epochs,
        commit,
        judge,
        crypto,
        sign,
        clock,
        logger,
      },
      keyEpoch: () => deps.membership()?.keyEpoch ?? 0,
      publish: deps.publishSeal,
    },
  )
  const loop = createLoop({
    name: 'challenge windows',
    everyMs: TICK_MS,
    // Closing many commitments takes longer than a tick.
    longRuns: true,
    clock,
    logger,
    run: async () => windowDesk.tick(),
  })
  const inTransaction = <T>(work: () => T): T => database.transaction(work).immediate()
  const adoptionDeps: AdoptionDeps = {
    ...{ domain, crypto, batches, epochs, receiptDesk, inTransaction },
    isWorker: address => chain.isWorker(address),
    isRelayer: address => {
      const membership = deps.membership()
      return membership !== undefined && relayerByIdentity(membership, address) !== undefined
    },
  }

  return {
    name: 'intake',
    start: async signal => {
      await loop.start(signal)
    },
    stop: async () => {
      await loop.stop()
      await judge.idle()
      await commit.stop()
    },
    routes: app =>
      intakeRoutes(app, {
        takeBatch: bytes => commit.submit(() => batchDesk.take(bytes), bytes.length),
        takeReceipt: bytes => commit.submit(() => receiptDesk.take(bytes), bytes.length),
        holds: holdDesk,
        windows: windowDesk,
        stats: epochs.stats,
        maxOpeningBytes: openingsBytes(drawRuleOf(size), size, MAX_PRODUCTS) + SIGNATURE_BYTES,
        count: (door, outcome) => outcomes.inc({ door, outcome }),
        failed: (door, error) => logger.warn('a request could not be taken in', { door, error }),
      }),

    seal: epoch => {
      if (epoch <= epochs.sealedThrough()) return
      inTransaction(() => {
        windowDesk.seal(epoch)
        epochs.setSealedThrough(epoch)
      })
    },
    adoption: (owed, opening) => openAdoption(owed, opening, adoptionDeps),
    batches: batches.ofEpoch,
    acceptances: holds.acceptedIn,
    receipts: (keys, owed) => sortedReceipts(receiptDesk.choose(keys, owed)),
    windows: epoch => windowDesk.windowsOf(epoch),
    confirmOpenings: epoch => windowDesk.confirm(epoch),
    results: epoch => windowDesk.resultsOf(epoch),
    transcript: windowStore.transcript,
    rebase: state => {
      const dropped = inTransaction(() => rebase(domain, state, { batches, holds, receipts, epochs }))
      if (dropped > 0)
        logger.warn('batches overlap with what another relayer settled, and count nowhere', {
          epoch: state.epoch,
          dropped,
        })
    },
    prune: beforeEpoch =>
      inTransaction(() => {
        batches.prune(beforeEpoch)
        holds.prune(beforeEpoch)
        receipts.prune(beforeEpoch)
        windowDesk.prune(beforeEpoch)
      }),
    recordsAccepted: epochs.recordsOf,
    sequenceOf: worker => batches.progressOf(worker).sequence,
    spokenFor: payer => {
      const { io, iosd } = holdDesk.bookOf(payer, { io: 0n, iosd: 0n })
      return {
        io: { open: io.open, unsettled: io.unsettled },
        iosd: { open: iosd.open, unsettled: iosd.unsettled },
      }
    },
    stats: epochs.stats,
  }
}

function sortedReceipts(receipts: readonly SignedReceipt[]): SignedReceipt[] {
  return receipts
    .map(signed => ({ signed, bytes: Buffer.from(encodeSignedReceipt(signed)) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ signed }) => signed)
}
