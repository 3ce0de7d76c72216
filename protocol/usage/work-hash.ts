/**
 * What a usage record says was done, as one hash: payer, gateway and whoever runs the model again compute the same.
 *
 * ```
 * inference  tag 32 | prompt's length 4 | prompt | maxTokens 4 | text
 * hire       tag 32 | lease 32 | cumulativeUnits 16
 * ```
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ByteWriter, type Hash, hexOf } from '../bytes.ts'

/** Keeps the hash of an inference from ever passing for that of a hire. */
const tag = (name: string): Uint8Array => keccak_256(new TextEncoder().encode(`IO work ${name}`))
const INFERENCE = tag('inference')
const HIRE = tag('hire')

/** `workHash` of an inference: request and answer, in UTF-8. */
export function inferenceWorkHash(prompt: string, maxTokens: number, text: string): Hash {
  const asked = new TextEncoder().encode(prompt)
  const answered = new TextEncoder().encode(text)
  const bytes = new ByteWriter()
    .fixed(INFERENCE, 32)
    .uint(asked.length, 4)
    .fixed(asked, asked.length)
    .uint(maxTokens, 4)
    .fixed(answered, answered.length)
    .done()
  return hexOf(keccak_256(bytes))
}

/** `workHash` of a hire: the lease, and how many seconds of it there have been. */
export function hireWorkHash(lease: Hash, cumulativeUnits: bigint): Hash {
  return hexOf(keccak_256(new ByteWriter().fixed(HIRE, 32).hex(lease, 32).uint(cumulativeUnits, 16).done()))
}
