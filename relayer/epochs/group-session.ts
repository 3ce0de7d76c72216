/** One session of the group's signature: q members with a nonce each, one share each, one signature or its culprits. */
import { hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { decodeEpochShare, encodeEpochSign } from '../../protocol/epoch/messages.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import {
  aggregateShares,
  cheatersOf,
  commitmentsOf,
  type FrostPublic,
  type GroupSignature,
  isScalar,
  SCALAR_BYTES,
  verifyGroupSignature,
} from '../../protocol/frost.ts'
import type { Member, Membership } from '../../protocol/membership.ts'
import type { ChosenSigner } from '../../protocol/round/messages.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'

/** A share is a few scalar operations; a member that needs longer is left out of the next session. */
const SIGN_TIMEOUT_MS = 3_000

export interface GroupSession {
  readonly report: EpochReport
  readonly digest: Uint8Array
  readonly membership: Membership
  readonly groupPublic: FrostPublic
  /** Exactly q, ascending by slot. Their nonces are spent with this session. */
  readonly signers: readonly (ChosenSigner & { readonly member: Member })[]
}

export type SessionResult =
  | { readonly signature: GroupSignature }
  /** Slots that gave no share, or a bad one: never empty. */
  | { readonly culprits: readonly number[] }

export async function signAsGroup(
  session: GroupSession,
  deps: { readonly network: Pick<PeerNetwork, 'request'>; readonly signal: AbortSignal },
): Promise<SessionResult> {
  const { report, digest, signers } = session
  const request = encodeEpochSign({
    epoch: report.epoch,
    attempt: report.attempt,
    digest: hexOf(digest),
    signers: signers.map(({ slot, hiding, binding }) => ({ slot, hiding, binding })),
  })
  const shares = new Map<number, Uint8Array>()
  await Promise.all(
    signers.map(async ({ slot, member }) => {
      const share = await shareOf(member, request, deps)
      if (share !== undefined) shares.set(slot, share)
    }),
  )
  deps.signal.throwIfAborted()
  const silent = signers.map(({ slot }) => slot).filter(slot => !shares.has(slot))
  return silent.length > 0 ? { culprits: silent } : aggregate(session, shares)
}

async function shareOf(
  { peerKey }: Member,
  request: Uint8Array,
  { network, signal }: { readonly network: Pick<PeerNetwork, 'request'>; readonly signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  try {
    const reply = await network.request(peerKey, CHANNELS.epochSign, request, {
      timeoutMs: SIGN_TIMEOUT_MS,
      maxReplyBytes: SCALAR_BYTES,
      signal,
    })
    const share = decodeEpochShare(reply)
    return share !== undefined && isScalar(share) ? share : undefined
  } catch {
    // Silence, refusal and nonsense come to the same: the next session is without this member.
    return undefined
  }
}

function aggregate(
  { digest, membership, groupPublic, signers }: GroupSession,
  shares: ReadonlyMap<number, Uint8Array>,
): SessionResult {
  const slots = signers.map(({ slot }) => slot)
  try {
    const signature = aggregateShares(groupPublic, commitmentsOf(signers), digest, shares)
    const px = membership.groupKey?.px ?? 0n
    return verifyGroupSignature(px, digest, signature) ? { signature } : { culprits: slots }
  } catch (error) {
    // Without names the whole set is doubtful.
    const cheaters = cheatersOf(error, slots)
    return { culprits: cheaters.length > 0 ? cheaters : slots }
  }
}
