import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { LEAN_FLAGS } from '../../../cli/lean-memory.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { ROOT, spawnNode } from '../../support/runtime/spawned.ts'

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

  it('passes on what it was given, and what it ends with', async () => {
    const asked = spawnNode('cli/ionet.ts', ['oracle', '--config', '/nowhere/oracle.json'])
    expect(await asked.ended).to.equal(2)
    expect(asked.stderr()).to.include('/nowhere/oracle.json')
  })
})
