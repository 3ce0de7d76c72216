/** Who makes beacons, and who may ask for them. */
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { type Membership, relayerByPeerKey } from '../../protocol/membership.ts'
import type { BeaconsDeps } from './beacons.ts'

/**
 * @param chain knows the members of every key, however long ago
 * @param membership of now
 */
export function beaconPeers(
  chain: Pick<SettlementReader, 'groupKeyOf'>,
  membership: () => Membership | undefined,
): Pick<BeaconsDeps, 'membersOf' | 'mayAsk'> {
  const membersOf: BeaconsDeps['membersOf'] = keyEpoch =>
    chain.groupKeyOf(keyEpoch)?.members.map(({ peerKey }) => peerKey) ?? []
  return {
    membersOf,
    mayAsk: (peer, keyEpoch) => {
      const now = membership()
      if (now === undefined) return false
      if (relayerByPeerKey(now, peer) !== undefined) return true
      // Those that have come since audit what was before them, and those that have gone what was theirs.
      return now.members.some(({ peerKey }) => peerKey === peer) || membersOf(keyEpoch).includes(peer)
    },
  }
}
