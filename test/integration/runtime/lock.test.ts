import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { acquireLock, LockHeldError } from '../../../runtime/lock.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const FIXTURE = 'test/support/runtime/lock-process.ts'

describe('lock', () => {
  let dir: string
  let holder: Spawned | undefined
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-lock-'))
  })
  afterEach(async () => {
    holder?.process.kill('SIGKILL')
    await holder?.ended
    rmSync(dir, { recursive: true })
  })

  const hold = async (key: string): Promise<Spawned> => {
    holder = spawnNode(FIXTURE, [key, dir])
    await holder.printed('held')
    return holder
  }

  it('is refused while another process holds it, and names that process', async () => {
    const { pid } = await hold('key-a')
    expect(() => acquireLock('key-a', dir))
      .to.throw(LockHeldError, `probably by process ${pid}`)
      .with.property('holderPid', pid)
    acquireLock('key-b', dir).release()
  })

  it('is free as soon as its holder is killed with SIGKILL', async () => {
    const running = await hold('key-a')
    running.process.kill('SIGKILL')
    await running.ended
    acquireLock('key-a', dir).release()
  })

  it('excludes a second holder in the same process, until it is released', () => {
    const lock = acquireLock('key-a', dir)
    expect(() => acquireLock('key-a', dir)).to.throw(LockHeldError)
    lock.release()
    lock.release()
    acquireLock('key-a', dir).release()
  })

  it('takes no name that leads out of its directory', () => {
    expect(() => acquireLock('../key', dir)).to.throw('cannot be the name of a lock')
  })
})
