/**
 * Roots of windows that this node did not get in time and others did. A node that was away at a deadline would refuse
 * the epoch; so it believes f + 1 other members: one of them at least is honest and had the root in time.
 */
import type { Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { decodeWindowReply, encodeWindowRequest } from '../../protocol/epoch/messages.ts'
import { activeMembers, type Membership } from '../../protocol/membership.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'

const TIMEOUT_MS = 3_000
const REPLY_BYTES = 32

/** The root that f + 1 other members had in time; undefined when there is none. */
export async function witnessedRoot(
  window: number,
  ownSlot: number,
  membership: Membership,
  network: Pick<PeerNetwork, 'request'>,
  signal: AbortSignal,
): Promise<Hash | undefined> {
  const others = activeMembers(membership).filter(({ slot }) => slot !== ownSlot)
  const body = encodeWindowRequest(window)
  const options = { timeoutMs: TIMEOUT_MS, maxReplyBytes: REPLY_BYTES, signal }
  const replies = await Promise.allSettled(
    others.map(({ peerKey }) => network.request(peerKey, CHANNELS.windowRoot, body, options)),
  )
  signal.throwIfAborted()
  const votes = new Map<Hash, number>()
  for (const reply of replies) {
    const root = reply.status === 'fulfilled' ? rootOf(reply.value) : undefined
    if (root !== undefined) votes.set(root, (votes.get(root) ?? 0) + 1)
  }
  return [...votes].find(([, count]) => count > membership.quorum.f)?.[0]
}

function rootOf(reply: Uint8Array): Hash | undefined {
  try {
    return decodeWindowReply(reply)
  } catch {
    return undefined
  }
}
