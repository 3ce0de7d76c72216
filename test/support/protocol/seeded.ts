import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes } from '@noble/hashes/utils.js'

const utf8 = new TextEncoder()

/** 32 bytes that follow from a name, the same on every machine. */
export function seeded(name: string): Uint8Array {
  return keccak_256(utf8.encode(name))
}

/** A stream of bytes that follows from a name: randomness that a test can have again. */
export function seededRandom(name: string): (length?: number) => Uint8Array<ArrayBuffer> {
  let blocks = 0
  return (length = 32) => {
    const parts: Uint8Array[] = []
    while (parts.length * 32 < length) parts.push(seeded(`${name}, block ${blocks++}`))
    return Uint8Array.from(concatBytes(...parts).subarray(0, length))
  }
}
