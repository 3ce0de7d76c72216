/**
 * The suite in which a beacon key is dealt: the procedure of the signing key under another name, so that nothing made
 * for one proves anything for the other. No parity rule: no contract ever looks at this key.
 */
import { createFROST } from '@noble/curves/abstract/frost.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** Part of what a dealer's proof of knowledge is made over. */
export const BEACON_SUITE = 'IO-BEACON-secp256k1-keccak256-v1'

/** For key generation alone; it never signs. */
export const beaconSuite = createFROST({
  name: BEACON_SUITE,
  Point: secp256k1.Point,
  hash: keccak_256,
})
