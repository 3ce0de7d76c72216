/**
 * The EIP-712 domain every signature of a network belongs to. The registry's address is in it, so nothing
 * signed for one network, chain or deployment counts in another.
 */
import { hashTypedData, keccak256, type TypedDataDomain } from 'viem'
import { type Address, bytesOf, type Hash, type Hex } from './bytes.ts'

export interface Domain {
  readonly chainId: number
  readonly registry: Address
}

interface Field {
  readonly name: string
  readonly type: string
}

/** One signed struct: its EIP-712 name and fields. The Solidity side states the same type string. */
export interface StructType {
  readonly name: string
  readonly fields: readonly Field[]
}

const GROUP_KEY: readonly Field[] = [
  { name: 'keyEpoch', type: 'uint32' },
  { name: 'registryVersion', type: 'uint32' },
  { name: 'transcriptHash', type: 'bytes32' },
  { name: 'participants', type: 'uint256' },
  { name: 'px', type: 'uint256' },
]

export const STRUCTS = {
  quote: {
    name: 'Quote',
    fields: [
      { name: 'keyEpoch', type: 'uint32' },
      { name: 'feedId', type: 'bytes32' },
      { name: 'round', type: 'uint40' },
      { name: 'price', type: 'uint80' },
      { name: 'confidence', type: 'uint16' },
      { name: 'observedAt', type: 'uint40' },
      { name: 'sourcesRoot', type: 'bytes32' },
    ],
  },
  report: {
    name: 'Report',
    fields: [
      { name: 'feedId', type: 'bytes32' },
      { name: 'word', type: 'uint256' },
    ],
  },
  groupKey: { name: 'GroupKey', fields: GROUP_KEY },
  /** Any message between nodes that is signed but never shown to a contract: kind and hash of its body. */
  message: {
    name: 'Message',
    fields: [
      { name: 'keyEpoch', type: 'uint32' },
      { name: 'kind', type: 'uint8' },
      { name: 'bodyHash', type: 'bytes32' },
    ],
  },
} as const satisfies Record<string, StructType>

export function eip712Domain(domain: Domain): TypedDataDomain {
  return { name: 'IO Oracle', version: '1', chainId: domain.chainId, verifyingContract: domain.registry }
}

/** EIP-712 digest of one struct in the domain. */
export function digestOf(
  domain: Domain,
  struct: StructType,
  message: Record<string, bigint | number | Hex>,
): Uint8Array {
  return bytesOf(
    hashTypedData({
      domain: eip712Domain(domain),
      types: { [struct.name]: [...struct.fields] },
      primaryType: struct.name,
      message,
    }),
  )
}

/** Four bytes that lead every wire message: strangers are told apart before a signature is looked at. */
export function domainTag(domain: Domain): Uint8Array {
  const name = new TextEncoder().encode(`IO Oracle 1 ${domain.chainId} ${domain.registry.toLowerCase()}`)
  return bytesOf(keccak256(name)).slice(0, 4)
}

/** Identifier of a feed such as `IO/USD`: keccak256 of its name. */
export function feedIdOf(feed: string): Hash {
  return keccak256(new TextEncoder().encode(feed))
}
