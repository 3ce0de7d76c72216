import { gzipSync } from 'node:zlib'

/** What is no message of any venue, or only the beginning of one: text, JSON of other shapes, bytes, broken gzip. */
const GARBAGE: readonly (string | Uint8Array)[] = [
  '{"truncated":',
  'null',
  '[]',
  '{}',
  '""',
  '0',
  '\u0000\u0001\u0002',
  '<html><body>502 Bad Gateway</body></html>',
  '{"e":"24hrTicker","s":null,"c":{},"data":null,"result":[],"arg":7,"topic":{},"tick":false}',
  '['.repeat(2_000),
  Uint8Array.of(0x1f, 0x8b, 0x08, 0x00, 0xff, 0xff),
  Uint8Array.from({ length: 256 }, (_, index) => index),
  gzipSync('{"truncated":'),
]

/** The next piece of garbage, in turn. */
export function garbage(beat: number): string | Uint8Array {
  return GARBAGE[beat % GARBAGE.length] ?? ''
}
