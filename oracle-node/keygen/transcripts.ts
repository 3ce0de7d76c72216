/** Shows transcripts: whoever has one derives both keys and every public share, and needs to trust nobody for it. */
import { hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { KeyHolder } from './key-holder.ts'

const HASH_BYTES = 32
const LIMITS = { maxRequestBytes: HASH_BYTES, maxInFlightPerPeer: 2, timeoutMs: 2_000 }

/** Answers a hash with the transcript of it, for the keys that this node holds shares of. */
export function serveTranscripts(
  network: Pick<PeerNetwork, 'handle'>,
  keys: Pick<KeyHolder, 'transcriptOf'>,
): void {
  network.handle(CHANNELS.transcript, LIMITS, async hash => {
    const transcript = keys.transcriptOf(hexOf(hash))
    if (transcript === undefined) throw new RequestRefused('no transcript of this hash')
    return transcript
  })
}
