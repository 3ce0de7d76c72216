import { expect } from 'chai'
import { createPublicClient, createTestClient, type Hex, http, publicActions, walletActions } from 'viem'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { settlementAbi } from '../../../chain/abi/settlement.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import { readInstalledKeys } from '../../../chain/group-keys.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import { settleCall, settleEmptyCall, vetoCall } from '../../../chain/settlement/calls.ts'
import { standInFor } from '../../../chain/settlement/epoch-logs.ts'
import { createSettlementReader, type SettlementReader } from '../../../chain/settlement/reader.ts'
import { NOTHING_SETTLED } from '../../../chain/settlement/types.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { hexOf } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { emptyEpochDigest, vetoDigest, vetoOf } from '../../../protocol/epoch/decisions.ts'
import { type EpochReport, epochReportDigest, epochReportHash } from '../../../protocol/epoch/report.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { rotationDue } from '../../../protocol/keygen/due.ts'
import { ONE } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { AMPLE_GAS, type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { type TestMember, testMember } from '../../support/chain/signing.ts'

const EPOCH_SEC = 600
const DISPUTE_SEC = 300

describe('what members decide on the chain', () => {
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const successors = Array.from({ length: 4 }, (_, slot) => testMember(`successor ${slot}`))
  const deployer = fundedAccount(0)
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain
  let reader: SettlementReader

  const connect = (rpcUrl: string) =>
    createTestClient({ mode: 'anvil', account: deployer, transport: http(rpcUrl), pollingInterval: 20 })
      .extend(publicActions)
      .extend(walletActions)
  const publicReader = () => createPublicClient({ transport: http(anvil.rpcUrl), cacheTime: 0 })

  const send = async (call: ContractCall): Promise<void> => {
    const hash: Hex = await client.writeContract({ chain: null, gas: AMPLE_GAS, ...call } as never)
    const receipt = await client.waitForTransactionReceipt({ hash })
    expect(receipt.status, call.functionName).to.equal('success')
    await reader.refresh()
  }
  const ask = (functionName: 'vetoDigest' | 'staged' | 'emptyEpochDigest', ...args: bigint[]) =>
    client.readContract({
      address: deployment.contracts.settlement,
      abi: settlementAbi,
      functionName,
      args,
    } as never) as Promise<unknown>

  const signed = (signers: readonly TestMember[], digest: Uint8Array): Uint8Array[] =>
    signers
      .toSorted((a, b) => (a.identity < b.identity ? -1 : 1))
      .map(({ secret }) => nobleIdentityCrypto.sign(digest, secret))

  const reportOf = async (attempt: number): Promise<EpochReport> => {
    const { number, hash, timestamp } = await client.getBlock()
    return {
      ...standInFor(0, NOTHING_SETTLED),
      attempt,
      validUntil: Number(timestamp) + EPOCH_SEC,
      paramsVersion: 1,
      snapshotBlock: Number(number),
      snapshotHash: hash,
      hiredPaid: ONE,
      cumulativeRewards: ONE,
    }
  }

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    const { timestamp } = await client.getBlock()
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer,
      members: members.map(({ identity, peerKey }) => ({ identity, peerKey })),
      aggregators: [],
      genesis: [],
      epochLengthSec: EPOCH_SEC,
      epochStart: Number(timestamp),
      settlement: { disputeSec: DISPUTE_SEC },
    })
    domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
    reader = createSettlementReader(
      { deployment, finality: 'latest' },
      { reader: publicReader(), clock: systemClock, logger: silentLogger },
    )
    await reader.start(new AbortController().signal)
    const end = BigInt(deployment.epochStart + EPOCH_SEC)
    await client.setNextBlockTimestamp({ timestamp: end })
    await client.mine({ blocks: 2 })
  })
  after(async () => {
    await reader.stop()
    await anvil.stop()
  })

  it('makes a staged report void, under the digest that the contract has too', async () => {
    const { settlement } = deployment.contracts
    const report = await reportOf(4)
    const signatures = signed(members.slice(0, 3), epochReportDigest(domain, report))
    await send(settleCall(settlement, report, { kind: 'quorum', signatures }))
    expect(reader.settlement()).to.deep.include({ staged: report, nextAttempt: 5 })
    expect(await ask('staged')).to.deep.equal([true, 0n, 4, epochReportHash(report)])
    const digest = vetoDigest(domain, vetoOf(report))
    expect(await ask('vetoDigest')).to.equal(hexOf(digest))

    await send(vetoCall(settlement, 0, signed(members.slice(1, 3), digest)))
    expect(reader.settlement()).to.deep.include({ nextEpoch: 0, staged: undefined, nextAttempt: 5 })
  })

  it('settles an epoch empty', async () => {
    const { settlement } = deployment.contracts
    const digest = emptyEpochDigest(domain, { keyEpoch: 0, epoch: 0 })
    expect(await ask('emptyEpochDigest', 0n)).to.equal(hexOf(digest))
    await send(settleEmptyCall(settlement, 0, signed(members.slice(0, 3), digest)))
    const settled = reader.settled(0)
    expect(settled).to.deep.include({
      emptied: true,
      report: standInFor(0, NOTHING_SETTLED),
      reserveBefore: 0n,
    })
    const reserve = settled?.reserveAfter
    expect(settled?.scheduled).to.equal(reserve)
    expect(reader.settlement()).to.deep.equal({
      nextEpoch: 1,
      owedFrom: 0,
      reserve,
      previous: NOTHING_SETTLED,
      staged: undefined,
      nextAttempt: 0,
    })
  })

  it('is decided by others once the timelock has installed them, who have to make a key', async () => {
    const { oracleRegistry: address } = deployment.contracts
    const registry = { address, abi: oracleRegistryAbi } as const
    const timelock = await client.readContract({ ...registry, functionName: 'timelock' })
    await client.impersonateAccount({ address: timelock })
    await client.setBalance({ address: timelock, value: ONE })
    const list = successors.map(({ identity, peerKey }) => ({ identity, peerKey }))
    await send({ ...registry, functionName: 'installSet', args: [list], account: timelock } as ContractCall)
    const { timestamp } = await client.getBlock()

    const options = { registry: address, chainId: deployment.chainId, finality: 'latest' } as const
    const view = await readRegistry(publicReader(), options)
    expect(view.newest).to.include({ keyEpoch: 1, memberSet: 2, groupKey: undefined })
    expect(view.newest.members.map(({ identity }) => identity)).to.deep.equal(
      successors.map(({ identity }) => identity),
    )
    expect(view.previous).to.equal(undefined)
    expect(rotationDue(view, Number(timestamp), { rotationSec: 1_000 })).to.equal('FIRST')
    expect(await readInstalledKeys(publicReader(), deployment)).to.deep.equal([
      { keyEpoch: 1, px: 0n, memberSet: 2, switchesAtSec: Number(timestamp) },
    ])
    expect(reader.keyEpochAt(Number(timestamp))).to.equal(1)
    expect(reader.groupKeyOf(1)).to.deep.include({ px: 0n, memberSet: 2, participants: [] })
  })
})
