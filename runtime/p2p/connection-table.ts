import type { PeerKey } from './peer-key.ts'
import type { PeerConnection } from './request-client.ts'

interface Entry {
  readonly since: number
  readonly connections: PeerConnection[]
}

/** The open connections of each peer. Bounded by libp2p's own limit on connections. */
export class ConnectionTable {
  readonly #entries = new Map<PeerKey, Entry>()

  /** True when it is the peer's first. */
  add(peer: PeerKey, connection: PeerConnection, now: number): boolean {
    const entry = this.#entries.get(peer)
    if (entry !== undefined) {
      entry.connections.push(connection)
      return false
    }
    this.#entries.set(peer, { since: now, connections: [connection] })
    return true
  }

  /** False when it was not here. */
  remove(peer: PeerKey, connection: PeerConnection): boolean {
    const connections = this.#entries.get(peer)?.connections ?? []
    const index = connections.indexOf(connection)
    if (index < 0) return false
    connections.splice(index, 1)
    if (connections.length === 0) this.#entries.delete(peer)
    return true
  }

  has(peer: PeerKey): boolean {
    return this.#entries.has(peer)
  }

  /** A copy: closing one of them changes the table. */
  of(peer: PeerKey): PeerConnection[] {
    return [...(this.#entries.get(peer)?.connections ?? [])]
  }

  /** The newest: of two, the older one may belong to a process that is gone. */
  newest(peer: PeerKey): PeerConnection | undefined {
    return this.#entries.get(peer)?.connections.at(-1)
  }

  peers(): PeerKey[] {
    return [...this.#entries.keys()]
  }

  /** How long the peer has been connected; 0 when it is not. */
  ageMs(peer: PeerKey, now: number): number {
    const entry = this.#entries.get(peer)
    return entry === undefined ? 0 : now - entry.since
  }

  clear(): void {
    this.#entries.clear()
  }
}
