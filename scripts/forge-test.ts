/**
 * Runs the contracts' own tests with the forge binary of the npm package, offline.
 *
 *     npm run test:contracts                        long fuzz and invariant runs, every shared vector
 *     npm run test:contracts -- --short             short ones, as in npm test
 *     npm run test:contracts -- --match-contract X  whatever else is given goes to forge
 *
 * Which is which stands in contracts/foundry.toml under the profiles `full` and `default`. Where that package has no
 * binary (another platform) and none is in PATH, says so and succeeds: the integration tests still run the compiled
 * contracts.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BIN = join(ROOT, 'node_modules', '.bin')

const given = process.argv.slice(2)
const profile = given.includes('--short') ? 'default' : 'full'
const folders = [BIN, ...(process.env['PATH'] ?? '').split(delimiter)]
const forge = folders.map(folder => join(folder, 'forge')).find(file => existsSync(file))

if (forge === undefined) {
  console.log('contract tests skipped: no forge binary here (install foundry to run them)')
} else {
  const result = spawnSync(forge, ['test', ...given.filter(each => each !== '--short')], {
    cwd: join(ROOT, 'contracts'),
    stdio: 'inherit',
    // contracts/bin/solc must find the project's Node.
    env: { ...process.env, PATH: folders.join(delimiter), FOUNDRY_PROFILE: profile },
  })
  if (result.error !== undefined) console.error(`could not run ${forge}: ${result.error.message}`)
  process.exitCode = result.status ?? 1
}
