import { secp256k1 } from '@noble/curves/secp256k1.js'
import { toCompact } from '../../../protocol/identity.ts'
import { quoteDigest, type SignedQuote } from '../../../protocol/quote.ts'
import { DOMAIN, secretOf } from './network.ts'
import { seeded } from './seeded.ts'

/** Another valid low-s signature of the same member over the same quote: signatures are not unique. */
export function otherSignature(quote: SignedQuote): Uint8Array {
  const recovered = secp256k1.sign(quoteDigest(DOMAIN, quote.quote), secretOf('node', quote.slot), {
    prehash: false,
    format: 'recovered',
    extraEntropy: seeded('a second nonce'),
  })
  return toCompact(recovered.subarray(1), recovered[0] ?? 0)
}
