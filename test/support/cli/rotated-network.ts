/** A development chain whose registry has had three key epochs: the second brought other members into force. */
import { join } from 'node:path'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import { deploy } from '../../../chain/deploy.ts'
import { saveDeployment } from '../../../chain/deployment.ts'
import { type MemberList, memberSetDigest, proposeMembersCall } from '../../../chain/member-set.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import { type Address, bytesOf } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { bitmapOf } from '../../../protocol/membership.ts'
import { AMPLE_GAS, fundedAccount, startAnvil } from '../chain/anvil.ts'
import { quorumSignatures, type TestMember, testGroup, testMember } from '../chain/signing.ts'

export interface RotatedNetwork {
  readonly rpcUrl: string
  readonly deploymentFile: string
  readonly domain: Domain
  /** When the rounds of key epochs 1, 2 and 3 begin, Unix seconds. */
  readonly switchesAtSec: readonly [number, number, number]
  stop(): Promise<void>
}

const HANDOVER_SEC = 10
const HASH = `0x${'5a'.repeat(32)}` as const

/**
 * Members 0 to 3 are in force in key epoch 1. From key epoch 2 on member 2 is gone, and `newcomer` is in slot 4.
 *
 * @param dir an existing folder; the deployment file is written there
 */
export async function startRotatedNetwork(dir: string): Promise<RotatedNetwork> {
  const anvil = await startAnvil()
  const account = fundedAccount(0)
  const client = createTestClient({
    ...{ mode: 'anvil', account, transport: http(anvil.rpcUrl), pollingInterval: 20, cacheTime: 0 },
  })
    .extend(publicActions)
    .extend(walletActions)
  const send = async (call: ContractCall): Promise<void> => {
    const hash = await client.writeContract({ ...call, chain: null, gas: AMPLE_GAS } as never)
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error(`${call.functionName} reverted`)
  }
  try {
    const members = [0, 1, 2, 3].map(slot => testMember(`member ${slot}`))
    const deployment = await deploy({
      ...{ rpcUrl: anvil.rpcUrl, deployer: account, members: members.map(listed) },
      ...{ aggregators: [], genesis: [], epochLengthSec: 60, handoverSec: HANDOVER_SEC },
    })
    const registry = { address: deployment.contracts.oracleRegistry, abi: oracleRegistryAbi } as const
    const domain = { chainId: deployment.chainId, registry: registry.address.toLowerCase() as Address }
    const state = () => client.readContract({ ...registry, functionName: 'state' })

    /** @returns when its rounds begin */
    const rotate = async (name: string, slots: readonly number[], quorum: readonly TestMember[]) => {
      const { newest, registryVersion, pendingSet } = await state()
      const group = testGroup(name)
      const participants = bitmapOf(slots)
      const digest = digestOf(domain, STRUCTS.groupKey, {
        ...{ keyEpoch: newest.keyEpoch + 1, registryVersion, transcriptHash: HASH, participants },
        ...{ memberSet: pendingSet === 0 ? newest.memberSet : pendingSet, px: group.px },
      })
      const { r, s } = group.sign(digest)
      const args = [group.px, HASH, participants, r, s, quorumSignatures(quorum, digest)]
      await send({ ...registry, functionName: 'rotateGroupKey', args })
      return (await state()).switchesAt
    }
    const propose = async (list: MemberList, quorum: readonly TestMember[]): Promise<void> => {
      const digest = memberSetDigest(domain, (await state()).registryVersion, list)
      const signatures = quorumSignatures(quorum, digest)
      const compact = signatures.map(({ r, yParityAndS }) => bytesOf(`${r}${yParityAndS.slice(2)}`))
      await send(proposeMembersCall(registry.address, list, compact))
    }
    const passTime = async (): Promise<void> => {
      await client.increaseTime({ seconds: 3 * HANDOVER_SEC })
      await client.mine({ blocks: 1 })
    }

    const stayed = members.filter((_, slot) => slot !== 2)
    const first = await rotate('first', [0, 1, 2, 3], members.slice(0, 3))
    await passTime()
    const next = members.map((member, slot) => (slot === 2 ? undefined : listed(member)))
    await propose([...next, listed(testMember('newcomer'))], members.slice(0, 3))
    const second = await rotate('second', [0, 1, 3, 4], members.slice(0, 3))
    await passTime()
    const third = await rotate('third', [0, 1, 3, 4], stayed)

    const deploymentFile = join(dir, 'deployment.json')
    saveDeployment(deploymentFile, deployment)
    const switchesAtSec = [first, second, third] as const
    return { rpcUrl: anvil.rpcUrl, deploymentFile, domain, switchesAtSec, stop: () => anvil.stop() }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

function listed({ identity, peerKey }: TestMember) {
  return { identity, peerKey }
}
