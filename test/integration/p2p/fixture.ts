import { type Clock, systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { type PeerKey, peerIdOf, peerKeyFromSeed } from '../../../runtime/p2p/peer-key.ts'
import { createPeerNetwork, type PeerNetwork } from '../../../runtime/p2p/peer-network.ts'

export const TOPIC = '/test/notes/1'

export function seedOf(index: number): Uint8Array {
  return new Uint8Array(32).fill(index + 1)
}

export function keyOf(index: number): PeerKey {
  return peerKeyFromSeed(seedOf(index))
}

export function keysOf(count: number): PeerKey[] {
  return Array.from({ length: count }, (_, index) => keyOf(index))
}

export interface PeerOptions {
  readonly bootstrap?: readonly string[]
  readonly allowed?: () => ReadonlySet<PeerKey>
  readonly listen?: string
  readonly clock?: Clock
}

export function createPeer(index: number, options: PeerOptions = {}): PeerNetwork {
  return createPeerNetwork(
    {
      seed: seedOf(index),
      listen: [options.listen ?? '/ip4/127.0.0.1/tcp/0'],
      bootstrap: options.bootstrap ?? [],
      allowed: options.allowed ?? (() => new Set(keysOf(16))),
      loopback: true,
    },
    { clock: options.clock ?? systemClock, logger: silentLogger },
  )
}

export function start(peer: PeerNetwork): Promise<void> {
  return peer.start(new AbortController().signal)
}

/** `count` peers, each told the addresses of those before it, all connected to all. */
export async function connectedPeers(
  count: number,
  options: PeerOptions = {},
  prepare: (peer: PeerNetwork) => void = () => {},
): Promise<PeerNetwork[]> {
  const peers: PeerNetwork[] = []
  for (let index = 0; index < count; index++) {
    const bootstrap = peers.flatMap(peer => peer.addresses())
    const peer = createPeer(index, { ...options, bootstrap })
    prepare(peer)
    await start(peer)
    peers.push(peer)
  }
  try {
    await until('all are connected', () => peers.every(peer => peer.connected().length === count - 1))
  } catch (error) {
    // The caller never gets to hold them.
    await Promise.all(peers.map(peer => peer.stop()))
    throw error
  }
  return peers
}

/** Where peer `index` will listen, in the form others dial. */
export function addressOf(index: number, port: number): string {
  return `/ip4/127.0.0.1/tcp/${port}/p2p/${peerIdOf(keyOf(index))}`
}

/** Looks again until it is so. The limit is only there to fail with a sentence. */
export async function until(what: string, isSo: () => boolean, limitMs = 8_000): Promise<void> {
  const giveUpAt = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain until ${what}`)
    await systemClock.sleep(5)
  }
}

/**
 * Publishes numbered copies until `isSo`: a message that is sent before the topic is known on the other side is lost,
 * and asking again is what callers do.
 */
export async function publishUntil(peer: PeerNetwork, what: string, isSo: () => boolean): Promise<void> {
  let count = 0
  let busy = false
  await until(what, () => {
    if (isSo()) return true
    if (!busy) {
      busy = true
      void peer.publish(TOPIC, note(`${what} ${count++}`)).finally(() => {
        busy = false
      })
    }
    return false
  })
}

export function note(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data)
}

/** The system's clock, with a monotonic time that a test can push forward. */
export function shiftedClock(): Clock & { advance(ms: number): void } {
  let aheadMs = 0
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + aheadMs,
    advance: ms => {
      aheadMs += ms
    },
  }
}
