import { expect } from 'chai'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import {
  contractMembers,
  type MemberList,
  memberSetDigest,
  proposeMembersCall,
} from '../../../chain/member-set.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { bytesOf } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { type Price, parseDecimal } from '../../../protocol/units.ts'
import { type Anvil, fundedAccount, startAnvil } from '../../support/chain/anvil.ts'
import { quorumSignatures, type TestMember, testGroup, testMember } from '../../support/chain/signing.ts'

const HANDOVER_SEC = 100
const HASH = `0x${'5a'.repeat(32)}` as const

describe('a rotation of the group key on the chain', () => {
  const members = Array.from({ length: 4 }, (_, slot) => testMember(`member ${slot}`))
  const newcomer = testMember('newcomer')
  const [first, second] = [testGroup('first'), testGroup('second')]
  /** The third member leaves its slot empty, and the newcomer has one of its own. */
  const next: MemberList = members
    .map((member, slot) => (slot === 2 ? undefined : listed(member)))
    .concat(listed(newcomer))
  let anvil: Anvil
  let client: ReturnType<typeof connect>
  let deployment: Deployment
  let domain: Domain

  const connect = (rpcUrl: string) =>
    createTestClient({
      mode: 'anvil',
      account: fundedAccount(0),
      transport: http(rpcUrl),
      pollingInterval: 20,
    })
      .extend(publicActions)
      .extend(walletActions)
  const registry = () => ({ address: deployment.contracts.oracleRegistry, abi: oracleRegistryAbi }) as const
  const state = () => client.readContract({ ...registry(), functionName: 'state' })
  const now = async () => Number((await client.getBlock()).timestamp)

  const send = async (call: ContractCall): Promise<void> => {
    const hash = await client.writeContract({ ...call, chain: null } as never)
    const { status } = await client.waitForTransactionReceipt({ hash })
    expect(status).to.equal('success')
  }
  const rotate = async (group: typeof first, participants: bigint): Promise<void> => {
    const { newest, registryVersion, pendingSet } = await state()
    const digest = digestOf(domain, STRUCTS.groupKey, {
      keyEpoch: newest.keyEpoch + 1,
      registryVersion,
      memberSet: pendingSet === 0 ? newest.memberSet : pendingSet,
      transcriptHash: HASH,
      participants,
      px: group.px,
    })
    const { r, s } = group.sign(digest)
    const consents = quorumSignatures(members.slice(0, 3), digest)
    const args = [group.px, HASH, participants, r, s, consents]
    await send({ ...registry(), functionName: 'rotateGroupKey', args })
  }
  const update = async (group: typeof first): Promise<void> => {
    const timeSec = (await now()) + 1
    await client.setNextBlockTimestamp({ timestamp: BigInt(timeSec) })
    const word = packReport({
      price: parseDecimal('2.5') as Price,
      confidence: 1,
      observedAt: timeSec,
      round: asRound(timeSec * 10),
    })
    const { r, s } = group.sign(reportDigest(domain, deployment.feedId, word))
    const { priceFeed } = deployment.contracts
    await send({ address: priceFeed, abi: priceFeedAbi, functionName: 'update', args: [word, r, s] })
  }

  before(async () => {
    anvil = await startAnvil()
    client = connect(anvil.rpcUrl)
    deployment = await deploy({
      rpcUrl: anvil.rpcUrl,
      deployer: fundedAccount(0),
      members: members.map(listed),
      aggregators: [],
      genesis: [],
      epochLengthSec: 60,
      handoverSec: HANDOVER_SEC,
    })
    domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
    await rotate(first, 0b1111n)
  })
  after(() => anvil.stop())

  it('brings members into force that a quorum of those before it proposed', async () => {
    const digest = memberSetDigest(domain, 1, next)
    const signatures = quorumSignatures(members.slice(0, 3), digest).map(({ r, yParityAndS }) =>
      bytesOf(`${r}${yParityAndS.slice(2)}`),
    )
    await send(proposeMembersCall(deployment.contracts.oracleRegistry, next, signatures))
    expect(await state()).to.deep.include({ registryVersion: 2, pendingSet: 2 })

    await rotate(second, 0b11011n)
    const { newest, previous, registryVersion, pendingSet, switchesAt } = await state()
    expect(switchesAt).to.equal((await now()) + HANDOVER_SEC)
    expect({ registryVersion, pendingSet }).to.deep.equal({ registryVersion: 3, pendingSet: 0 })
    expect(newest).to.deep.include({ keyEpoch: 2, memberSet: 2, px: second.px, participants: 0b11011n })
    expect(previous).to.deep.include({ keyEpoch: 1, memberSet: 1, px: first.px, participants: 0b1111n })
    const inForce = await client.readContract({ ...registry(), functionName: 'members' })
    const lower = inForce.map(({ identity, peerKey }) => ({ identity: identity.toLowerCase(), peerKey }))
    expect(lower).to.deep.equal(contractMembers(next))
  })

  it('leaves both keys good until its two handovers are over', async () => {
    await update(first)
    await update(second)
    const { switchesAt } = await state()
    await client.setNextBlockTimestamp({ timestamp: BigInt(switchesAt + HANDOVER_SEC - 2) })
    await client.mine({ blocks: 1 })
    await update(first)
    const refused = await update(first).catch((error: unknown) => error)
    expect(String(refused)).to.contain('InvalidCertificate')
    await update(second)
  })
})

function listed({ identity, peerKey }: TestMember) {
  return { identity, peerKey }
}
