/** A generated key on its way to another process of a test: bytes as hexadecimal text, numbers as decimal. */
import type { GeneratedKey } from '../../../oracle-node/keygen/dealer.ts'

type Tagged =
  | { readonly bytes: string }
  | { readonly integer: string }
  | { readonly map: [unknown, unknown][] }

export function writeKey(key: GeneratedKey): string {
  return JSON.stringify(key, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
    if (typeof value === 'bigint') return { integer: String(value) }
    return value instanceof Map ? { map: [...value] } : value
  })
}

export function readKey(text: string): GeneratedKey {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    const tagged = value as Tagged
    if (Array.isArray(value)) return value
    if ('bytes' in tagged) return Uint8Array.from(Buffer.from(tagged.bytes, 'hex'))
    if ('integer' in tagged) return BigInt(tagged.integer)
    return 'map' in tagged ? new Map(tagged.map) : value
  }) as GeneratedKey
}
