/**
 * Formatter and linter. The package that chooses among the platforms' binaries lists all of them, and an install
 * fails where one cannot be had; so the binary is a dependency by itself, and other platforms use their own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const bundled = fileURLToPath(new URL('../node_modules/@biomejs/cli-linux-x64/biome', import.meta.url))
const binary = existsSync(bundled) ? bundled : 'biome'
const { status, error } = spawnSync(binary, process.argv.slice(2), { stdio: 'inherit' })
if (error !== undefined) {
  console.error(`biome cannot be run (${error.message}): install it, so that \`biome\` is in the PATH`)
}
process.exitCode = status ?? 1
