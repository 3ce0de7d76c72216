/**
 * Signatures of members over one digest: which of them count, and whether they are enough. Each contract takes them
 * ascending by the signer's address.
 */
import { type Address, bytesOf, type Hex } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { activeMembers, type Membership, memberByIdentity } from '../../protocol/membership.ts'

/** What each operator hands over; what it is of is up to the kind. */
export interface GivenSignature {
  readonly identity: Address
  /** 64 bytes, EIP-2098. */
  readonly signature: Hex
}

/** BAD_SIGNATURE: not by who it says. NOT_ACTIVE: by a stranger, or by a member that is suspended. */
export type SignerFault = 'BAD_SIGNATURE' | 'NOT_ACTIVE'

/** What a signature is of, where that is not what is wanted; the sentence goes on after the file's name. */
export interface Mismatch<F extends string> {
  readonly fault: F
  readonly sentence: string
}

/** Why a signature does not count. */
export type Fault<F extends string> = Mismatch<F | SignerFault>

export interface Refused<S extends GivenSignature, F extends string> extends Fault<F> {
  readonly of: S
}

/** What has to be signed, by whom, and by how many of them. */
export interface Wanted<S extends GivenSignature, F extends string> {
  readonly digest: Uint8Array
  readonly inForce: Membership
  readonly needed: number
  /** What a signature says that it is of, where that is something else. */
  readonly mismatchOf: (signature: S) => Mismatch<F> | undefined
}

export interface Collected<S extends GivenSignature, F extends string> {
  /** Of everybody whose signature counts, ascending by address. */
  readonly signers: readonly Address[]
  /** Active members who have not signed, by slot. */
  readonly missing: readonly Address[]
  /** As many as are needed, and no more: contracts check every one they are given. Undefined while they are too few. */
  readonly enough: readonly { readonly signer: Address; readonly signature: Uint8Array }[] | undefined
  readonly refused: readonly Refused<S, F>[]
}

/** For {@link Wanted.mismatchOf}: every kind of signature says of which network it is. */
export function otherNetwork(
  of: { readonly chainId: number; readonly registry: Address },
  domain: Domain,
): Mismatch<'OTHER_NETWORK'> | undefined {
  if (of.chainId === domain.chainId && of.registry === domain.registry) return undefined
  return {
    fault: 'OTHER_NETWORK',
    sentence: `is for the registry ${of.registry} on chain ${of.chainId}, not ${domain.registry} on ${domain.chainId}`,
  }
}

/** The same signer twice counts once. */
export function collect<S extends GivenSignature, F extends string>(
  found: readonly S[],
  wanted: Wanted<S, F>,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Collected<S, F> {
  const good = new Map<Address, Uint8Array>()
  const refused: Refused<S, F>[] = []
  for (const of of found) {
    const fault = wanted.mismatchOf(of) ?? faultOfSigner(of, wanted, crypto)
    if (fault === undefined) good.set(of.identity, bytesOf(of.signature))
    else refused.push({ of, ...fault })
  }
  const signers = [...good.keys()].sort()
  const chosen = signers.slice(0, wanted.needed)
  return {
    signers,
    missing: activeMembers(wanted.inForce)
      .map(({ identity }) => identity)
      .filter(identity => !good.has(identity)),
    enough:
      signers.length < wanted.needed
        ? undefined
        : chosen.flatMap(signer => {
            const signature = good.get(signer)
            return signature === undefined ? [] : [{ signer, signature }]
          }),
    refused,
  }
}

function faultOfSigner(
  { identity, signature }: GivenSignature,
  { digest, inForce }: Pick<Wanted<GivenSignature, never>, 'digest' | 'inForce'>,
  crypto: Pick<IdentityCrypto, 'recover'>,
): Fault<never> | undefined {
  const signer = crypto.recover(digest, bytesOf(signature))
  if (signer !== identity) return { fault: 'BAD_SIGNATURE', sentence: `is not by ${identity}` }
  const member = memberByIdentity(inForce, signer)
  if (member === undefined)
    return { fault: 'NOT_ACTIVE', sentence: `is by ${signer}, who is no member in force` }
  return member.suspended ? { fault: 'NOT_ACTIVE', sentence: `is by ${signer}, who is suspended` } : undefined
}
