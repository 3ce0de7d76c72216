/**
 * A development chain on which two epochs have been computed as a relayer computes them, and settled: a hire in IOSD
 * and proven capacity in the first one, an inference in IO through a gateway in the second.
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
  type TransactionReceipt,
  toHex,
  walletActions,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { modelRegistryAbi } from '../../../chain/abi/model-registry.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import { type Deployment, saveDeployment } from '../../../chain/deployment.ts'
import { updateCall } from '../../../chain/price-feed.ts'
import { settleCall } from '../../../chain/settlement/calls.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { type Domain, digestOf } from '../../../protocol/domain.ts'
import { OPENING, windowRootOf } from '../../../protocol/epoch/availability.ts'
import type { EpochBundle, EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { bundleHashOf, encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch, type EpochOutcome, reportOf } from '../../../protocol/epoch/compute.ts'
import { proveReward } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { transcriptHashOf } from '../../../protocol/keygen/transcript.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { batchDigest, batchIdentity, type SignedBatch } from '../../../protocol/usage/batch.ts'
import {
  type AcceptedHold,
  acceptanceDigest,
  type Hold,
  holdDigest,
  holdId,
} from '../../../protocol/usage/hold.ts'
import { type Receipt, receiptDigest, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, type UsageRecord } from '../../../protocol/usage/record.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { type Anvil, fundedAccount, startAnvil } from '../chain/anvil.ts'
import { firstRotationCall } from '../chain/rotation.ts'
import { quorumSignatures, testGroup, testMember } from '../chain/signing.ts'
import { dealBeacon } from '../protocol/beacon-key.ts'

export const EPOCH_SEC = 600
export const GENESIS = 1_000_000n * ONE
export const BURNED = 50n * ONE
const PRICE = (2n * ONE) as Price
const LEASE = keccak256(toHex('lease'))
/** Of this chain's only key epoch. */
export const BEACON_KEY = dealBeacon([0, 1, 2, 3], 3, 'settled chain')
const BYTES = 32

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

const lower = (account: LocalAccount): Address => account.address.toLowerCase() as Address

function secretOf(account: HDAccount): Uint8Array {
  const { privateKey } = account.getHdKey()
  if (privateKey === null || privateKey === undefined) throw new Error('no key')
  return privateKey
}

/** @param dir an existing folder; the deployment file is written there */
export async function startSettledChain(dir: string): Promise<SettledChain> {
  const anvil = await startAnvil()
  try {
    return await settleTwoEpochs(anvil, dir)
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

async function settleTwoEpochs(anvil: Anvil, dir: string): Promise<SettledChain> {
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
    settlement: { disputeSec: 0 },
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
  await reader.start(new AbortController().signal)

  const send = async (account: LocalAccount, call: ContractCall): Promise<TransactionReceipt> => {
    const hash = await client.writeContract({ ...call, account, chain: null } as never)
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
  const settle = async (inputs: EpochInputs): Promise<void> => {
    const outcome = computeEpoch(inputs, reader.terms)
    const bundle: EpochBundle = { ...inputs, rewards: outcome.rewards, debits: outcome.debits }
    const report = reportOf(inputs, outcome, {
      keyEpoch: 1,
      attempt: 0,
      validUntil: Number((await client.getBlock()).timestamp) + EPOCH_SEC,
      previous: reader.settlement().previous,
      bundleHash: bundleHashOf(bundle),
    })
    const signature = group.sign(epochReportDigest(domain, report))
    await send(fundedAccount(0), settleCall(contracts.settlement, report, { kind: 'group', signature }))
    await reader.refresh()
    settled.push({ bundle, report, outcome })
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

  const second = await certifyPrice()
  await endEpoch(1)
  const model = await reader.model(modelId, 1, 1)
  if (model === undefined) throw new Error('the model is not there')
  const inferenceHold = sign.hold(1, {
    ...hold.hold,
    payee: lower(gateway),
    kind: WORK_KIND.inference,
    asset: ASSET.io,
    maxAmount: 10n * ONE,
    expiresEpoch: 3,
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
  await settle({
    ...(await inputsFrom(reader, domain, 1)),
    price: second,
    models: [model],
    opening: before.outcome.closing,
    openingRewards: before.outcome.rewards,
    openingDebits: before.outcome.debits,
    acceptances: [inferenceHold],
    receipts: [
      sign.receipt({ ...inference, worker: lower(worker), cumulativeCeiling: 4n * ONE, validUntilEpoch: 3 }),
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
  })
  await reader.stop()

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
    stop: () => anvil.stop(),
  }
}

type Send = (account: LocalAccount, call: ContractCall) => Promise<TransactionReceipt>

/** Inputs of an epoch in which nothing happened, as the chain tells them. */
async function inputsFrom(reader: SettlementReader, domain: Domain, epoch: number): Promise<EpochInputs> {
  const { snapshot, burned, parameters, deposits } = await reader.epochFacts(epoch)
  return {
    header: {
      domain,
      epoch,
      snapshotBlock: snapshot.number,
      snapshotHash: snapshot.hash,
      burned,
      reserve: reader.settlement().reserve,
    },
    parameters,
    price: undefined,
    models: [],
    deposits,
    windows: [],
    results: [],
    opening: EMPTY_STATE,
    openingRewards: [],
    openingDebits: [],
    acceptances: [],
    receipts: [],
    batches: [],
  }
}

/** Burns for IOSD, and deposits 30 IO and all the IOSD. */
async function fundEscrow(
  payer: LocalAccount,
  contracts: Deployment['contracts'],
  send: Send,
): Promise<void> {
  const { io, iosd, burner, escrow } = contracts
  const call = (address: Address, abi: ContractCall['abi'], functionName: string, ...args: unknown[]) =>
    send(payer, { address, abi, functionName, args })
  await call(io, ioAbi, 'approve', burner, BURNED)
  await call(burner, burnerAbi, 'burnExactIn', BURNED, 0n, 2n ** 40n)
  await call(io, ioAbi, 'approve', escrow, 30n * ONE)
  await call(escrow, escrowAbi, 'deposit', ASSET.io, 30n * ONE)
  await call(iosd, iosdAbi, 'approve', escrow, 100n * ONE)
  await call(escrow, escrowAbi, 'deposit', ASSET.iosd, 100n * ONE)
}

async function registerDevice(
  worker: LocalAccount,
  domain: Domain,
  registry: Address,
  send: Send,
): Promise<Hash> {
  const device = testMember('a device')
  const struct = {
    name: 'Device',
    fields: [
      { name: 'worker', type: 'address' },
      { name: 'device', type: 'address' },
    ],
  } as const
  const digest = digestOf(domain, struct, { worker: lower(worker), device: device.identity })
  const [signature] = quorumSignatures([device], digest)
  await send(worker, {
    address: registry,
    abi: workerRegistryAbi,
    functionName: 'register',
    args: [device.identity, signature],
  })
  return `0x${device.identity.slice(2).padStart(2 * BYTES, '0')}`
}

async function registerModel(
  owner: LocalAccount,
  registry: Address,
  client: ReturnType<typeof connect>,
  send: Send,
): Promise<{ readonly id: Hash }> {
  const [hash, salt] = [keccak256(toHex('weights')), keccak256(toHex('salt'))]
  const contract = { address: registry, abi: modelRegistryAbi } as const
  await send(owner, { ...contract, functionName: 'register', args: [hash, salt, 1_500] })
  return {
    id: await client.readContract({ ...contract, functionName: 'idOf', args: [owner.address, hash, salt] }),
  }
}

function signers(domain: Domain, cast: Readonly<Record<'payer' | 'worker' | 'relayer', HDAccount>>) {
  const sign = (who: keyof typeof cast, digest: Uint8Array) =>
    nobleIdentityCrypto.sign(digest, secretOf(cast[who]))
  return {
    hold: (epoch: number, hold: Hold): AcceptedHold => {
      const accepted = { hold, epoch, snapshotBlock: 1, openTotal: hold.maxAmount }
      return {
        ...accepted,
        payerSignature: sign('payer', holdDigest(domain, hold)),
        relayerSignature: sign('relayer', acceptanceDigest(domain, accepted)),
      }
    },
    receipt: (receipt: Receipt): SignedReceipt => ({
      receipt,
      signature: sign('payer', receiptDigest(domain, receipt)),
    }),
    batch: (seqFrom: number, records: readonly UsageRecord[]): SignedBatch => {
      const batch = { worker: lower(cast.worker), seqFrom, records }
      return { batch, signature: sign('worker', batchDigest(domain, batchIdentity(batch))) }
    },
  }
}
