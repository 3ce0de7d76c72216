/**
 * Runs the contracts' own tests with the forge binary of the npm package, offline.
 * Where that package has no binary (another platform) and none is in PATH, says so and succeeds:
 * the integration tests still run the compiled contracts.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules', '.bin')

const folders = [BIN, ...(process.env['PATH'] ?? '').split(delimiter)]
const forge = folders.map(folder => join(folder, 'forge')).find(file => existsSync(file))

if (forge === undefined) {
  console.log('contract tests skipped: no forge binary here (install foundry to run them)')
} else {
  const result = spawnSync(forge, ['test', ...process.argv.slice(2)], {
    cwd: join(ROOT, 'contracts'),
    stdio: 'inherit',
    // contracts/bin/solc must find the project's Node.
    env: { ...process.env, PATH: folders.join(delimiter) },
  })
  if (result.error !== undefined) console.error(`could not run ${forge}: ${result.error.message}`)
  process.exitCode = result.status ?? 1
}
