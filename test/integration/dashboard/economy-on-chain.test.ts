import { expect } from 'chai'
import { type Address, createTestClient, type Hex, http, publicActions, walletActions, zeroHash } from 'viem'
import { rewardsDistributorAbi } from '../../../chain/abi/rewards-distributor.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { ChainReader } from '../../../dashboard/src/data/chain-reader.ts'
import { chainEpochsOf } from '../../../dashboard/src/model/chain-epochs.ts'
import { identitiesOf } from '../../../dashboard/src/model/economy.ts'
import { parsePageConfig } from '../../../dashboard/src/model/page-config.ts'
import { MAINNET_EMISSION, poolOf } from '../../../protocol/epoch/emission.ts'
import { rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, epochReportDigest } from '../../../protocol/epoch/report.ts'
import { ONE } from '../../../protocol/units.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, testMember } from '../../support/chain/signing.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'

const EPOCH_SEC = 600
const GENESIS = 1_000_000n * ONE

describe('the page and real contracts', function () {
  this.timeout(60_000)
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const gateway = testMember('gateway')
  const deployer = fundedAccount(0)
  const worker = fundedAccount(1).address.toLowerCase() as Address
  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let reader: ChainReader

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { timestamp } = await client.getBlock()
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer,
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      gateways: [{ identity: gateway.identity, peerKey: gateway.peerKey }],
      genesis: [{ account: deployer.address, amount: GENESIS }],
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
      settlement: { disputeSec: 0 },
    })
    // As the page gets it: over JSON, through its parser.
    const { contracts: _contracts, ...others } = aConfig({
      chainId: deployment.chainId,
      rpcUrl: anvil.rpcUrl,
    })
    const described = {
      ...others,
      contracts: deployment.contracts,
      epochs: { startSec: deployment.epochStart, lengthSec: deployment.epochLengthSec },
    }
    reader = new ChainReader(parsePageConfig(JSON.parse(JSON.stringify(described))), async (url, body) => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
      return response.json()
    })
  })
  after(() => anvil?.stop())

  const look = () => reader.look(0, [worker])
  const economyOf = (found: Awaited<ReturnType<typeof look>>) => {
    if (found.look.economy === null) throw new Error('no economy was read')
    return found.look.economy
  }

  it('add up before anything was settled', async () => {
    const found = await look()
    const economy = economyOf(found)
    expect(identitiesOf(economy, found.look).filter(({ holds }) => !holds)).to.deep.equal([])
    expect(economy).to.deep.include({ genesis: GENESIS, scheduled: 0n, posted: 0n, nextEpoch: 0 })
    expect(economy.gateways).to.deep.equal([gateway.identity])
    expect(economy.running?.epoch).to.equal(0)
    expect(found.settlements).to.deep.equal([])
  })

  it('tell of an epoch what its report and its pool say, and add up to the wei', async () => {
    await client.setNextBlockTimestamp({ timestamp: BigInt(deployment.epochStart + EPOCH_SEC) })
    await client.mine({ blocks: 2 })
    const snapshot = await client.getBlock({
      blockNumber: (await client.getBlockNumber({ cacheTime: 0 })) - 1n,
    })
    const terms = { ...MAINNET_EMISSION, genesis: GENESIS, epochLengthSec: BigInt(EPOCH_SEC) }
    const pool = poolOf(terms, 0, 0n, 0n)
    const paid = pool.total / 3n
    const report: EpochReport = {
      keyEpoch: 0,
      epoch: 0,
      attempt: 2,
      validUntil: Number(snapshot.timestamp) + EPOCH_SEC,
      paramsVersion: 1,
      snapshotBlock: Number(snapshot.number),
      snapshotHash: snapshot.hash,
      previousRewardRoot: zeroHash,
      previousDebitRoot: zeroHash,
      rewardRoot: rewardRootOf([{ account: worker, cumulative: paid }]),
      debitRoot: `0x${'de'.repeat(32)}`,
      hiredPaid: 0n,
      availabilityPaid: paid,
      debitIosd: 0n,
      debitIo: 0n,
      cumulativeRewards: paid,
      cumulativeDebitIosd: 0n,
      cumulativeDebitIo: 0n,
      bundleHash: `0x${'b0'.repeat(32)}`,
      batchesRoot: zeroHash,
      commitmentsRoot: zeroHash,
    }
    const domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
    const signatures = quorumSignatures(members.slice(0, 3), epochReportDigest(domain, report))
    const encoded = { ...report, epoch: 0n, snapshotBlock: BigInt(report.snapshotBlock) }
    await send('settlement', settlementAbi, 'settleWithQuorum', [encoded, signatures])
    await send('rewardsDistributor', rewardsDistributorAbi, 'claim', [worker, paid, []])

    const found = await look()
    const economy = economyOf(found)
    expect(identitiesOf(economy, found.look).filter(({ holds }) => !holds)).to.deep.equal([])
    expect(economy).to.deep.include({
      scheduled: pool.scheduled,
      net: 0n,
      reserve: pool.total - paid,
      posted: paid,
      claimed: paid,
      rewardRoot: report.rewardRoot,
      nextEpoch: 1,
      claimedBy: new Map([[worker, paid]]),
    })
    const [epoch, ...others] = chainEpochsOf(found.settlements)
    expect(others).to.deep.equal([])
    expect(epoch).to.deep.include({
      epoch: 0,
      attempt: 2,
      scheduled: pool.scheduled,
      net: 0n,
      burned: 0n,
      released: 0n,
      hiredPaid: 0n,
      availabilityPaid: paid,
      added: paid,
      reserve: pool.total - paid,
      rewardRoot: report.rewardRoot,
      debitRoot: report.debitRoot,
      bundleHash: report.bundleHash,
      posted: true,
    })
    expect(found.claims.map(({ account, amount }) => [account, amount])).to.deep.equal([[worker, paid]])
  })

  const send = async (
    contract: 'settlement' | 'rewardsDistributor',
    abi: readonly unknown[],
    functionName: string,
    args: readonly unknown[],
  ): Promise<void> => {
    const address = deployment.contracts[contract]
    const request = { chain: null, gas: AMPLE_GAS, address, abi, functionName, args }
    const hash: Hex = await client.writeContract(request as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status, functionName).to.equal('success')
  }
})
