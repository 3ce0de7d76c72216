/** What clients may send, parsed at the door. Binary fields are hexadecimal. */
import { z } from 'zod'
import { type Address, bytesOf, type Hash, type Hex } from '../../protocol/bytes.ts'
import { type AcceptedHold, decodeAcceptedHold } from '../../protocol/usage/hold.ts'
import { decodeSignedReceipt, type SignedReceipt } from '../../protocol/usage/receipt.ts'
import { RefusedError } from '../refused.ts'

/** No prompt that the model takes is longer; bytes are counted after. */
const MAX_PROMPT_CHARS = 16_384
const MAX_TOKENS = 1_000_000
const MAX_FIELD_HEX = 2_048

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform(text => text.toLowerCase() as Address)
const hex = z
  .string()
  .max(MAX_FIELD_HEX)
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform(text => bytesOf(text as Hex))
const prompt = z.string().max(MAX_PROMPT_CHARS)
const maxTokens = z.int().min(1).max(MAX_TOKENS)
const receipt = hex.transform((bytes): SignedReceipt => decodeSignedReceipt(bytes))
const hold = hex.transform((bytes): AcceptedHold => decodeAcceptedHold(bytes))

export const offerBody = z.object({ payer: address, gateway: address, prompt, maxTokens })
export const inferenceBody = z.object({ prompt, maxTokens, receipt, hold })
export const hireBody = z.object({ receipt, hold })
export const leaseReceiptBody = z.object({ receipt })
export const leaseEndBody = z.object({ validUntil: z.int().nonnegative(), signature: hex })
export const leaseParameters = z.object({
  lease: z
    .string()
    .regex(/^0x[0-9a-f]{64}$/)
    .transform(text => text as Hash),
})

/** @throws {RefusedError} MALFORMED, whatever is wrong: a decoder inside a schema throws its own errors */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  try {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
  } catch {
    // Falls through to the one answer for all misshapen input.
  }
  throw new RefusedError('MALFORMED')
}
