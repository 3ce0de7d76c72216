/**
 * The EIP-712 domain every signature of a network belongs to. The registry's address is in it, so nothing
 * signed for one network, chain or deployment counts in another.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { domainSeparator, keccak256, type TypedDataDomain } from 'viem'
import { type Address, bigintToBytes, bytesOf, type Hash, type Hex } from './bytes.ts'

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
  { name: 'memberSet', type: 'uint32' },
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
  /** A list of members that a quorum of those in force agrees on; `membersHash` is that of the ABI's encoding of it. */
  memberSet: {
    name: 'MemberSet',
    fields: [
      { name: 'registryVersion', type: 'uint32' },
      { name: 'membersHash', type: 'bytes32' },
    ],
  },
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

/** What a struct's fields hold: an integer, or the bytes of a `bytesN` or an address. */
type StructValue = bigint | number | Hex

/** Hashes that every digest of a domain or struct needs again; each object is hashed once. */
const separators = new WeakMap<Domain, Uint8Array>()
const typeHashes = new WeakMap<StructType, Uint8Array>()
const tags = new WeakMap<Domain, Uint8Array>()

function once<K extends object>(known: WeakMap<K, Uint8Array>, key: K, make: () => Uint8Array): Uint8Array {
  const found = known.get(key)
  if (found !== undefined) return found
  const made = make()
  known.set(key, made)
  return made
}

/**
 * EIP-712 digest of one struct in the domain. Every message between nodes passes here several times, so this is
 * written out for fields of one word; the tests compare it with a complete implementation.
 *
 * @throws {RangeError} for a field of another type, one without a value, or a value that does not fit its type
 */
export function digestOf(
  domain: Domain,
  struct: StructType,
  message: Readonly<Record<string, StructValue>>,
): Uint8Array {
  const signed = new Uint8Array(2 + 2 * WORD)
  signed.set([0x19, 0x01])
  signed.set(
    once(separators, domain, () => bytesOf(domainSeparator({ domain: eip712Domain(domain) }))),
    2,
  )
  signed.set(structHashOf(struct, message), 2 + WORD)
  return keccak_256(signed)
}

/** What a digest has of the struct alone, without the domain. @throws {RangeError} as {@link digestOf} does */
export function structHashOf(struct: StructType, message: Readonly<Record<string, StructValue>>): Uint8Array {
  const words = new Uint8Array(WORD * (struct.fields.length + 1))
  words.set(
    once(typeHashes, struct, () => typeHashOf(struct)),
    0,
  )
  struct.fields.forEach(({ name, type }, index) => {
    const value = message[name]
    if (value === undefined) throw new RangeError(`${struct.name} without ${name}`)
    writeWord(words.subarray(WORD * (index + 1), WORD * (index + 2)), type, value)
  })
  return keccak_256(words)
}

const WORD = 32

function typeHashOf({ name, fields }: StructType): Uint8Array {
  const list = fields.map(field => `${field.type} ${field.name}`).join(',')
  return keccak_256(new TextEncoder().encode(`${name}(${list})`))
}

/** Writes one field as the 32 bytes that Solidity's `abi.encode` gives it. */
function writeWord(word: Uint8Array, type: string, value: StructValue): void {
  const bits = /^uint(\d+)$/.exec(type)?.[1]
  if (bits !== undefined) {
    const length = Number(bits) / 8
    word.set(bigintToBytes(BigInt(value), length), WORD - length)
    return
  }
  const length = type === 'address' ? 20 : Number(/^bytes(\d+)$/.exec(type)?.[1] ?? Number.NaN)
  const bytes = typeof value === 'string' ? bytesOf(value) : undefined
  if (bytes === undefined || bytes.length !== length) throw new RangeError(`${value} is no ${type}`)
  word.set(bytes, type === 'address' ? WORD - length : 0)
}

/** Four bytes that lead every wire message: strangers are told apart before a signature is looked at. */
export function domainTag(domain: Domain): Uint8Array {
  return once(tags, domain, () => {
    const name = new TextEncoder().encode(`IO Oracle 1 ${domain.chainId} ${domain.registry.toLowerCase()}`)
    return keccak_256(name).slice(0, 4)
  })
}

/** Identifier of a feed such as `IO/USD`: keccak256 of its name. */
export function feedIdOf(feed: string): Hash {
  return keccak256(new TextEncoder().encode(feed))
}
