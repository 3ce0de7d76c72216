import { z } from 'zod'
import type { Hex } from '../../protocol/bytes.ts'

/** So many hexadecimal digits after 0x, as somebody may have typed them; lower case afterwards. */
export function hexadecimal(digits: number) {
  return z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${digits}}$`), `0x and ${digits} hexadecimal digits`)
    .transform(text => text.toLowerCase() as Hex)
}
