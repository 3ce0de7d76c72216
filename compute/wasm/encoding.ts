/** Numbers and vectors of the WebAssembly binary format (core specification, chapter 5). */

/** A piece of the binary: instructions, or an encoded value. */
export type Code = readonly number[]

/** LEB128 of a non-negative number below 2^32. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return [...bytes, rest]
}

/** LEB128 of a signed 32-bit number. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>= 7
  }
  return [...bytes, rest & 0x7f]
}

/** Bytes behind their length. */
export function sized(bytes: Code): number[] {
  return [...unsigned(bytes.length), ...bytes]
}

/** Encoded items behind their number. */
export function vector(items: readonly Code[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

export function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)])
}
