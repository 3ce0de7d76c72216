/** What beacons are made for. Everything that may not be shared with another network or use is in the bytes. */
import { secp256k1_hasher } from '@noble/curves/secp256k1.js'
import { ByteWriter, type Hash } from '../bytes.ts'
import type { Domain } from '../domain.ts'

/**
 * `window`: whether a slot of block time is a challenge window, and what its products are made from. `draw`: what of
 * them is opened, once everybody has committed to `root`.
 */
export type BeaconInput =
  | { readonly kind: 'window'; readonly slot: number }
  | { readonly kind: 'draw'; readonly slot: number; readonly root: Hash }

/** Numbers are part of the protocol and never reused. */
export const BEACON_KIND = { window: 1, draw: 2 } as const

/** Stands where a window's beacon has no root. */
export const NO_ROOT: Hash = `0x${'00'.repeat(32)}`

/** RFC 9380: tells hashes to this curve from all others. */
const DST = 'IO-BEACON-V1-CS01-with-secp256k1_XMD:SHA-256_SSWU_RO_'

export function rootOf(input: BeaconInput): Hash {
  return input.kind === 'draw' ? input.root : NO_ROOT
}

/** One text for one input: for tables. */
export function inputKey(input: BeaconInput): string {
  return `${input.kind} ${input.slot} ${rootOf(input)}`
}

/** kind 1 | chainId 8 | registry 20 | slot 8 | root 32 */
export function inputBytes(domain: Domain, input: BeaconInput): Uint8Array {
  return new ByteWriter()
    .uint(BEACON_KIND[input.kind], 1)
    .uint(domain.chainId, 8)
    .hex(domain.registry, 20)
    .uint(input.slot, 8)
    .hex(rootOf(input), 32)
    .done()
}

/** The point whose logarithm nobody knows, and of which a value is a multiple. */
export function inputPoint(
  domain: Domain,
  input: BeaconInput,
): ReturnType<typeof secp256k1_hasher.hashToCurve> {
  return secp256k1_hasher.hashToCurve(inputBytes(domain, input), { DST })
}
