import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

async function keys(...args: string[]) {
  const spawned = spawnNode('cli/ionet.ts', ['keys', ...args])
  const exitCode = await spawned.ended
  return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

describe('ionet keys', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-keys-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('makes keys that it can show again, never overwrites them, and wants the right password', async function () {
    // Each keystore costs two seconds each way: that is what protects it.
    this.timeout(60_000)
    const made = await keys('new', '--dir', dir, '--json')
    expect(made.exitCode, made.stderr).to.equal(0)
    const shown = JSON.parse(made.stdout)
    expect(shown.address).to.match(/^0x[0-9a-fA-F]{40}$/)
    expect(shown.peerKey).to.match(/^0x[0-9a-f]{64}$/)
    expect(shown.peerId).to.match(/^12D3KooW/)
    expect(statSync(join(dir, 'password')).mode & 0o777).to.equal(0o600)

    const again = await keys('show', '--dir', dir, '--json')
    expect(JSON.parse(again.stdout)).to.deep.equal(shown)
    expect((await keys('new', '--dir', dir)).exitCode).to.equal(2)

    const wrong = join(dir, 'wrong')
    writeFileSync(wrong, 'not it\n', { mode: 0o600 })
    const refused = await keys('show', '--dir', dir, '--password-file', wrong)
    expect(refused.exitCode).to.equal(2)
    expect(refused.stderr).to.match(/^ionet: keystore .*: the password does not open it\n$/)
  })
})
