import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listProcesses } from '../../support/devnet/processes.ts'
import { RunningDevnet } from '../../support/devnet/running-devnet.ts'
import { ROOT, spawnNode, spawnProgram } from '../../support/runtime/spawned.ts'

const PORT = 24_800

describe('starting and stopping ionet devnet', function () {
  this.timeout(60_000)

  it('refuses a second one in its directory, and is gone within 5 s of Ctrl-C during key generation', async () => {
    const devnet = new RunningDevnet(PORT)
    try {
      await devnet.said('simulated venues listen', 30_000)
      const second = spawnNode('cli/ionet.ts', [
        ...['devnet', '--venues', 'simulated', '--dir', devnet.dir, '--port', String(PORT + 100)],
      ])
      expect(await second.ended).to.equal(2)
      expect(second.stderr()).to.match(/^ionet: devnet-\w+ is in use, probably by process \d+ .*\n$/)
      expect(second.stdout()).to.equal('')

      await devnet.said('key generation started', 30_000)
      const { exitCode, tookMs } = await devnet.interrupt()
      expect(exitCode, devnet.command.stderr()).to.equal(0)
      expect(tookMs).to.be.lessThan(5_000)
      expect(devnet.remains()).to.deep.equal([])
      expect(devnet.command.stdout()).to.not.match(/^\S+ \S+ +error /m)
    } finally {
      await devnet.dispose()
    }
  })

  it('answers an unknown option and a wrong time with one sentence each, and starts nothing', async () => {
    const run = async (...args: string[]) => {
      const dir = join(tmpdir(), `ionet-never-${process.pid}`)
      const spawned = spawnNode('cli/ionet.ts', ['devnet', '--dir', dir, '--port', String(PORT), ...args])
      const exitCode = await spawned.ended
      const left = listProcesses().filter(each => each.args.includes(dir))
      return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr(), left }
    }
    expect(await run('--oracels', '4')).to.deep.equal({
      exitCode: 2,
      stdout: '',
      stderr: "ionet: unknown option '--oracels'\n(Did you mean --oracles?)\n",
      left: [],
    })
    expect(await run('--for', 'ever')).to.deep.equal({
      exitCode: 2,
      stdout: '',
      stderr:
        "ionet: option '--for <time>' argument 'ever' is invalid. Give a time such as 500ms, 60s, 2m or 1h.\n",
      left: [],
    })
  })

  it('says where to get anvil when there is none, and starts nothing', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'ionet-no-anvil-'))
    try {
      copyWithoutBinaries(copy)
      const spawned = spawnProgram(
        process.execPath,
        [
          join(copy, 'cli', 'ionet.ts'),
          ...['devnet', '--venues', 'simulated', '--dir', join(copy, 'net'), '--port', String(PORT)],
        ],
        { PATH: join(copy, 'empty') },
      )
      expect(await spawned.ended, spawned.stderr()).to.equal(2)
      expect(spawned.stdout()).to.equal('')
      expect(spawned.stderr()).to.equal(
        'ionet: anvil was not found: install foundry (https://getfoundry.sh), so that `anvil` is in the PATH\n',
      )
      expect(listProcesses().filter(({ args }) => args.some(arg => arg.includes(copy)))).to.deep.equal([])
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
})

/** The program as it is on a platform that no binaries come with: its dependencies are the same ones. */
function copyWithoutBinaries(target: string): void {
  const modules = join(ROOT, 'node_modules')
  const apart = new Set(['node_modules', 'test', 'dashboard', 'contracts', 'docs'])
  for (const entry of readdirSync(ROOT, { withFileTypes: true })) {
    if (apart.has(entry.name) || entry.name.startsWith('.')) continue
    cpSync(join(ROOT, entry.name), join(target, entry.name), { recursive: true })
  }
  mkdirSync(join(target, 'node_modules'))
  for (const name of readdirSync(modules)) {
    if (name === '.bin' || name === '@foundry-rs') continue
    symlinkSync(join(modules, name), join(target, 'node_modules', name))
  }
}
