import { expect } from 'chai'
import {
  createPublicClient,
  createTestClient,
  http,
  type LocalAccount,
  publicActions,
  walletActions,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { depositCall, settleCall } from '../../../chain/settlement/calls.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import { chainViewFor } from '../../../chain/settlement/view.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import type { Address, Hex } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { bundleHashOf } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch, type EpochOutcome, reportOf } from '../../../protocol/epoch/compute.ts'
import { proveDebit } from '../../../protocol/epoch/ledger.ts'
import { epochReportDigest } from '../../../protocol/epoch/report.ts'
import { EMPTY_STATE, stateHash } from '../../../protocol/epoch/state.ts'
import { isLate, isPaidBefore, STALE_SEC } from '../../../protocol/epoch/withdrawals.ts'
import { membershipOf } from '../../../protocol/membership.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound, roundAt } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { type Hold, holdId } from '../../../protocol/usage/hold.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, testMember } from '../../support/chain/signing.ts'
import { nameCrypto, signedBy } from '../../support/economics/history.ts'
import { addressOf, hash } from '../../support/epoch/cast.ts'
import { hire, hireReceipt, iosdHold, proposalOf, WORKER } from '../../support/epoch/world.ts'

const EPOCH_SEC = 600
const LONGEST = 2
const VALID_SEC = 3_600
const RELAYER = addressOf('relayer')
const DEPOSIT = 40n * ONE
const CHARGE = 20n * ONE

/** What is accepted, and charged, in an epoch. */
interface Usage {
  readonly hold?: Hold
  readonly hasPrice?: boolean
  readonly charged?: Hold
}

describe('withdrawals on chain, while a hire in IOSD waits for its price', function () {
  this.timeout(120_000)
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const deployer = fundedAccount(0)
  const payers = [fundedAccount(1), fundedAccount(2), fundedAccount(3)] as const
  const [payer, old, bystander] = payers
  const lower = (account: LocalAccount) => account.address.toLowerCase() as Address
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let reader: SettlementReader
  let last: { readonly inputs: EpochInputs; readonly outcome: EpochOutcome } | undefined
  let records = 0

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)
  const send = async (account: LocalAccount, call: ContractCall): Promise<void> => {
    const txHash: Hex = await client.writeContract({ account, chain: null, gas: AMPLE_GAS, ...call } as never)
    const receipt = await client.waitForTransactionReceipt({ hash: txHash })
    expect(receipt.status, call.functionName).to.equal('success')
  }
  const call = (address: Address, abi: ContractCall['abi'], functionName: string, args: unknown[]) => ({
    ...{ address, abi, functionName, args },
  })
  const escrowCall = (functionName: string, args: unknown[]) =>
    call(deployment.contracts.escrow, escrowAbi, functionName, args)
  const mineAt = async (sec: number): Promise<void> => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(sec) })
    await client.mine({ blocks: 1 })
    await reader.refresh()
  }
  const endSec = (epoch: number) => deployment.epochStart + (epoch + 1) * EPOCH_SEC
  const nowSec = async () => Number((await client.getBlock()).timestamp)

  const finishCall = (account: LocalAccount): ContractCall => {
    const line = proveDebit(last?.outcome.debits ?? [], lower(account))
    const { cumulativeIosd, cumulativeIo, proof } = line ?? {
      cumulativeIosd: 0n,
      cumulativeIo: 0n,
      proof: [],
    }
    return escrowCall('finish', [ASSET.iosd, cumulativeIosd, cumulativeIo, proof])
  }
  /** Undefined when it may be finished now, else the contract's error. */
  const finishError = async (account: LocalAccount): Promise<string | undefined> => {
    try {
      await client.simulateContract({ account, ...finishCall(account) } as never)
      return undefined
    } catch (error) {
      return String(error)
    }
  }
  const balance = (account: LocalAccount) =>
    client.readContract({
      address: deployment.contracts.iosd,
      abi: iosdAbi,
      functionName: 'balanceOf',
      args: [account.address],
    })
  const held = () =>
    client.readContract({
      address: deployment.contracts.escrow,
      abi: escrowAbi,
      functionName: 'held',
      args: [ASSET.iosd],
    })

  const priceIn = (epoch: number): CertifiedReport => {
    const observedAt = endSec(epoch) - 1
    const round = roundAt(observedAt * 1_000, 1_000)
    const word = packReport({ price: ONE as Price, confidence: 5, observedAt, round })
    const signature = { r: addressOf('nonce'), s: 1n }
    const certificate = { kind: 'group', signature } as const
    return { keyEpoch: 0, feedId: deployment.feedId, word, certificate }
  }

  /** The inputs of an epoch that has ended, as a relayer puts them together now. */
  async function inputsOf(epoch: number, validUntil: number, usage: Usage): Promise<EpochInputs> {
    const { facts, reserve } = {
      facts: await reader.epochFacts(epoch, validUntil),
      reserve: reader.settlement().reserve,
    }
    const { hold, charged } = usage
    const record =
      charged === undefined
        ? undefined
        : hire({
            payer: charged.payer,
            hold: holdId(domain, charged),
            cumulativeCharge: CHARGE,
            cumulativeUnits: 600n,
          })
    const seqFrom = records + 1
    if (record !== undefined) records++
    return {
      header: {
        ...{ domain, epoch, burned: facts.burned, reserve },
        snapshotBlock: facts.snapshot.number,
        snapshotHash: facts.snapshot.hash,
      },
      parameters: facts.parameters,
      price: usage.hasPrice === true ? priceIn(epoch) : undefined,
      models: [],
      deposits: facts.deposits,
      windows: [],
      results: [],
      opening: last?.outcome.closing ?? EMPTY_STATE,
      openingRewards: last?.outcome.rewards ?? [],
      openingDebits: last?.outcome.debits ?? [],
      acceptances:
        hold === undefined
          ? []
          : [
              {
                ...{ hold, epoch, snapshotBlock: 0, openTotal: hold.maxAmount },
                payerSignature: signedBy(hold.payer),
                relayerSignature: signedBy(RELAYER),
              },
            ],
      receipts:
        charged === undefined
          ? []
          : [
              {
                receipt: hireReceipt({
                  payer: charged.payer,
                  cumulativeCeiling: CHARGE,
                  validUntilEpoch: 99,
                }),
                signature: signedBy(charged.payer),
              },
            ],
      batches:
        record === undefined
          ? []
          : [{ batch: { worker: WORKER, seqFrom, records: [record] }, signature: signedBy(WORKER) }],
    }
  }

  /** Proposes, audits, and gives what puts it on chain. */
  async function propose(epoch: number, usage: Usage = {}) {
    const validUntil = (await nowSec()) + VALID_SEC
    const inputs = await inputsOf(epoch, validUntil, usage)
    const outcome = computeEpoch(inputs, reader.terms)
    const bundle = { ...inputs, rewards: outcome.rewards, debits: outcome.debits }
    const { previous } = reader.settlement()
    const frame = { keyEpoch: 0, attempt: 0, validUntil, previous, bundleHash: bundleHashOf(bundle) }
    const report = reportOf(inputs, outcome, frame)
    const membership = membershipOf({
      registryVersion: 1,
      keyEpoch: 0,
      groupKey: { px: 1n, transcriptHash: hash('transcript'), participants: [0, 1, 2, 3] },
      members: members.map(({ identity, peerKey }, slot) => ({ slot, identity, peerKey, suspended: false })),
      aggregators: [],
    } as never)
    const context = { domain, feedId: deployment.feedId, membership }
    const view = {
      ...(await chainViewFor(report, reader, context)),
      isWorker: () => true,
      isRelayer: () => true,
      membershipOf: () => membership,
    }
    const own = {
      openingStateHash: stateHash(inputs.opening),
      highestPrice: undefined,
      windowRoots: new Map(),
      inclusions: [],
      forced: [],
      receipts: [],
      sampleSeed: hash('sample'),
      verdictOf: () => 'true' as const,
    }
    const answer = auditEpoch(proposalOf(bundle, report), view, own, nameCrypto)
    expect(answer, `epoch ${epoch}`).to.have.property('ok')
    return { inputs, outcome, report }
  }
  async function settle({ inputs, outcome, report }: Awaited<ReturnType<typeof propose>>): Promise<void> {
    const signatures = quorumSignatures(members.slice(0, 3), epochReportDigest(domain, report)).map(
      ({ r, yParityAndS }) => Buffer.from(r.slice(2) + yParityAndS.slice(2), 'hex'),
    )
    await send(deployer, settleCall(deployment.contracts.settlement, report, { kind: 'quorum', signatures }))
    last = { inputs, outcome }
    await reader.refresh()
  }

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer,
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: payers.map(({ address }) => ({ account: address, amount: 10_000n * ONE })),
      epochLengthSec: EPOCH_SEC,
      epochStart: await nowSec(),
      settlement: { disputeSec: 0, longestHoldEpochs: LONGEST },
    })
    const { oracleRegistry, priceFeed, io, iosd, burner, escrow } = deployment.contracts
    domain = { chainId: deployment.chainId, registry: oracleRegistry.toLowerCase() as Address }
    reader = createSettlementReader(
      { deployment, finality: 'latest' },
      {
        reader: createPublicClient({ transport: http(anvil.rpcUrl) }),
        clock: systemClock,
        logger: silentLogger,
      },
    )
    await reader.start(new AbortController().signal)
    const observedAt = await nowSec()
    const word = packReport({
      price: ONE as Price,
      confidence: 17,
      observedAt,
      round: asRound(observedAt * 10),
    })
    const signed = quorumSignatures(members.slice(1), reportDigest(domain, deployment.feedId, word))
    await send(deployer, call(priceFeed, priceFeedAbi, 'updateWithQuorum', [word, signed]))
    for (const account of payers) {
      await send(account, call(io, ioAbi, 'approve', [burner, DEPOSIT]))
      await send(account, call(burner, burnerAbi, 'burnExactIn', [DEPOSIT, 0n, 2n ** 40n]))
      await send(account, call(iosd, iosdAbi, 'approve', [escrow, DEPOSIT]))
      await send(account, depositCall(escrow, ASSET.iosd, DEPOSIT))
    }
  })
  after(async () => {
    await reader.stop()
    await anvil.stop()
  })

  const holdOf = (account: LocalAccount, expiresEpoch: number) =>
    iosdHold({ payer: lower(account), maxAmount: DEPOSIT, expiresEpoch, nonce: BigInt(expiresEpoch) })

  it('may be finished after just the epochs that the rule says', async () => {
    await send(payer, escrowCall('requestWithdraw', [ASSET.iosd, DEPOSIT]))
    const hold = holdOf(payer, LONGEST)
    for (let epoch = 0; !isPaidBefore(epoch, 0, LONGEST); epoch++) {
      await mineAt(endSec(epoch))
      expect(await finishError(payer)).to.include('NotYetWithdrawable')
      await settle(await propose(epoch, epoch === 0 ? { hold, charged: hold } : {}))
    }
    expect(reader.settlement().nextEpoch).to.equal(LONGEST + 2)
    expect(last?.outcome.closing.channels[0]).to.include({ claimed: CHARGE, settled: 0n })
    expect(await finishError(payer)).to.equal(undefined)
  })

  it('leaves an epoch that settles, when it is finished between the proposal and its activation', async () => {
    const epoch = LONGEST + 2
    await mineAt(endSec(epoch))
    const proposed = await propose(epoch, { hasPrice: true })
    await send(payer, finishCall(payer))
    expect(await balance(payer)).to.equal(DEPOSIT)
    await settle(proposed)
    // Nobody else has paid for it.
    expect(await held()).to.equal(2n * DEPOSIT)
    await mineAt(endSec(epoch + 1))
    await settle(await propose(epoch + 1, { hasPrice: true }))
    expect(await held()).to.equal(2n * DEPOSIT)
  })

  it('pays for its age alone after as long as the contract says, and leaves the late epochs that settle', async () => {
    const epoch = LONGEST + 4
    const hold = holdOf(old, epoch + LONGEST)
    const stale = await client.readContract({
      address: deployment.contracts.escrow,
      abi: escrowAbi,
      functionName: 'STALE_SEC',
    })
    expect(Number(stale)).to.equal(STALE_SEC)
    // Asked for after the epoch of the hold has ended, so that nothing at its end tells of it.
    await mineAt(endSec(epoch) + 5)
    await send(old, escrowCall('requestWithdraw', [ASSET.iosd, DEPOSIT]))
    const asked = await nowSec()
    await mineAt(asked + STALE_SEC - 2)
    expect(await finishError(old)).to.include('NotYetWithdrawable')
    await mineAt(asked + STALE_SEC)
    const terms = { clock: reader.clock, longestHoldEpochs: LONGEST }
    expect(isLate(epoch, await nowSec(), terms)).to.equal(true)

    const first = await propose(epoch, { hold, charged: hold, hasPrice: true })
    await send(old, finishCall(old))
    expect(await balance(old)).to.equal(DEPOSIT)
    await settle(first)
    expect(await held()).to.equal(DEPOSIT)
    // The next ones are late as well, though an epoch has just become active.
    for (const next of [epoch + 1, epoch + 2]) {
      await mineAt((await nowSec()) + 1)
      await settle(await propose(next, { hasPrice: true }))
    }
    expect(await held()).to.equal(DEPOSIT)
    expect(last?.outcome.debits.map(line => line.cumulativeIosd)).to.deep.equal([0n, 0n, 0n])
    expect(await balance(bystander)).to.equal(0n)
  })
})
