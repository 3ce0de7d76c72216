/**
 * A development chain on which two epochs have been computed as a relayer computes them, and settled: a hire in IOSD
 * and proven capacity in the first one, an inference in IO through a gateway in the second. With trouble, if asked for:
 * members veto, and empty epochs in between.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  createTestClient,
  type HDAccount,
  http,
  keccak256,
  type LocalAccount,
  publicActions,
  toHex,
  walletActions,
} from 'viem'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { updateCall } from '../../../chain/price-feed.ts'
import { activateCall, settleCall, settleEmptyCall, vetoCall } from '../../../chain/settlement/calls.ts'
import { createSettlementReader } from '../../../chain/settlement/reader.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { OPENING, windowRootOf } from '../../../protocol/epoch/availability.ts'
import type { EpochBundle, EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { bundleHashOf, encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch, type EpochOutcome, reportOf } from '../../../protocol/epoch/compute.ts'
import { emptyEpochDigest, vetoDigest } from '../../../protocol/epoch/decisions.ts'
import { proveReward } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import { AVAILABILITY_KIND } from '../../../protocol/usage/record.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../chain/anvil.ts'
import { firstRotationCall } from '../chain/rotation.ts'
import { testGroup, testMember } from '../chain/signing.ts'
import { dealBeacon } from '../protocol/beacon-key.ts'
import {
  fundEscrow,
  inputsFrom,
  lower,
  registerDevice,
  registerModel,
  type Send,
  secretOf,
  signers,
} from './settled-cast.ts'

export const EPOCH_SEC = 600
export const GENESIS = 1_000_000n * ONE
const PRICE = (2n * ONE) as Price
/** Of a troubled chain: how long a stage can be vetoed. */
const DISPUTE_SEC = 60
const LEASE = keccak256(toHex('lease'))
/** Of this chain's only key epoch. */
export const BEACON_KEY = dealBeacon([0, 1, 2, 3], 3, 'settled chain')
/** Of four members: f + 1, and q. */
const [ONE_HONEST, QUORUM] = [2, 3]

export interface SettledChain {
  readonly rpcUrl: string
  readonly deployment: Deployment
  readonly deploymentFile: string
  readonly worker: LocalAccount
  readonly workerSecret: Uint8Array
  /** By epoch. */
  readonly bundles: readonly Uint8Array[]
  readonly reports: readonly EpochReport[]
  readonly outcomes: readonly EpochOutcome[]
  readonly client: ReturnType<typeof connect>
  /** What the network would certify in this second. It is not brought to the chain. */
  certify(price: Price): Promise<CertifiedReport>
  /** What a relayer would answer for an account. */
  accountJson(account: Address): Record<string, unknown> | undefined
  stop(): Promise<void>
}

function connect(rpcUrl: string) {
  return createTestClient({
    mode: 'anvil',
    account: fundedAccount(0),
    transport: http(rpcUrl),
    pollingInterval: 20,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions)
}

/** What becomes of the epochs of a troubled chain. Epoch 0 and the vetoed one have reports, and `bundles` tell of them. */
export const TROUBLED = {
  /** Staged, vetoed, and given up. */
  vetoedAndEmptied: 1,
  /** Staged, vetoed, and settled under the next attempt. */
  vetoed: 2,
  /** Never staged. */
  emptied: 3,
} as const

/** @param dir an existing folder; the deployment file is written there */
export function startSettledChain(dir: string): Promise<SettledChain> {
  return started(dir, undefined)
}

/** As {@link startSettledChain}, with vetoes and emptied epochs. */
export function startTroubledChain(dir: string): Promise<SettledChain> {
  return started(dir, TROUBLED)
}

type Trouble = typeof TROUBLED | undefined

async function started(dir: string, trouble: Trouble): Promise<SettledChain> {
  const anvil = await startAnvil()
  const atEnd: (() => Promise<void>)[] = []
  try {
    const settled = await settleEpochs(anvil, dir, trouble, atEnd)
    return { ...settled, stop: () => anvil.stop() }
  } catch (error) {
    await anvil.stop()
    throw error
  } finally {
    for (const stop of atEnd) await stop()
  }
}

/** @param atEnd is given what has to be stopped when the epochs are settled, or could not be */
async function settleEpochs(
  anvil: Anvil,
  dir: string,
  trouble: Trouble,
  atEnd: (() => Promise<void>)[],
): Promise<Omit<SettledChain, 'stop'>> {
  const client = connect(anvil.rpcUrl)
  const [payer, worker, owner, gateway, relayer] = [1, 2, 3, 4, 5].map(fundedAccount) as [
    HDAccount,
    HDAccount,
    HDAccount,
    HDAccount,
    HDAccount,
  ]
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const { timestamp } = await client.getBlock()
  const deployment = await deploy({
    rpcUrl: anvil.rpcUrl,
    deployer: fundedAccount(0),
    members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
    aggregators: [],
    relayers: [{ identity: relayer.address, peerKey: keccak256(toHex('peer of the relayer')) }],
    genesis: [{ account: payer.address, amount: GENESIS }],
    epochLengthSec: EPOCH_SEC,
    epochStart: Number(timestamp),
    settlement: { disputeSec: trouble === undefined ? 0 : DISPUTE_SEC },
  })
  mkdirSync(dir, { recursive: true })
  const deploymentFile = join(dir, 'deployment.json')
  saveDeployment(deploymentFile, deployment)
  const { contracts } = deployment
  const domain: Domain = {
    chainId: deployment.chainId,
    registry: contracts.oracleRegistry.toLowerCase() as Address,
  }
  const group = testGroup('first')
  const reader = createSettlementReader(
    { deployment, finality: 'latest' },
    { reader: createReader([anvil.rpcUrl]), clock: systemClock, logger: silentLogger },
  )
  atEnd.push(() => reader.stop())
  await reader.start(new AbortController().signal)

  const send: Send = async (account, call) => {
    const hash = await client.writeContract({ ...call, account, chain: null, gas: AMPLE_GAS } as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${call.functionName} reverted`)
    return receipt
  }
  const endEpoch = async (epoch: number): Promise<void> => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(deployment.epochStart + (epoch + 1) * EPOCH_SEC) })
    await client.mine({ blocks: 2 })
    await reader.refresh()
  }
  const certify = async (price: Price): Promise<CertifiedReport> => {
    const observedAt = Number((await client.getBlock()).timestamp)
    const word = packReport({ price, confidence: 17, observedAt, round: asRound(observedAt * 10) })
    const signature = group.sign(reportDigest(domain, deployment.feedId, word))
    const feedId = deployment.feedId as Hash
    return { keyEpoch: 1, feedId, word, certificate: { kind: 'group', signature } }
  }
  const certifyPrice = async (): Promise<CertifiedReport> => {
    const report = await certify(PRICE)
    await send(fundedAccount(0), updateCall(contracts.priceFeed, report))
    return report
  }

  await send(
    fundedAccount(0),
    firstRotationCall(domain, members, group, transcriptHashOf(BEACON_KEY.transcript)),
  )
  const price = await certifyPrice()
  await fundEscrow(payer, contracts, send)
  const device = await registerDevice(worker, domain, contracts.workerRegistry, send)
  const { id: modelId } = await registerModel(owner, contracts.modelRegistry, client, send)

  const settled: { bundle: EpochBundle; report: EpochReport; outcome: EpochOutcome }[] = []
  const stage = async (inputs: EpochInputs, change: (report: EpochReport) => EpochReport = same => same) => {
    const outcome = computeEpoch(inputs, reader.terms)
    const bundle: EpochBundle = { ...inputs, rewards: outcome.rewards, debits: outcome.debits }
    const honest = reportOf(inputs, outcome, {
      keyEpoch: 1,
      attempt: reader.settlement().nextAttempt,
      validUntil: Number((await client.getBlock()).timestamp) + EPOCH_SEC,
      previous: reader.settlement().previous,
      bundleHash: bundleHashOf(bundle),
    })
    const report = change(honest)
    const signature = group.sign(epochReportDigest(domain, report))
    await send(fundedAccount(0), settleCall(contracts.settlement, report, { kind: 'group', signature }))
    await reader.refresh()
    return { bundle, report, outcome }
  }
  const settle = async (inputs: EpochInputs): Promise<void> => {
    const staged = await stage(inputs)
    if (trouble !== undefined) {
      await client.increaseTime({ seconds: DISPUTE_SEC })
      await send(fundedAccount(0), activateCall(contracts.settlement, staged.report))
      await reader.refresh()
    }
    settled.push(staged)
  }
  const signedBy = (count: number, digest: Uint8Array): Uint8Array[] =>
    members
      .slice(0, count)
      .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
      .map(({ secret }) => nobleIdentityCrypto.sign(digest, secret))
  const veto = async ({ epoch, attempt }: EpochReport): Promise<void> => {
    const [, , , reportHash] = await client.readContract({
      ...{ address: contracts.settlement, abi: settlementAbi },
      functionName: 'staged',
    })
    const signatures = signedBy(ONE_HONEST, vetoDigest(domain, { epoch, attempt, reportHash }))
    await send(fundedAccount(0), vetoCall(contracts.settlement, epoch, signatures))
    await reader.refresh()
  }
  const empty = async (epoch: number): Promise<void> => {
    const signatures = signedBy(QUORUM, emptyEpochDigest(domain, { keyEpoch: 1, epoch }))
    await send(fundedAccount(0), settleEmptyCall(contracts.settlement, epoch, signatures))
    await reader.refresh()
  }
  const sign = signers(domain, { payer, worker, relayer })

  await endEpoch(0)
  const hold = sign.hold(0, {
    payer: lower(payer),
    payee: lower(worker),
    kind: WORK_KIND.hire,
    asset: ASSET.iosd,
    maxAmount: 40n * ONE,
    expiresEpoch: 2,
    nonce: 1n,
  })
  const hire = {
    payer: lower(payer),
    gateway: NOBODY,
    kind: WORK_KIND.hire,
    id: LEASE,
    version: 0,
    cumulativeUnits: 600n,
  }
  const committed = { device, window: 7, products: 5, commitment: keccak256(toHex('products')) }
  const results = [
    {
      ...committed,
      worker: lower(worker),
      opening: OPENING.passed,
      transcriptHash: keccak256(toHex('transcript')),
    },
  ]
  await settle({
    ...(await inputsFrom(reader, domain, 0)),
    price,
    results,
    windows: [{ window: 7, root: windowRootOf(results) }],
    acceptances: [hold],
    receipts: [
      sign.receipt({ ...hire, worker: lower(worker), cumulativeCeiling: 40n * ONE, validUntilEpoch: 2 }),
    ],
    batches: [
      sign.batch(1, [
        {
          ...hire,
          hold: holdId(domain, hold.hold),
          cumulativeCharge: 30n * ONE,
          workHash: keccak256(toHex('a hire')),
        },
        { kind: AVAILABILITY_KIND, ...committed },
      ]),
    ],
  })

  if (trouble !== undefined) {
    await endEpoch(trouble.vetoedAndEmptied)
    const nothing = await inputsFrom(reader, domain, trouble.vetoedAndEmptied)
    await veto((await stage(nothing, paysTooMuch)).report)
    await empty(trouble.vetoedAndEmptied)
  }
  const later = trouble?.vetoed ?? 1
  const second = await certifyPrice()
  await endEpoch(later)
  const model = await reader.model(modelId, 1, later)
  if (model === undefined) throw new Error('the model is not there')
  const inferenceHold = sign.hold(later, {
    ...hold.hold,
    payee: lower(gateway),
    kind: WORK_KIND.inference,
    asset: ASSET.io,
    maxAmount: 10n * ONE,
    expiresEpoch: later + 2,
    nonce: 2n,
  })
  const inference = {
    payer: lower(payer),
    gateway: lower(gateway),
    kind: WORK_KIND.inference,
    id: modelId,
    version: 1,
    cumulativeUnits: 300n,
  }
  const before = settled[0]
  if (before === undefined) throw new Error('epoch 0 is not settled')
  const inferences: EpochInputs = {
    ...(await inputsFrom(reader, domain, later)),
    price: second,
    models: [model],
    opening: before.outcome.closing,
    openingRewards: before.outcome.rewards,
    openingDebits: before.outcome.debits,
    acceptances: [inferenceHold],
    receipts: [
      sign.receipt({
        ...inference,
        worker: lower(worker),
        cumulativeCeiling: 4n * ONE,
        validUntilEpoch: later + 2,
      }),
    ],
    batches: [
      sign.batch(3, [
        {
          ...inference,
          hold: holdId(domain, inferenceHold.hold),
          cumulativeCharge: 3n * ONE,
          workHash: keccak256(toHex('an inference')),
        },
      ]),
    ],
  }
  if (trouble !== undefined) await veto((await stage(inferences)).report)
  await settle(inferences)
  if (trouble !== undefined) {
    await endEpoch(trouble.emptied)
    await empty(trouble.emptied)
  }
  const last = settled.at(-1)
  return {
    rpcUrl: anvil.rpcUrl,
    deployment,
    deploymentFile,
    worker,
    workerSecret: secretOf(worker),
    bundles: settled.map(({ bundle }) => Buffer.concat([...encodeBundle(bundle)])),
    reports: settled.map(({ report }) => report),
    outcomes: settled.map(({ outcome }) => outcome),
    client,
    certify,
    accountJson: account => {
      const proven = proveReward(last?.outcome.rewards ?? [], account)
      if (proven === undefined || last === undefined) return undefined
      const { report } = last
      return {
        account,
        epoch: report.epoch,
        cumulativeWei: String(proven.cumulative),
        root: report.rewardRoot,
        proof: proven.proof,
      }
    },
  }
}

function paysTooMuch(report: EpochReport): EpochReport {
  const { availabilityPaid, cumulativeRewards } = report
  return {
    ...report,
    availabilityPaid: availabilityPaid + ONE,
    cumulativeRewards: cumulativeRewards + ONE,
    rewardRoot: keccak256(toHex('a false root')),
  }
}
