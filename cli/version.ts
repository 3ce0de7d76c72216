import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** package.json stands one folder above this one, from sources and built alike. */
export function versionOf(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(manifest)).version
}
