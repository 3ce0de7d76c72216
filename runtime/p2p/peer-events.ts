/** Things worth counting; the labels of a metric. */
export const PEER_EVENTS = [
  'CONNECTED',
  'DISCONNECTED',
  'DENIED_UNKNOWN',
  'DENIED_BANNED',
  'DENIED_TOO_MANY',
  'DIAL_FAILED',
  'GOSSIP_ACCEPTED',
  'GOSSIP_IGNORED',
  'GOSSIP_REJECTED',
  'GOSSIP_OVER_BUDGET',
  'BANNED_FOR_REJECTS',
  'BANNED_FOR_FLOOD',
  'DROPPED_UNLISTED',
  'DROPPED_WITHOUT_GOSSIP',
  'REQUEST_SERVED',
  'REQUEST_REFUSED',
  'REQUEST_OVER_BUDGET',
  'REQUEST_BROKEN',
  'PUBLISH_FAILED',
] as const

export type PeerEvent = (typeof PEER_EVENTS)[number]

export interface EventCounter {
  add(event: PeerEvent): void
  counts(): Readonly<Record<PeerEvent, number>>
}

/** @param count told of each event as well */
export function createEventCounter(count: (event: PeerEvent) => void = () => {}): EventCounter {
  const counts = Object.fromEntries(PEER_EVENTS.map(event => [event, 0])) as Record<PeerEvent, number>
  return {
    add: event => {
      counts[event] += 1
      count(event)
    },
    counts: () => ({ ...counts }),
  }
}
