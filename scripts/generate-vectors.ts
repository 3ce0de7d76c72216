/**
 * Writes test/vectors, which TypeScript and Solidity share. With --check it changes nothing, and ends with 1 when
 * a file differs.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { renderVectors, vectorFiles } from '../test/support/protocol/vectors.ts'

const FOLDER = new URL('../test/vectors/', import.meta.url)

const isCheck = process.argv.includes('--check')
mkdirSync(FOLDER, { recursive: true })
for (const [name, content] of Object.entries(vectorFiles())) {
  const file = fileURLToPath(new URL(name, FOLDER))
  const rendered = renderVectors(content)
  const current = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  if (current === rendered) continue
  if (isCheck) {
    console.error(`test/vectors/${name} is not up to date: run node scripts/generate-vectors.ts`)
    process.exitCode = 1
  } else {
    writeFileSync(file, rendered)
  }
}
