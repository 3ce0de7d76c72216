import { expect } from 'chai'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { priceFeedAbi } from '../../../chain/abi/price-feed.ts'
import { createReader } from '../../../chain/clients.ts'
import { deploy } from '../../../chain/deploy.ts'
import type { Deployment } from '../../../chain/deployment.ts'
import {
  contractMembers,
  type MemberList,
  memberSetDigest,
  proposeMembersCall,
} from '../../../chain/member-set.ts'
import { readRegistry } from '../../../chain/membership-reader.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { type Address, bytesOf } from '../../../protocol/bytes.ts'
import { verifyQuorumSignatures } from '../../../protocol/certificate.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { membershipAt } from '../../../protocol/membership.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { asRound, roundStartMs } from '../../../protocol/rounds.ts'
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
    const digest = memberSetDigest(domain, 2, next)
    const signatures = compact(quorumSignatures(members.slice(0, 3), digest))
    await send(proposeMembersCall(deployment.contracts.oracleRegistry, next, signatures))
    expect(await state()).to.deep.include({ registryVersion: 3, pendingSet: 2, pendingSuspended: 0n })

    await rotate(second, 0b11011n)
    const { newest, previous, registryVersion, pendingSet, switchesAt } = await state()
    expect(switchesAt).to.equal((await now()) + HANDOVER_SEC)
    expect({ registryVersion, pendingSet }).to.deep.equal({ registryVersion: 4, pendingSet: 0 })
    expect(newest).to.deep.include({ keyEpoch: 2, memberSet: 2, px: second.px, participants: 0b11011n })
    expect(previous).to.deep.include({ keyEpoch: 1, memberSet: 1, px: first.px, participants: 0b1111n })
    const inForce = await client.readContract({ ...registry(), functionName: 'members' })
    const lower = inForce.map(({ identity, peerKey }) => ({ identity: identity.toLowerCase(), peerKey }))
    expect(lower).to.deep.equal(contractMembers(next))
  })

  it('takes for a round the quorum that nodes take for it, to the decisecond', async () => {
    const { switchesAt } = await state()
    await client.setNextBlockTimestamp({ timestamp: BigInt(switchesAt - 1) })
    await client.mine({ blocks: 1 })
    const view = await readRegistry(createReader([anvil.rpcUrl]), {
      registry: domain.registry as Address,
      chainId: domain.chainId,
      finality: 'latest',
    })
    // The feed hands on what the registry refuses for.
    const abi = [...priceFeedAbi, ...oracleRegistryAbi]
    const feed = { address: deployment.contracts.priceFeed, abi } as const
    const quorums = { old: members.slice(0, 3), new: [...members.slice(0, 2), newcomer] }
    const taken = { chain: [] as string[], nodes: [] as string[] }
    for (const deciseconds of [-11, -10, -9, -1, 0, 1, 9, 10]) {
      const round = asRound(switchesAt * 10 + deciseconds)
      const observedAt = switchesAt + Math.floor(deciseconds / 10)
      const word = packReport({ price: parseDecimal('2.5') as Price, confidence: 1, observedAt, round })
      const digest = reportDigest(domain, deployment.feedId, word)
      for (const [name, quorum] of Object.entries(quorums)) {
        const signatures = quorumSignatures(quorum, digest)
        const counts = membershipAt(view, roundStartMs(round))
        if (verifyQuorumSignatures(counts, digest, compact(signatures), nobleIdentityCrypto))
          taken.nodes.push(`${deciseconds} ${name}`)
        const call = { ...feed, functionName: 'updateWithQuorum', args: [word, signatures] } as const
        const refused = await client.simulateContract(call).catch((error: unknown) => String(error))
        if (typeof refused === 'string') expect(refused).to.contain('NotActiveMember')
        else taken.chain.push(`${deciseconds} ${name}`)
      }
    }
    expect(taken.chain).to.deep.equal(taken.nodes)
    const [before, after] = [
      [-11, -10, -9, -1],
      [0, 1, 9, 10],
    ]
    expect(taken.chain).to.deep.equal([
      ...before.map(deciseconds => `${deciseconds} old`),
      ...after.map(deciseconds => `${deciseconds} new`),
    ])
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

/** As certificates have them: 64 bytes each. */
function compact(signatures: ReturnType<typeof quorumSignatures>): Uint8Array[] {
  return signatures.map(({ r, yParityAndS }) => bytesOf(`${r}${yParityAndS.slice(2)}`))
}

function listed({ identity, peerKey }: TestMember) {
  return { identity, peerKey }
}
