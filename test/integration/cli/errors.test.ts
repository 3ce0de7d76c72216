import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

/** Runs `ionet` to its end. */
async function ionet(...args: string[]) {
  const spawned = spawnNode('cli/ionet.ts', args)
  const exitCode = await spawned.ended
  return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

/** A port of this machine that something listens on until the server is closed. */
async function takePort(wanted = 0): Promise<{ server: Server; port: number }> {
  const server = createServer()
  server.listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as { port: number }).port }
}

/** A port that is taken, behind one that is not. */
async function takePortAfterAFreeOne(): Promise<{ server: Server; port: number }> {
  for (;;) {
    const taken = await takePort()
    const before = await takePort(taken.port - 1).catch(() => undefined)
    if (before !== undefined) {
      await close(before.server)
      return taken
    }
    await close(taken.server)
  }
}

const close = (server: Server): Promise<unknown> => new Promise(resolve => server.close(resolve))

describe('ionet on wrong input', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-cli-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('answers a wrong option with one sentence and exit code 2', async () => {
    const { exitCode, stdout, stderr } = await ionet('devnet', '--oracles', '99')
    expect(exitCode).to.equal(2)
    expect(stdout).to.equal('')
    expect(stderr).to.equal(
      "ionet: option '--oracles <number>' argument '99' is invalid. Give a whole number from 1 to 20.\n",
    )
  })

  it('answers an unknown command and a missing option likewise', async () => {
    const unknown = await ionet('frobnicate')
    expect(unknown).to.include({ exitCode: 2, stderr: "ionet: unknown command 'frobnicate'\n" })
    const missing = await ionet('oracle')
    expect(missing).to.include({
      exitCode: 2,
      stderr: "ionet: required option '--config <file>' not specified\n",
    })
  })

  it('lists everything that is wrong with a configuration, and starts nothing', async () => {
    const config = join(dir, 'oracle.json')
    writeFileSync(config, JSON.stringify({ http: { port: -1 }, p2p: { listen: [] } }))
    const { exitCode, stdout, stderr } = await ionet('oracle', '--config', config)
    expect(exitCode).to.equal(2)
    expect(stdout).to.equal('')
    expect(stderr).to.match(/^ionet: .*oracle\.json has \d+ problems:\n/)
    for (const key of ['dataDir', 'identity.keystore', 'rpcUrls', 'p2p.listen', 'http.port']) {
      expect(stderr).to.include(`  ${key}: `)
    }
    expect(stderr).to.not.include('    at ')
  })

  it('refuses to start a local network where a port is taken, and names the port', async () => {
    const { server, port } = await takePortAfterAFreeOne()
    try {
      const { exitCode, stdout, stderr } = await ionet(
        'devnet',
        '--port',
        String(port - 1),
        '--venues',
        'simulated',
        '--dir',
        join(dir, 'net'),
      )
      expect(exitCode).to.equal(2)
      expect(stdout).to.equal('')
      expect(stderr).to.equal(
        `ionet: port ${port} on 127.0.0.1 is already in use, but the chain needs it: stop what uses it, or choose another port\n`,
      )
    } finally {
      await close(server)
    }
  })

  it('never empties a directory that holds something else, and says so before anything about ports', async () => {
    writeFileSync(join(dir, 'thesis.txt'), 'years of work')
    const { server, port } = await takePort()
    try {
      const args = ['--port', String(port), '--venues', 'simulated', '--dir', dir]
      const { exitCode, stderr } = await ionet('devnet', ...args)
      expect(exitCode).to.equal(2)
      expect(stderr).to.match(/^ionet: .* would be emptied: choose another --dir\n$/)
      expect(readdirSync(dir)).to.deep.equal(['thesis.txt'])
    } finally {
      await close(server)
    }
  })

  it('shows help without an error', async () => {
    const { exitCode, stdout } = await ionet('--help')
    expect(exitCode).to.equal(0)
    for (const command of ['devnet', 'oracle', 'aggregator', 'burn', 'keys', 'deploy', 'status', 'venues']) {
      expect(stdout).to.include(command)
    }
  })
})
