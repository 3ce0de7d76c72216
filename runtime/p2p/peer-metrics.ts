import type { Metrics } from '../metrics.ts'
import type { PeerEvent } from './peer-events.ts'

/** For the `count` of a peer network: what happened with peers, as a metric. Once a process. */
export function peerEventCounter(metrics: Metrics): (event: PeerEvent) => void {
  const events = metrics.counter('ionet_peer_events_total', 'What happened with other peers', ['event'])
  return event => events.inc({ event })
}
