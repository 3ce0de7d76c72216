import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { anvilCommand } from '../../../devnet/anvil.ts'
import { isAlive, ROOT, type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const PARENT = 'test/support/runtime/parent-process.ts'
/** Prints its process id, and stops when standard input closes. */
const CHILD = ['-e', 'console.log("pid " + process.pid + "."); process.stdin.resume()']
/** The same, deaf to SIGTERM. */
const STUBBORN = [
  '-e',
  'process.on("SIGTERM", () => {}); console.log("pid " + process.pid + "."); setInterval(() => {}, 1000)',
]

/** Waits for a condition about a foreign process, which nobody tells us of. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 20))
}

describe('supervised process', () => {
  let dir: string
  let parent: Spawned | undefined
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-child-'))
  })
  afterEach(() => {
    parent?.process.kill('SIGKILL')
    rmSync(dir, { recursive: true })
  })

  const start = async (...args: string[]): Promise<{ running: Spawned; pids: () => number[] }> => {
    const running = spawnNode(PARENT, ['child', join(dir, 'child.log'), process.execPath, ...args])
    parent = running
    await running.printed('child: pid')
    return {
      running,
      pids: () => [...running.stdout().matchAll(/child: pid (\d+)\./g)].map(match => Number(match[1])),
    }
  }

  it('is started again after a crash, which is said; its lines go to the log file too', async () => {
    const { running, pids } = await start(...CHILD)
    const [first = 0] = pids()
    process.kill(first, 'SIGKILL')
    await eventually(() => pids().length === 2)
    expect(running.stdout()).to.include('started again').and.include('signal SIGKILL')
    expect(readFileSync(join(dir, 'child.log'), 'utf8')).to.include(`pid ${pids()[1]}.`)
  })

  it('stops with its parent', async () => {
    const { running, pids } = await start(...CHILD)
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(0)
    expect(isAlive(pids()[0] ?? 0)).to.equal(false)
  })

  it('does not outlive a parent that is killed with SIGKILL', async () => {
    const { running, pids } = await start(...CHILD)
    running.process.kill('SIGKILL')
    await eventually(() => !isAlive(pids()[0] ?? 0))
  })

  it('is killed within 5 s when it does not stop by itself', async () => {
    const { running, pids } = await start(...STUBBORN)
    const startedAt = performance.now()
    running.process.kill('SIGTERM')
    expect(await running.ended).to.equal(0)
    expect(performance.now() - startedAt).to.be.lessThan(5_000)
    expect(isAlive(pids()[0] ?? 0)).to.equal(false)
  })

  it('does not leave the chain behind either, whose program knows nothing of parents', async () => {
    const port = await freePort()
    const { command, args } = anvilCommand(ROOT, process.env, port)
    const running = spawnNode(PARENT, ['chain', join(dir, 'chain.log'), command, ...args])
    parent = running
    const answers = () =>
      fetch(`http://127.0.0.1:${port}`, { method: 'POST' }).then(
        () => true,
        () => false,
      )
    while (!(await answers())) await new Promise(resolve => setTimeout(resolve, 20))
    running.process.kill('SIGKILL')
    while (await answers()) await new Promise(resolve => setTimeout(resolve, 20))
  })
})

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
