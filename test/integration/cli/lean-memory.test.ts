import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { LEAN_FLAGS } from '../../../cli/lean-memory.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { ROOT, spawnNode, spawnProgram } from '../../support/runtime/spawned.ts'

describe('a process that runs for months', function () {
  this.timeout(30_000)

  it('takes the place of the one that was started, with less memory', async function () {
    if (process.platform !== 'linux') this.skip()
    const directory = temporaryDirectory()
    const network = join(ROOT, 'config/networks/devnet.json')
    // Nobody answers there; it runs all the same.
    const args = ['--network', network, '--endpoint', 'http://127.0.0.1:1', '--quotes']
    const started = spawnNode('cli/ionet.ts', [
      'record',
      ...args,
      '--out',
      join(directory.path, 'prices.rec'),
    ])
    try {
      await started.printed('\n')
      const read = (name: string): string[] =>
        readFileSync(`/proc/${started.pid}/${name}`, 'utf8').split('\0')
      expect(read('cmdline')).to.include.members([...LEAN_FLAGS, 'record', '--quotes'])
      expect(read('environ')).to.include('MALLOC_ARENA_MAX=2')
      const children = readFileSync(`/proc/${started.pid}/task/${started.pid}/children`, 'utf8')
      expect(children).to.equal('')
    } finally {
      started.process.kill('SIGKILL')
      await started.ended
      directory.remove()
    }
  })

  it('keeps its channel to a parent that has forked it', async () => {
    const directory = temporaryDirectory()
    const network = join(ROOT, 'config/networks/devnet.json')
    const args = ['--network', network, '--endpoint', 'http://127.0.0.1:1', '--quotes']
    const forked = fork(
      join(ROOT, 'cli/ionet.ts'),
      ['record', ...args, '--out', join(directory.path, 'prices.rec')],
      { stdio: ['ignore', 'pipe', 'ignore', 'ipc'], execArgv: [] },
    )
    const ended = once(forked, 'exit')
    try {
      await Promise.race([once(forked.stdout ?? expect.fail('it has no output'), 'data'), ended])
      expect(forked.exitCode).to.equal(null)
      expect(forked.connected).to.equal(true)
    } finally {
      forked.kill('SIGKILL')
      await ended
      directory.remove()
    }
  })

  it('goes on as it is where it may start no process, or the file of Node.js is gone', async () => {
    const told = /^ionet: \/nowhere\/oracle\.json has a problem/m
    const asked = ['cli/ionet.ts', 'oracle', '--config', '/nowhere/oracle.json']
    const confined = spawnProgram(process.execPath, ['--permission', '--allow-fs-read=*', ...asked])
    expect(await confined.ended, confined.stderr()).to.equal(2)
    expect(confined.stderr()).to.match(told).and.not.include('execve')

    const gone = 'data:text/javascript,process.execPath = "/nowhere/node"'
    const orphaned = spawnProgram(process.execPath, ['--import', gone, ...asked])
    expect(await orphaned.ended, orphaned.stderr()).to.equal(2)
    expect(orphaned.stderr()).to.match(told)
  })

  it('passes on what it was given, and what it ends with', async () => {
    const asked = spawnNode('cli/ionet.ts', ['oracle', '--config', '/nowhere/oracle.json'])
    expect(await asked.ended).to.equal(2)
    expect(asked.stderr()).to.include('/nowhere/oracle.json')
  })
})
