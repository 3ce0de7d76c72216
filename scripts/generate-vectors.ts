/**
 * Writes test/vectors and contracts/test/vectors, which TypeScript and Solidity share, and what the contracts' tests read
 * of them. With --check it changes nothing, and ends with 1 when a file differs.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderEmissionVectors } from '../test/support/epoch/emission-cases.ts'
import { renderCertificateLibrary } from '../test/support/protocol/certificate-vectors.ts'
import { renderVectors, vectorFiles } from '../test/support/protocol/vectors.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = new URL('../test/vectors/', import.meta.url)
const LIBRARY = new URL('../contracts/test/support/CertificateVectors.sol', import.meta.url)

const EMISSION = new URL('../contracts/test/vectors/emission.json', import.meta.url)

const isCheck = process.argv.includes('--check')
mkdirSync(FOLDER, { recursive: true })
mkdirSync(new URL('.', EMISSION), { recursive: true })
const vectors = vectorFiles()
const rendered = [
  ...Object.entries(vectors).map(([name, content]) => ({
    file: fileURLToPath(new URL(name, FOLDER)),
    text: renderVectors(content),
  })),
  { file: fileURLToPath(LIBRARY), text: renderCertificateLibrary(vectors['certificates.json'].networks) },
  { file: fileURLToPath(EMISSION), text: renderEmissionVectors() },
]
for (const { file, text } of rendered) {
  const current = existsSync(file) ? readFileSync(file, 'utf8') : undefined
  if (current === text) continue
  if (isCheck) {
    console.error(`${relative(ROOT, file)} is not up to date: run node scripts/generate-vectors.ts`)
    process.exitCode = 1
  } else {
    writeFileSync(file, text)
  }
}
