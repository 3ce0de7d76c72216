/** Signatures of members over a list: the file each of them hands over, and the quorum they add up to. */
import { z } from 'zod'
import { type MemberList, memberSetDigest, membersHashOf } from '../../chain/member-set.ts'
import { addSchemaIssues, Problems, readJson } from '../../config/load.ts'
import { type Address, bytesOf, type Hash, type Hex, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type Membership, memberByIdentity } from '../../protocol/membership.ts'

export interface MemberSetSignature {
  readonly chainId: number
  readonly registry: Address
  /** The registry's when it was signed: whatever changes the registry makes the signature worthless. */
  readonly registryVersion: number
  readonly membersHash: Hash
  readonly identity: Address
  /** 64 bytes, EIP-2098. */
  readonly signature: Hex
}

const hexadecimal = (digits: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${digits}}$`), `0x and ${digits} hexadecimal digits`)
    .transform(text => text.toLowerCase() as Hex)
const signatureSchema = z.strictObject({
  chainId: z.int().positive(),
  registry: hexadecimal(40),
  registryVersion: z.int().positive(),
  membersHash: hexadecimal(64),
  identity: hexadecimal(40),
  signature: hexadecimal(128),
})

/** @throws {ConfigError} naming everything that is wrong with the file */
export function readSignatureFile(file: string): MemberSetSignature {
  const problems = new Problems(file)
  const document = readJson(file, '', problems)
  problems.throwIfAny()
  const parsed = signatureSchema.safeParse(document)
  if (!parsed.success) addSchemaIssues(parsed.error, '', problems)
  problems.throwIfAny()
  return parsed.data as MemberSetSignature
}

/** @param identity of `secret`, 32 bytes */
export function signList(
  list: MemberList,
  { domain, registryVersion }: Pick<Wanted, 'domain' | 'registryVersion'>,
  { identity, secret }: { readonly identity: Address; readonly secret: Uint8Array },
  crypto: Pick<IdentityCrypto, 'sign'>,
): MemberSetSignature {
  const digest = memberSetDigest(domain, registryVersion, list)
  return {
    chainId: domain.chainId,
    registry: domain.registry as Address,
    registryVersion,
    membersHash: membersHashOf(list),
    identity,
    signature: hexOf(crypto.sign(digest, secret)),
  }
}

/** What signatures have to be of, and by whom. */
export interface Wanted {
  readonly domain: Domain
  readonly registryVersion: number
  readonly list: MemberList
  readonly inForce: Membership
}

export type SignatureFault = 'OTHER_NETWORK' | 'OTHER_VERSION' | 'OTHER_LIST' | 'BAD_SIGNATURE' | 'NOT_ACTIVE'

export type Collected =
  | {
      readonly kind: 'quorum'
      readonly signers: readonly Address[]
      readonly signatures: readonly Uint8Array[]
    }
  | {
      readonly kind: 'too-few'
      /** Active members whose signature counts. */
      readonly signers: readonly Address[]
      readonly needed: number
      readonly refused: readonly Refused[]
    }

export interface Refused {
  readonly of: MemberSetSignature
  readonly fault: SignatureFault
  readonly sentence: string
}

/**
 * A quorum of the signatures that count, ascending by the signer's address. Those that do not count are left out as
 * long as there are enough; the same signer twice counts once.
 */
export function collectQuorum(
  found: readonly MemberSetSignature[],
  wanted: Wanted,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Collected {
  const needed = wanted.inForce.quorum.q
  const refused = found.flatMap(of => {
    const refusal = refusalOf(of, wanted, crypto)
    return refusal === undefined ? [] : [{ of, ...refusal }]
  })
  const good = new Map(
    found
      .filter(signature => !refused.some(({ of }) => of === signature))
      .map(({ identity, signature }) => [identity, bytesOf(signature)] as const),
  )
  const signers = [...good.keys()].sort()
  if (signers.length < needed) return { kind: 'too-few', signers, needed, refused }
  // The registry checks every signature it is given, and each costs gas.
  const chosen = signers.slice(0, needed)
  return { kind: 'quorum', signers: chosen, signatures: chosen.flatMap(signer => good.get(signer) ?? []) }
}

function refusalOf(
  of: MemberSetSignature,
  { domain, registryVersion, list, inForce }: Wanted,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Omit<Refused, 'of'> | undefined {
  if (of.chainId !== domain.chainId || of.registry !== domain.registry)
    return {
      fault: 'OTHER_NETWORK',
      sentence: `is for the registry ${of.registry} on chain ${of.chainId}, not ${domain.registry} on ${domain.chainId}`,
    }
  if (of.registryVersion !== registryVersion)
    return {
      fault: 'OTHER_VERSION',
      sentence: `is of registry version ${of.registryVersion}, and the registry is at ${registryVersion}: the list has to be signed again`,
    }
  if (of.membersHash !== membersHashOf(list))
    return { fault: 'OTHER_LIST', sentence: `is of another list (${of.membersHash}): compare the files` }
  const signer = crypto.recover(memberSetDigest(domain, registryVersion, list), bytesOf(of.signature))
  if (signer !== of.identity) return { fault: 'BAD_SIGNATURE', sentence: `is not by ${of.identity}` }
  if (memberByIdentity(inForce, signer)?.suspended !== false)
    return { fault: 'NOT_ACTIVE', sentence: 'is by nobody who is an active member now' }
  return undefined
}
