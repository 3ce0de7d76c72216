/**
 * Roots of windows that this node did not get in time and others did. A node that was away at a deadline would refuse
 * the epoch; so it believes f + 1 other members: one of them at least is honest and had the root in time.
 */
import type { Address, Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { decodeWindowReply, encodeWindowRequest } from '../../protocol/epoch/messages.ts'
import type { Member } from '../../protocol/membership.ts'
import { quorumOf } from '../../protocol/quorum.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'

const TIMEOUT_MS = 3_000
const REPLY_BYTES = 32

/**
 * The root that f + 1 other members had in time; undefined when there is none.
 *
 * @param self who asks
 * @param members all of the slot's: who has come since had nothing in time. The suspended are not asked
 */
export async function witnessedRoot(
  window: number,
  self: Address,
  members: readonly Member[],
  network: Pick<PeerNetwork, 'request'>,
  signal: AbortSignal,
): Promise<Hash | undefined> {
  const others = members.filter(({ identity, suspended }) => identity !== self && !suspended)
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
  const { f } = quorumOf(members.length)
  return [...votes].find(([, count]) => count > f)?.[0]
}

function rootOf(reply: Uint8Array): Hash | undefined {
  try {
    return decodeWindowReply(reply)
  } catch {
    return undefined
  }
}
