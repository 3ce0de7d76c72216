import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { PeerKey } from '../../protocol/membership.ts'

export type { PeerKey }

const PEER_KEY = /^0x[0-9a-f]{64}$/

/** The public key of a 32-byte Ed25519 seed. Throws a RangeError for another length. */
export function peerKeyFromSeed(seed: Uint8Array): PeerKey {
  if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, this one has ${seed.length}`)
  return toPeerKey(ed25519.getPublicKey(seed))
}

/** The libp2p peer id (`12D3KooW…`) of a key, as it stands after `/p2p/` in an address. */
export function peerIdOf(key: PeerKey): string {
  if (!PEER_KEY.test(key)) throw new RangeError('a peer key is 0x and 64 lower-case hex digits')
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(key.slice(2), 'hex'))).toString()
}

/** The key inside a peer id; undefined when the text is no peer id, or one of another kind than Ed25519. */
export function peerKeyOf(peerId: string): PeerKey | undefined {
  try {
    const parsed = peerIdFromString(peerId)
    return parsed.type === 'Ed25519' ? toPeerKey(parsed.publicKey.raw) : undefined
  } catch {
    return undefined
  }
}

/** The key of the peer that an address ends in; undefined when it names none. */
export function peerKeyOfAddress(address: string): PeerKey | undefined {
  const peerId = /\/p2p\/([^/]+)$/.exec(address)?.[1]
  return peerId === undefined ? undefined : peerKeyOf(peerId)
}

function toPeerKey(publicKey: Uint8Array): PeerKey {
  return `0x${Buffer.from(publicKey).toString('hex')}`
}
