import type { Address, Hash } from '../../../protocol/bytes.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import type { ChainView, EpochProposal, OwnKnowledge } from '../../../protocol/epoch/audit-types.ts'
import {
  type ChallengeResult,
  OPENING,
  type WindowRoot,
  windowRootOf,
} from '../../../protocol/epoch/availability.ts'
import type { EpochBundle, EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { encodeModel, encodeResult } from '../../../protocol/epoch/bundle-items.ts'
import { decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import { bundleHashOf, encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch, type EpochOutcome, reportOf } from '../../../protocol/epoch/compute.ts'
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import { type EmissionTerms, MAINNET_EMISSION } from '../../../protocol/epoch/emission.ts'
import { debitRootOf, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import type { EpochParameters } from '../../../protocol/epoch/parameters.ts'
import type { EpochReport, SettledTotals } from '../../../protocol/epoch/report.ts'
import type { Model } from '../../../protocol/epoch/settle-usage.ts'
import { EMPTY_STATE, stateHash } from '../../../protocol/epoch/state.ts'
import { EMPTY_ROOT } from '../../../protocol/merkle.ts'
import { ONE } from '../../../protocol/units.ts'
import { encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import { encodeAcceptedHold, type Hold, holdId } from '../../../protocol/usage/hold.ts'
import { encodeSignedReceipt, type Receipt } from '../../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, type UsageRecord, type WorkRecord } from '../../../protocol/usage/record.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { DOMAIN, FEED_ID, KEY_EPOCH } from '../protocol/network.ts'
import {
  acceptHold,
  addressOf,
  certifiedPrice,
  hash,
  network,
  promise,
  signBatch,
  signReceipt,
} from './cast.ts'

export const START_SEC = 1_800_000_000
export const TERMS: EmissionTerms = { ...MAINNET_EMISSION, genesis: 1_000_000n * ONE }
export const LENGTH_SEC = Number(TERMS.epochLengthSec)
export const PAYER = addressOf('payer')
export const WORKER = addressOf('worker')
export const OTHER_WORKER = addressOf('other worker')
export const GATEWAY = addressOf('gateway')
export const OWNER = addressOf('model owner')
export const MODEL_ID = hash('model')
export const LEASE_ID = hash('lease')

export const PARAMETERS: EpochParameters = {
  version: 1,
  hireTaxBps: 500,
  hiredBps: 7_000,
  feeBps: 200,
  gatewayBps: 1_000,
  maxDebitBps: 5_000,
  targetWeight: 1_000n,
  longestHoldEpochs: 24,
}

export const MODEL: Model = { id: MODEL_ID, version: 1, owner: OWNER, royaltyBps: 1_500, active: true }

export function ioHold(changes: Partial<Hold> = {}): Hold {
  return {
    payer: PAYER,
    payee: GATEWAY,
    kind: WORK_KIND.inference,
    asset: ASSET.io,
    maxAmount: 10n * ONE,
    expiresEpoch: 20,
    nonce: 1n,
    ...changes,
  }
}

export function iosdHold(changes: Partial<Hold> = {}): Hold {
  return ioHold({
    payee: WORKER,
    kind: WORK_KIND.hire,
    asset: ASSET.iosd,
    maxAmount: 50n * ONE,
    nonce: 2n,
    ...changes,
  })
}

export function inference(changes: Partial<WorkRecord> = {}): WorkRecord {
  return {
    kind: WORK_KIND.inference,
    payer: PAYER,
    gateway: GATEWAY,
    id: MODEL_ID,
    version: 1,
    hold: holdId(DOMAIN, ioHold()),
    cumulativeUnits: 30n,
    cumulativeCharge: 3n * ONE,
    workHash: hash('request and answer'),
    ...changes,
  }
}

export function hire(changes: Partial<WorkRecord> = {}): WorkRecord {
  return inference({
    kind: WORK_KIND.hire,
    gateway: NOBODY,
    id: LEASE_ID,
    version: 0,
    hold: holdId(DOMAIN, iosdHold()),
    cumulativeUnits: 600n,
    cumulativeCharge: 20n * ONE,
    ...changes,
  })
}

export function inferenceReceipt(changes: Partial<Receipt> = {}): Receipt {
  return {
    payer: PAYER,
    worker: WORKER,
    gateway: GATEWAY,
    kind: WORK_KIND.inference,
    id: MODEL_ID,
    version: 1,
    cumulativeUnits: 100n,
    cumulativeCeiling: 4n * ONE,
    validUntilEpoch: 10,
    ...changes,
  }
}

export function hireReceipt(changes: Partial<Receipt> = {}): Receipt {
  return inferenceReceipt({
    gateway: NOBODY,
    kind: WORK_KIND.hire,
    id: LEASE_ID,
    version: 0,
    cumulativeUnits: 3_600n,
    cumulativeCeiling: 40n * ONE,
    ...changes,
  })
}

export function result(worker: Address, changes: Partial<ChallengeResult> = {}): ChallengeResult {
  return {
    window: 7,
    worker,
    device: hash(`device of ${worker}`),
    products: 5,
    commitment: hash(`products of ${worker}`),
    opening: OPENING.passed,
    transcriptHash: hash(`transcript of ${worker}`),
    ...changes,
  }
}

/** The record in which a worker states what it committed to. */
export function statement({ device, window, products, commitment }: ChallengeResult): UsageRecord {
  return { kind: AVAILABILITY_KIND, device, window, products, commitment }
}

export function sortedBy<T>(items: readonly T[], encode: (item: T) => Uint8Array): T[] {
  return [...items].sort((a, b) => (hexOf(encode(a)) < hexOf(encode(b)) ? -1 : 1))
}

export function windowsOf(results: readonly ChallengeResult[]): WindowRoot[] {
  const windows = [...new Set(results.map(({ window }) => window))].sort((a, b) => a - b)
  return windows.map(window => ({
    window,
    root: windowRootOf(results.filter(item => item.window === window)),
  }))
}

const NOTHING_SETTLED: SettledTotals = {
  rewardRoot: EMPTY_ROOT,
  debitRoot: EMPTY_ROOT,
  cumulativeRewards: 0n,
  cumulativeDebitIosd: 0n,
  cumulativeDebitIo: 0n,
}

const DEPOSITS: readonly DepositLine[] = sortedBy(
  [
    { payer: PAYER, io: 100n * ONE, iosd: 100n * ONE },
    { payer: addressOf('idle payer'), io: ONE, iosd: 0n },
  ],
  line => new TextEncoder().encode(line.payer),
)

/** An epoch with an inference through a gateway, a hire in IOSD and two workers whose devices are proven. */
export function inputsOf(changes: Partial<EpochInputs> = {}): EpochInputs {
  const results = sortedBy([result(WORKER), result(OTHER_WORKER, { products: 3 })], encodeResult)
  const epoch = changes.header?.epoch ?? 0
  const inputs: EpochInputs = {
    header: {
      domain: DOMAIN,
      epoch,
      snapshotBlock: 100 + epoch,
      snapshotHash: hash(`block ${100 + epoch}`),
      burned: 2n * ONE,
      reserve: 1_000n * ONE,
    },
    parameters: PARAMETERS,
    price: certifiedPrice(5n, START_SEC + epoch * LENGTH_SEC + 100),
    models: [MODEL],
    deposits: DEPOSITS,
    windows: windowsOf(changes.results ?? results),
    results,
    opening: EMPTY_STATE,
    openingRewards: [],
    openingDebits: [],
    acceptances: [acceptHold(ioHold(), 'payer'), acceptHold(iosdHold(), 'payer')],
    receipts: [signReceipt(inferenceReceipt(), 'payer'), signReceipt(hireReceipt(), 'payer')],
    batches: [
      signBatch(
        { worker: WORKER, seqFrom: 1, records: [inference(), hire(), statement(result(WORKER))] },
        'worker',
      ),
      signBatch(
        { worker: OTHER_WORKER, seqFrom: 1, records: [statement(result(OTHER_WORKER, { products: 3 }))] },
        'other worker',
      ),
    ],
    ...changes,
  }
  return {
    ...inputs,
    models: sortedBy(inputs.models, encodeModel),
    acceptances: sortedBy(inputs.acceptances, encodeAcceptedHold),
    receipts: sortedBy(inputs.receipts, encodeSignedReceipt),
    batches: sortedBy(inputs.batches, encodeSignedBatch),
    results: sortedBy(inputs.results, encodeResult),
  }
}

/** The inputs of the epoch after: what was left is where it starts. */
export function nextInputs(
  inputs: EpochInputs,
  outcome: EpochOutcome,
  changes: Partial<EpochInputs> = {},
): EpochInputs {
  const epoch = inputs.header.epoch + 1
  return inputsOf({
    header: {
      ...inputs.header,
      epoch,
      snapshotBlock: 100 + epoch,
      snapshotHash: hash(`block ${100 + epoch}`),
      reserve: outcome.allocation.reserveAfter,
    },
    opening: outcome.closing,
    openingRewards: outcome.rewards,
    openingDebits: outcome.debits,
    acceptances: [],
    receipts: [],
    batches: [],
    results: [],
    windows: [],
    ...changes,
  })
}

/** What an honest relayer proposes, and what an honest auditor sees and knows. */
export interface Case {
  readonly bundle: EpochBundle
  readonly report: EpochReport
  readonly outcome: EpochOutcome
  readonly chain: ChainView
  readonly own: OwnKnowledge
}

export function caseOf(inputs: EpochInputs = inputsOf(), previous: SettledTotals = previousOf(inputs)): Case {
  const outcome = computeEpoch(inputs, TERMS)
  const bundle: EpochBundle = { ...inputs, rewards: outcome.rewards, debits: outcome.debits }
  const { header } = inputs
  const endSec = START_SEC + (header.epoch + 1) * LENGTH_SEC
  const frame = {
    keyEpoch: KEY_EPOCH,
    attempt: 0,
    validUntil: endSec + 600,
    previous,
    bundleHash: bundleHashOf(bundle),
  }
  return {
    bundle,
    outcome,
    report: reportOf(inputs, outcome, frame),
    chain: {
      domain: DOMAIN,
      nowSec: endSec + 40,
      startSec: START_SEC,
      terms: TERMS,
      feedId: FEED_ID,
      keyEpoch: KEY_EPOCH,
      nextEpoch: header.epoch,
      owedFrom: header.epoch,
      nextAttempt: 0,
      previous,
      reserve: header.reserve,
      burned: header.burned,
      snapshot: {
        number: header.snapshotBlock,
        hash: header.snapshotHash,
        timestampSec: endSec,
        finalised: true,
      },
      parameters: inputs.parameters,
      deposits: inputs.deposits,
      countedOn: (payer, asset) => {
        const line = inputs.deposits.find(item => item.payer === payer)
        return (asset === ASSET.io ? line?.io : line?.iosd) ?? 0n
      },
      modelOf: (id, version) =>
        [MODEL, ...inputs.models].find(item => item.id === id && item.version === version),
      isWorker: address => address === WORKER || address === OTHER_WORKER,
      isRelayer: address => address === addressOf('relayer'),
      membershipOf: keyEpoch => (keyEpoch === KEY_EPOCH ? network.membership : undefined),
    },
    own: {
      openingStateHash: stateHash(inputs.opening),
      highestPrice: undefined,
      windowRoots: new Map(inputs.windows.map(({ window, root }) => [window, root])),
      inclusions: inputs.batches.map(({ batch }) => promise(batch, header.epoch)),
      forced: [],
      receipts: [],
      sampleSeed: hash('sample'),
      verdictOf: () => 'true',
    },
  }
}

function previousOf(inputs: EpochInputs): SettledTotals {
  if (inputs.header.epoch === 0) return NOTHING_SETTLED
  const [rewards, debits] = [inputs.openingRewards, inputs.openingDebits]
  return {
    rewardRoot: rewardRootOf(rewards),
    debitRoot: debitRootOf(debits),
    cumulativeRewards: rewards.reduce((sum, line) => sum + line.cumulative, 0n),
    cumulativeDebitIosd: debits.reduce((sum, line) => sum + line.cumulativeIosd, 0n),
    cumulativeDebitIo: debits.reduce((sum, line) => sum + line.cumulativeIo, 0n),
  }
}

/** A proposal as it arrives: the bundle through its bytes, the report naming its hash. */
export function proposalOf(bundle: EpochBundle, report: EpochReport): EpochProposal {
  const read = decodeBundle(encodeBundle(bundle))
  const bundleHash: Hash = 'fault' in read ? report.bundleHash : read.hash
  return { report: { ...report, bundleHash }, bundle: read }
}
