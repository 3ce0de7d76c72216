import { expect } from 'chai'
import {
  createTestClient,
  getAddress,
  type Hex,
  http,
  publicActions,
  type TransactionReceipt,
  walletActions,
} from 'viem'
import { burnerAbi } from '../../../chain/abi/burner.ts'
import { ioAbi } from '../../../chain/abi/io.ts'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { iosdForIo, type Price, parseDecimal, type Wei } from '../../../protocol/units.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, testGroup, testMember } from '../../support/chain/signing.ts'

/** The whole transaction, in steady state. Raise it only with a reason. */
const UPDATE_GAS_BUDGET = 35_700n
const MEASUREMENTS = 9

describe('a price report on the chain', () => {
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const group = testGroup('first')
  const deployer = fundedAccount(0)
  const holder = fundedAccount(1)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let timeSec: number

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer,
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: [{ account: holder.address, amount: 10n ** 24n }],
      epochLengthSec: 60,
    })
    domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
    timeSec = Number((await client.getBlock()).timestamp)
  })
  after(() => anvil.stop())

  /** The next second's report, in a block of that second. */
  const nextReport = async (price: string): Promise<{ word: bigint; digest: Uint8Array }> => {
    timeSec += 1
    await client.setNextBlockTimestamp({ timestamp: BigInt(timeSec) })
    const word = packReport({
      price: parseDecimal(price) as Price,
      confidence: 17,
      observedAt: timeSec,
      round: asRound(timeSec * 10),
    })
    return { word, digest: reportDigest(domain, deployment.feedId, word) }
  }

  const mined = async (hash: Hex): Promise<TransactionReceipt> => {
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status).to.equal('success')
    return receipt
  }

  const feed = () => ({ address: deployment.contracts.priceFeed, abi: priceFeedAbi }) as const

  const update = async (price: string): Promise<TransactionReceipt> => {
    const { word, digest } = await nextReport(price)
    const { r, s } = group.sign(digest)
    return mined(
      await client.writeContract({ ...feed(), chain: null, functionName: 'update', args: [word, r, s] }),
    )
  }

  it('is certified by a quorum of identities before there is a group key', async () => {
    const { word, digest } = await nextReport('2.345678901234567891')
    expect(await client.readContract({ ...feed(), functionName: 'reportDigest', args: [word] })).to.equal(
      hexOf(digest),
    )

    const signatures = quorumSignatures(members.slice(1), digest)
    await mined(
      await client.writeContract({
        ...feed(),
        chain: null,
        functionName: 'updateWithQuorum',
        args: [word, signatures],
      }),
    )
    expect((await client.readContract({ ...feed(), functionName: 'read' }))[0]).to.equal(
      2_345_678_901_234_567_891n,
    )
  })

  it('is certified by the group key once a quorum and the key itself installed it', async () => {
    const { q } = quorumOf(members.length)
    const transcriptHash = `0x${'5a'.repeat(32)}` as const
    const digest = digestOf(domain, STRUCTS.groupKey, {
      keyEpoch: 1,
      registryVersion: 1,
      memberSet: 1,
      transcriptHash,
      participants: 0b1111n,
      px: group.px,
    })
    const { r, s } = group.sign(digest)
    const registry = { address: deployment.contracts.oracleRegistry, abi: oracleRegistryAbi } as const
    await mined(
      await client.writeContract({
        ...registry,
        chain: null,
        functionName: 'rotateGroupKey',
        args: [group.px, transcriptHash, 0b1111n, r, s, quorumSignatures(members.slice(0, q), digest)],
      }),
    )
    const { newest, switchesAt } = await client.readContract({ ...registry, functionName: 'state' })
    expect(newest).to.deep.equal({
      keyEpoch: 1,
      memberSet: 1,
      px: group.px,
      transcriptHash,
      participants: 0b1111n,
      suspended: 0n,
    })
    expect(switchesAt).to.equal(Number((await client.getBlock()).timestamp))
    timeSec = Number((await client.getBlock()).timestamp)
    await update('2.345678901234567892')
  })

  it(`costs at most ${UPDATE_GAS_BUDGET} gas in steady state`, async () => {
    const costs: bigint[] = []
    for (let i = 0; i < MEASUREMENTS; i++) {
      costs.push((await update(`2.3456789012345679${10 + i * 7}`)).gasUsed)
    }
    const median = costs.toSorted((a, b) => Number(a - b))[(MEASUREMENTS - 1) / 2] ?? 0n
    expect(median > 21_000n && median <= UPDATE_GAS_BUDGET, `median ${median} of ${costs}`).to.equal(true)
  })

  it('is the price that IO burns at, in the same transaction', async () => {
    const { io, burner } = deployment.contracts
    const amount = parseDecimal('3.000000000000000001') as Wei
    await mined(
      await client.writeContract({
        address: io,
        abi: ioAbi,
        chain: null,
        account: holder,
        functionName: 'approve',
        args: [burner, amount],
      }),
    )
    timeSec = Number((await client.getBlock()).timestamp)
    const { word, digest } = await nextReport('2.400000000000000007')
    const expected = iosdForIo(amount, (word >> 176n) as Price)
    const receipt = await mined(
      await client.writeContract({
        address: burner,
        abi: burnerAbi,
        chain: null,
        account: holder,
        functionName: 'burnExactInWithReport',
        args: [amount, expected, BigInt(timeSec), { word, ...group.sign(digest) }],
      }),
    )
    const [burned] = await client.getContractEvents({
      address: burner,
      abi: burnerAbi,
      eventName: 'Burned',
      blockHash: receipt.blockHash,
    })
    expect(burned?.args).to.deep.include({
      account: getAddress(holder.address),
      io: amount,
      iosd: expected,
      price: word >> 176n,
      round: timeSec * 10,
    })
  })
})
