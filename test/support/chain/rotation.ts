import { oracleRegistryAbi } from '../../../chain/abi/oracle-registry.ts'
import type { ContractCall } from '../../../chain/transactor.ts'
import type { Address, Hash } from '../../../protocol/bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../../../protocol/domain.ts'
import { bitmapOf } from '../../../protocol/membership.ts'
import { quorumSignatures, type TestGroup, type TestMember } from './signing.ts'

/** Installs the first key of four members. @param transcriptHash of what the test shows for it */
export function firstRotationCall(
  domain: Domain,
  members: readonly TestMember[],
  group: TestGroup,
  transcriptHash: Hash,
): ContractCall {
  const key = {
    ...{ keyEpoch: 1, registryVersion: 1, memberSet: 1, transcriptHash },
    participants: bitmapOf([0, 1, 2, 3]),
    px: group.px,
  }
  const digest = digestOf(domain, STRUCTS.groupKey, key)
  const { r, s } = group.sign(digest)
  return {
    address: domain.registry as Address,
    abi: oracleRegistryAbi,
    functionName: 'rotateGroupKey',
    args: [key.px, transcriptHash, key.participants, r, s, quorumSignatures(members.slice(0, 3), digest)],
  }
}
