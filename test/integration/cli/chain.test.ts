import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { dumpState } from '../../../devnet/anvil.ts'
import { saveChain } from '../../../devnet/saved-chain.ts'
import { startAnvil } from '../../support/chain/anvil.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const READY = 'the chain of a finished local network is served'

describe('ionet chain', function () {
  this.timeout(30_000)
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-chain-'))
    mkdirSync(join(dir, 'net'))
    const anvil = await startAnvil()
    try {
      saveChain(join(dir, 'net'), await dumpState(anvil.rpcUrl, new AbortController().signal))
    } finally {
      await anvil.stop()
    }
  })
  after(() => rmSync(dir, { recursive: true }))

  const serve = (net: string, port: number, ...args: string[]): Spawned =>
    spawnNode('cli/ionet.ts', ['chain', '--dir', join(dir, net), '--port', String(port), ...args])
  const ended = async (spawned: Spawned) => {
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const urlOf = (spawned: Spawned): string => {
    const line =
      spawned
        .stdout()
        .split('\n')
        .find(text => text.includes(READY)) ?? '{}'
    return JSON.parse(line).url
  }
  const chainIdAt = async (url: string): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
    const headers = { 'content-type': 'application/json' }
    return (await fetch(url, { method: 'POST', headers, body })).json()
  }

  it('answers until it is told to stop, and leaves nothing behind', async () => {
    for (const stop of [
      (spawned: Spawned) => spawned.process.kill('SIGINT'),
      (spawned: Spawned) => spawned.process.stdin.end(),
    ]) {
      const spawned = serve('net', 0, '--stop-with-stdin')
      await spawned.printed(READY)
      const url = urlOf(spawned)
      expect(await chainIdAt(url)).to.deep.include({ result: '0x7a69' })
      stop(spawned)
      expect(await spawned.ended, spawned.stderr()).to.equal(0)
      expect(await chainIdAt(url).catch(() => 'nobody')).to.equal('nobody')
    }
  })

  it('says what is missing: the directory, or a chain in it', async () => {
    const none = await ended(serve('nothing', 0))
    expect(none).to.deep.equal({
      exitCode: 2,
      stdout: '',
      stderr: `ionet: there is no directory ${join(dir, 'nothing')}: run \`ionet devnet\` first\n`,
    })
    mkdirSync(join(dir, 'running'))
    const running = await ended(serve('running', 0))
    expect(running).to.include({ exitCode: 2, stdout: '' })
    expect(running.stderr).to.match(/^ionet: \S+ holds no saved chain: .*\n$/)
  })

  it('refuses a file that is no chain', async () => {
    for (const content of [Buffer.from('{}'), gzipSync('{"blocks":'), Buffer.alloc(0)]) {
      mkdirSync(join(dir, 'damaged'), { recursive: true })
      writeFileSync(join(dir, 'damaged', 'chain.json.gz'), content)
      const { exitCode, stdout, stderr } = await ended(serve('damaged', 0))
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.match(/^ionet: \S+ is no saved chain, or a damaged one.*\n$/)
    }
  })

  it('names the port that is in use', async () => {
    const server = createServer()
    const port = await new Promise<number>(resolve => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
    try {
      expect(await ended(serve('net', port))).to.deep.equal({
        exitCode: 2,
        stdout: '',
        stderr: `ionet: port ${port} on 127.0.0.1 is already in use, but the chain needs it: stop what uses it, or choose another port\n`,
      })
    } finally {
      await new Promise(resolve => server.close(resolve))
    }
  })
})
