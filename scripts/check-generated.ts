/** Whatever is generated and committed must be what its source gives now. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const GENERATORS: readonly { readonly what: string; readonly script: string; readonly mend: string }[] = [
  { what: 'contract ABIs and bytecode', script: 'scripts/build-contracts.ts', mend: 'npm run contracts' },
  { what: 'gas of the contracts', script: 'scripts/gas-snapshot.ts', mend: 'npm run gas' },
  {
    what: 'configuration reference',
    script: 'scripts/generate-config-docs.ts',
    mend: 'npm run config-docs',
  },
  { what: 'protocol vectors', script: 'scripts/generate-vectors.ts', mend: 'npm run vectors' },
]

let stale = 0
for (const { what, script, mend } of GENERATORS) {
  const { status } = spawnSync(process.execPath, [script, '--check'], { cwd: ROOT, stdio: 'inherit' })
  if (status === 0) continue
  stale += 1
  console.error(`${what}: not up to date; run \`${mend}\` and commit the result`)
}
console.log(`generated files: ${GENERATORS.length} checked, ${stale} out of date`)
process.exitCode = stale > 0 ? 1 : 0
