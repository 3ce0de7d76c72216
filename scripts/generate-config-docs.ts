/**
 * Writes docs/configuration.md and .env.example from the configuration entries. With --check it changes nothing,
 * and ends with 1 when a file differs.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FILE_KINDS } from '../config/kinds.ts'
import { renderEnvironment, renderReference } from '../config/reference.ts'

const FILES = {
  'docs/configuration.md': renderReference(FILE_KINDS),
  '.env.example': renderEnvironment(FILE_KINDS),
}

const isCheck = process.argv.includes('--check')
for (const [name, content] of Object.entries(FILES)) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url))
  const current = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  if (current === content) continue
  if (isCheck) {
    console.error(`${name} is not up to date: run node scripts/generate-config-docs.ts`)
    process.exitCode = 1
  } else {
    writeFileSync(file, content)
  }
}
