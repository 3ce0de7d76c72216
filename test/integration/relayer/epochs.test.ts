import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import fastify, { type FastifyInstance } from 'fastify'
import {
  createPublicClient,
  createTestClient,
  hexToBytes,
  http,
  type LocalAccount,
  publicActions,
  walletActions,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { escrowAbi } from '../../../chain/abi/escrow.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { workerRegistryAbi } from '../../../chain/abi/worker-registry.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { contractSignature } from '../../../chain/price-feed.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import { chainViewFor } from '../../../chain/settlement/view.ts'
import { createTransactor } from '../../../chain/transactor.ts'
import { type Address, type Hash, hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import { describeRefusal, placeOf } from '../../../protocol/epoch/audit-types.ts'
import type { ChallengeResult } from '../../../protocol/epoch/availability.ts'
import { BundleReader, type BundleResult, decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import type { EpochPhase } from '../../../protocol/epoch/machine.ts'
import { EMPTY_STATE, stateHash } from '../../../protocol/epoch/state.ts'
import { aggregateShares, commitmentsOf, frost } from '../../../protocol/frost.ts'
import { bitmapOf, type Membership, membershipOf } from '../../../protocol/membership.ts'
import { ONE } from '../../../protocol/units.ts'
import { batchDigest, batchIdentity, encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import { WORK_KIND } from '../../../protocol/usage/wire.ts'
import { BundleStore } from '../../../relayer/epochs/bundle-store.ts'
import type { EpochJson } from '../../../relayer/epochs/epoch-json.ts'
import { EPOCH_MIGRATIONS } from '../../../relayer/epochs/epoch-store.ts'
import { createEpochs, type Epochs } from '../../../relayer/epochs/epochs.ts'
import { type ProposalBuilder, proposeEpoch } from '../../../relayer/epochs/proposal.ts'
import { createIntake, INTAKE_MIGRATIONS, type Intake } from '../../../relayer/intake/intake.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { createMetrics } from '../../../runtime/metrics.ts'
import { fetchBlob, serveBlobs } from '../../../runtime/p2p/blobs.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { inference, result, WORKER, windowsOf } from '../../support/epoch/world.ts'
import { at, crypto, party } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { type PaperNetwork, type PaperNode, paperNetwork } from '../../support/relayer/paper-nodes.ts'

const EPOCH_SEC = 40
const GRACE_SEC = 6
const VALID_SEC = 120

/** Everything that a relayer is, but its sockets. */
interface Relayer {
  readonly app: FastifyInstance
  readonly intake: Intake
  readonly chain: SettlementReader
  stop(): Promise<void>
}

describe('epochs of a relayer on a chain', function () {
  this.timeout(60_000)
  const payer = fundedAccount(1)
  const worker = fundedAccount(3)
  const device = fundedAccount(9)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let network: PaperNetwork
  let membership: Membership
  let nodesChain: SettlementReader
  let directory: TemporaryDirectory
  let relayer: Relayer
  /** Hash of what each epoch left, by the nodes' own computation. */
  const closings = new Map<number, `0x${string}`>()
  /** What the relayer took in of challenges, and which nodes its root reached in time. */
  let challenge: { readonly results: ChallengeResult[]; readonly reached: readonly number[] } | undefined

  const connect = (rpcUrl: string) =>
    createTestClient({
      mode: 'anvil',
      account: fundedAccount(0),
      transport: http(rpcUrl),
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)

  const send = async (
    account: LocalAccount,
    address: Address,
    abi: readonly unknown[],
    functionName: string,
    args: readonly unknown[],
  ): Promise<void> => {
    const hash = await client.writeContract({
      account,
      chain: null,
      gas: AMPLE_GAS,
      address,
      abi,
      functionName,
      args,
    } as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status, functionName).to.equal('success')
  }
  const startReader = async (): Promise<SettlementReader> => {
    const reader = createSettlementReader(
      { deployment, finality: 'latest' },
      {
        reader: createPublicClient({ transport: http(anvil.rpcUrl) }),
        clock: systemClock,
        logger: silentLogger,
      },
    )
    await reader.start(new AbortController().signal)
    return reader
  }

  const startRelayer = async (name: string, propose: ProposalBuilder = proposeEpoch): Promise<Relayer> => {
    const { secret, peerKey, sign } = network.relayer
    const chain = await startReader()
    const metrics = createMetrics({ processMetrics: false })
    const shared = { clock: systemClock, logger: silentLogger, metrics, chain, crypto }
    const intakeDatabase = openDatabase(join(directory.path, name, 'intake.sqlite'), INTAKE_MIGRATIONS)
    const database = openDatabase(join(directory.path, name, 'epochs.sqlite'), EPOCH_MIGRATIONS)
    const intake = createIntake(
      {
        domain,
        windowTerms: { clock: chain.clock, slotSec: 5, every: 2, graceSec: 2 },
        challengeSize: 64,
      },
      {
        ...shared,
        database: intakeDatabase,
        beacons: { value: () => undefined, want: () => {} },
        membership: () => membership,
        sign,
        publishSeal: () => {},
        currentPrice: () => undefined,
      },
    )
    const transactor = createTransactor(
      {
        account: privateKeyToAccount(hexOf(secret)),
        chainId: deployment.chainId,
        rpcUrls: [anvil.rpcUrl],
        maxFeePerGasCeiling: 10n ** 12n,
        minedWithinMs: 5_000,
      },
      { reader: createPublicClient({ transport: http(anvil.rpcUrl) }), clock: systemClock },
    )
    const peer = network.wire.peer(peerKey)
    const epochs: Epochs = createEpochs(
      {
        domain,
        feedId: deployment.feedId,
        settlement: deployment.contracts.settlement,
        directory: join(directory.path, name, 'bundles'),
        sealGraceSec: GRACE_SEC,
        epochValidSec: VALID_SEC,
        timing: { roundMs: 1_000, skewMs: 200 },
        wake: '* * * * * *',
      },
      {
        ...shared,
        database,
        membership: () => membership,
        membershipAt: () => membership,
        network: peer,
        intake: {
          ...intake,
          windows: epoch => (challenge === undefined ? intake.windows(epoch) : windowsOf(challenge.results)),
          results: epoch => challenge?.results ?? intake.results(epoch),
        },
        propose,
        send: (call, signal) => transactor.send(call, signal),
      },
    )
    serveBlobs(peer, CHANNELS.blob, hash => epochs.bundle(hash))
    const app = fastify()
    app.setReplySerializer(payload =>
      JSON.stringify(payload, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    )
    intake.routes(app)
    epochs.routes(app)
    await intake.start(new AbortController().signal)
    await epochs.service.start(new AbortController().signal)
    return {
      app,
      intake,
      chain,
      stop: async () => {
        await app.close()
        await epochs.service.stop()
        await intake.stop()
        await chain.stop()
        intakeDatabase.close()
        database.close()
      },
    }
  }

  /** In a further attempt a node lets a window go that is left out. */
  const rootsSeenBy = (slot: number, attempt: number): ReadonlyMap<number, Hash> =>
    challenge === undefined || attempt > 0 || !challenge.reached.includes(slot)
      ? new Map()
      : new Map(windowsOf(challenge.results).map(({ window, root }) => [window, root]))

  /** A node that checks everything by its own view of the chain before it signs. */
  const makeHonest = (node: PaperNode): void => {
    const bundles = new Map<string, BundleResult>()
    const { peerKey } = network.relayer
    node.manners = {
      take: async ({ bundleHash }) => {
        if (bundles.has(bundleHash)) return
        const reader = new BundleReader()
        const options = { maxBytes: 1 << 24 }
        for await (const chunk of fetchBlob(node.peer, peerKey, CHANNELS.blob, bundleHash, options))
          reader.push(chunk)
        bundles.set(bundleHash, reader.end())
      },
      verdict: async (report, honest) => {
        await nodesChain.refresh()
        const view = await chainViewFor(report, nodesChain, { domain, feedId: deployment.feedId, membership })
        const bundle = bundles.get(report.bundleHash)
        if (bundle === undefined) return { kind: 'unready', text: 'no bundle' }
        const audit = auditEpoch(
          { report, bundle },
          view,
          {
            openingStateHash: closings.get(report.epoch - 1) ?? stateHash(EMPTY_STATE),
            highestPrice: undefined,
            windowRoots: rootsSeenBy(node.slot, report.attempt),
            inclusions: [],
            forced: [],
            receipts: [],
            sampleSeed: hexOf(new Uint8Array(32)),
            verdictOf: () => 'true',
          },
          crypto,
        )
        if ('refused' in audit) {
          const where = placeOf(audit.where)
          return { kind: 'refused', code: audit.refused, where, text: describeRefusal(audit) }
        }
        closings.set(report.epoch, audit.closingStateHash)
        return honest
      },
    }
  }

  const endEpoch = async (epoch: number): Promise<void> => {
    const timestamp = BigInt(deployment.epochStart + (epoch + 1) * EPOCH_SEC + GRACE_SEC)
    await client.setNextBlockTimestamp({ timestamp })
    await client.mine({ blocks: 2 })
  }
  const epochOf = async (epoch: number): Promise<EpochJson | undefined> => {
    const response = await relayer.app.inject(`/v1/epochs/${epoch}`)
    return response.statusCode === 200 ? (response.json() as EpochJson) : undefined
  }
  const settled = (epoch: number): Promise<EpochJson> => inPhase(epoch, 'final')
  const inPhase = async (epoch: number, phase: EpochPhase): Promise<EpochJson> => {
    const giveUpAt = performance.now() + 15_000
    for (;;) {
      const json = await epochOf(epoch)
      if (json?.phase === phase) return json
      if (performance.now() > giveUpAt)
        throw new Error(`epoch ${epoch} is not ${phase}: ${JSON.stringify(json)}`)
      await systemClock.sleep(20)
    }
  }
  const postBatch = async (seqFrom: number): Promise<number> => {
    const batch = {
      worker: worker.address.toLowerCase() as Address,
      seqFrom,
      records: [inference(), inference({ kind: WORK_KIND.hire, version: 0 })],
    }
    const digest = batchDigest(domain, batchIdentity(batch))
    const raw = await worker.sign({ hash: hexOf(digest) })
    const signature = hexToBytes(raw).slice(0, 64)
    if (raw.endsWith('1c')) signature[32] = (signature[32] ?? 0) | 0x80
    const response = await relayer.app.inject({
      method: 'POST',
      url: '/v1/batches',
      payload: Buffer.from(encodeSignedBatch({ batch, signature })),
      headers: { 'content-type': 'application/octet-stream' },
    })
    return response.statusCode
  }

  before(async () => {
    directory = temporaryDirectory()
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { timestamp } = await client.getBlock()
    const cast = paperNetwork({ chainId: 31_337, registry: `0x${'00'.repeat(20)}` })
    const known = ({ identity, peerKey }: { identity: Address; peerKey: Address }) => ({ identity, peerKey })
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: cast.cast.members.map(known),
      aggregators: [],
      relayers: [known(cast.relayer)],
      genesis: [{ account: payer.address, amount: 1_000n * ONE }],
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
      settlement: { disputeSec: 0 },
    })
    domain = {
      chainId: deployment.chainId,
      registry: deployment.contracts.oracleRegistry.toLowerCase() as Address,
    }
    network = paperNetwork(domain)
    await client.setBalance({ address: network.relayer.identity, value: 10n ** 20n })
    // Before there is a group key, identities certify.
    membership = { ...network.membership, keyEpoch: 0, groupKey: undefined }

    const { workerRegistry, escrow, io } = deployment.contracts
    const digest = await client.readContract({
      address: workerRegistry,
      abi: workerRegistryAbi,
      functionName: 'deviceDigest',
      args: [worker.address, device.address],
    })
    const raw = hexToBytes(await device.sign({ hash: digest }))
    const compact = raw.slice(0, 64)
    if (raw[64] === 28) compact[32] = (compact[32] ?? 0) | 0x80
    await send(worker, workerRegistry, workerRegistryAbi, 'register', [
      device.address,
      contractSignature(compact),
    ])
    await send(payer, io, ioAbi, 'approve', [escrow, 30n * ONE])
    await send(payer, escrow, escrowAbi, 'deposit', [1, 30n * ONE])

    nodesChain = await startReader()
    for (const node of network.nodes) makeHonest(node)
    relayer = await startRelayer('first')
  })
  after(async () => {
    await relayer?.stop()
    await nodesChain?.stop()
    await anvil?.stop()
    directory.remove()
  })

  it('settles an epoch by the signatures of identities before there is a group key', async () => {
    await relayer.chain.refresh()
    expect(await postBatch(1)).to.equal(200)
    expect((await epochOf(0))?.recordsAccepted).to.equal(2)
    const from = performance.now()
    await endEpoch(0)
    const json = await settled(0)
    // Waking, computing, four audits, a transaction: seconds, not tens of them.
    expect(performance.now() - from).to.be.below(10_000)
    expect(json).to.include({
      certificate: 'quorum',
      attempt: 0,
      recordsAccepted: 2,
      recordsCounted: 0,
      workers: 1,
    })
    expect(json.refusals).to.deep.equal([])
    expect(json.txHash).to.match(/^0x[0-9a-f]{64}$/)
    expect(relayer.chain.settlement().nextEpoch).to.equal(1)
    expect(json.reserveWei).to.equal(String(relayer.chain.settlement().reserve))
  })

  it('says why a record did not count, and gives a payer the proof of what it has been debited', async () => {
    const { address } = worker
    const workerJson = (await relayer.app.inject(`/v1/workers/${address}`)).json()
    expect(workerJson).to.deep.include({ nextSequence: 3, gaps: [] })
    expect(workerJson.refused).to.deep.equal([
      { epoch: 0, sequence: 2, reason: 'NO_RECEIPT' },
      { epoch: 0, sequence: 1, reason: 'UNKNOWN_MODEL' },
    ])
    expect((await relayer.app.inject('/v1/workers')).json().workers).to.deep.equal([
      { worker: address.toLowerCase(), devices: 0, records: 2, products: 0, earnedWei: '0' },
    ])
    const payerJson = (await relayer.app.inject(`/v1/payers/${payer.address}`)).json()
    expect(payerJson.io).to.deep.equal({ depositWei: String(30n * ONE), openWei: '0', unsettledWei: '0' })
    expect(payerJson.debit).to.deep.include({
      epoch: 0,
      cumulativeIosdWei: '0',
      cumulativeIoWei: '0',
      proof: [],
    })
    const missing = await relayer.app.inject(`/v1/accounts/${address}`)
    expect([missing.statusCode, missing.json().code]).to.deep.equal([404, 'NO_REWARD'])
  })

  it('serves the bundle that the chain names', async () => {
    const response = await relayer.app.inject('/v1/epochs/0/bundle')
    const reader = new BundleReader()
    reader.push(response.rawPayload)
    const read = reader.end()
    expect('hash' in read && read.hash).to.equal(relayer.chain.settled(0)?.report.bundleHash)
    expect((await relayer.app.inject('/v1/epochs/1/bundle')).statusCode).to.equal(404)
  })

  it('settles the next one by one signature of the group, once there is a key', async () => {
    const [first, ...rest] = network.nodes.slice(0, 3)
    if (first === undefined) throw new Error('no nodes')
    const { groupKey } = network.membership
    if (groupKey === undefined) throw new Error('no key')
    const { px, transcriptHash, participants } = groupKey
    const digest = digestOf(domain, STRUCTS.groupKey, {
      keyEpoch: 1,
      registryVersion: 1,
      memberSet: 1,
      transcriptHash,
      participants: bitmapOf(participants),
      px,
    })
    const { r, s } = signWithShares(network, digest)
    const consents = [first, ...rest]
      .map(({ party: member }) => member)
      .sort((a, b) => (a.identity < b.identity ? -1 : 1))
      .map(({ sign }) => contractSignature(sign(digest)))
    await send(fundedAccount(0), deployment.contracts.oracleRegistry, oracleRegistryAbi, 'rotateGroupKey', [
      px,
      transcriptHash,
      bitmapOf(participants),
      r,
      s,
      consents,
    ])
    membership = membershipOf({ ...network.membership, keyEpoch: 1, registryVersion: 2 })
    await endEpoch(1)
    expect(await settled(1)).to.include({ certificate: 'group', attempt: 0, phase: 'final' })
  })

  it('adopts what was settled when its disk is lost, and goes on from there', async () => {
    await relayer.stop()
    // The copy of a node that signed.
    const node = at(network.nodes, 2)
    await nodesChain.refresh()
    const hash = nodesChain.settled(1)?.report.bundleHash
    const copies = new BundleStore(join(directory.path, 'first', 'bundles'))
    const asked: string[] = []
    serveBlobs(node.peer, CHANNELS.blob, name => {
      asked.push(name)
      return copies.blob(name)
    })
    relayer = await startRelayer('second')
    await endEpoch(2)
    expect((await settled(2)).attempt).to.equal(0)
    expect(asked).to.include(hash)
    expect(relayer.intake.sequenceOf(worker.address.toLowerCase() as Address)).to.deep.equal({
      next: 3,
      gaps: [],
    })
    expect(await epochOf(1)).to.include({ phase: 'final', certificate: null, recordsAccepted: 0 })
  })

  it('settles what an outage has left, empty epochs too, in order', async () => {
    await relayer.stop()
    await endEpoch(5)
    relayer = await startRelayer('second')
    await settled(5)
    for (const epoch of [3, 4, 5]) expect((await epochOf(epoch))?.phase).to.equal('final')
    expect(relayer.chain.settlement().nextEpoch).to.equal(6)
  })

  it('is refused by every node when it adds to what somebody earned, and settles honestly with the next attempt', async () => {
    await relayer.stop()
    const thief = party('thief').identity
    const dishonest: ProposalBuilder = (inputs, terms, frame) => {
      const proposal = proposeEpoch(inputs, terms, frame)
      if (frame.attempt > 0) return proposal
      return {
        ...proposal,
        bundle: { ...proposal.bundle, rewards: [{ account: thief, cumulative: ONE }] },
      }
    }
    relayer = await startRelayer('second', dishonest)
    await endEpoch(6)
    const json = await settled(6)
    expect(json.attempt).to.equal(1)
    expect(json.refusals.length).to.be.greaterThan(1)
    for (const { attempt, code, text } of json.refusals) {
      expect([attempt, code]).to.deep.equal([0, 'REWARD_ROOT'])
      expect(text).to.include(thief)
    }
    expect(
      await client.readContract({
        address: deployment.contracts.rewardsDistributor,
        abi: rewardsDistributorAbi,
        functionName: 'funded',
      }),
    ).to.equal(0n)
  })

  it('leaves a window out of the next attempt whose root reached only some of the nodes in time', async () => {
    challenge = { results: [result(WORKER)], reached: [2, 3] }
    await endEpoch(7)
    const json = await settled(7)
    challenge = undefined
    expect(json.attempt).to.equal(1)
    expect(json.refusals.map(({ slot, code }) => `${slot} ${code}`)).to.include.members([
      '0 COMMITMENTS_ROOT',
      '1 COMMITMENTS_ROOT',
    ])
    const bundle = await relayer.app.inject('/v1/epochs/7/bundle')
    const read = decodeBundle([bundle.rawPayload])
    expect('bundle' in read && [read.bundle.windows, read.bundle.results]).to.deep.equal([[], []])
  })

  it('computes a bundle again that was damaged before anybody had a copy, under the same attempt', async () => {
    for (const { manners } of network.nodes)
      manners.take = async () => {
        throw new Error('not now')
      }
    await endEpoch(8)
    const computed = await inPhase(8, 'computed')
    await relayer.stop()
    const path = join(directory.path, 'second', 'bundles', String(computed.bundleHash).slice(2))
    const bytes = readFileSync(path)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(path, bytes)
    for (const node of network.nodes) makeHonest(node)
    // Its file is as damaged as before: only what was computed again can be settled.
    relayer = await startRelayer('second')
    const json = await settled(8)
    expect(json.attempt).to.equal(0)
    expect(json.refusals).to.deep.equal([])
    expect(json.steps.map(({ phase }) => phase).filter(phase => phase === 'sealed')).to.have.length(2)
  })
})

/** By the shares of the first three, as members do at an installation. */
function signWithShares(network: PaperNetwork, digest: Uint8Array) {
  const keys = network.keys.slice(0, 3)
  const nonces = keys.map(({ secret }) => frost.commit(secret))
  const commitments = commitmentsOf(
    nonces.map(({ commitments: { hiding, binding } }, slot) => ({ slot, hiding, binding })),
  )
  const shares = new Map(
    keys.map((key, slot) => [
      slot,
      frost.signShare(key.secret, key.public, at(nonces, slot).nonces, commitments, digest),
    ]),
  )
  return aggregateShares(at(keys, 0).public, commitments, digest, shares)
}
