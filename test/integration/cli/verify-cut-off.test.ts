import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { wordHex } from '../../../protocol/report.ts'
import { certified, NETWORK } from '../../support/aggregator/feed-server.ts'
import { DOMAIN, party } from '../../support/network/cast.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { NETWORK_FILE, tracedQuote } from '../../support/oracle-node/traced-quote.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const ADDRESS = '0x00000000000000000000000000000000000000bb'

/** Exit code 1 says that something does not hold: nothing that only fails may end with it. */
describe('ionet verify, when what it needs cannot be had,', function () {
  this.timeout(120_000)
  let directory: TemporaryDirectory
  let server: Server
  let url: string
  let deployment: string
  const NETWORK_IS = ['--chain-id', String(DOMAIN.chainId), '--registry', DOMAIN.registry]
  const network = () => ['--network', join(directory.path, 'network.json')]
  const quoteTrust = () => [...network(), ...NETWORK_IS, '--member', party('member 2').identity]
  const reportTrust = () => ['--group-key', wordHex(NETWORK.groupKeyX), ...NETWORK_IS]

  before(async () => {
    directory = temporaryDirectory()
    const file = (name: string, value: unknown): string => {
      const path = join(directory.path, name)
      writeFileSync(path, JSON.stringify(value))
      return path
    }
    file('network.json', NETWORK_FILE)
    file('quote.json', tracedQuote())
    file('report.json', certified(0))
    const names = [
      ...['io', 'iosd', 'priceFeed', 'burner', 'emission', 'parameters', 'workerRegistry', 'modelRegistry'],
      ...['rewardsDistributor', 'escrow', 'settlement', 'timelock', 'governor'],
    ]
    deployment = file('deployment.json', {
      ...{ chainId: DOMAIN.chainId, deployBlock: 0, epochStart: 0, epochLengthSec: 60 },
      feedId: `0x${'22'.repeat(32)}`,
      contracts: {
        ...Object.fromEntries(names.map(name => [name, ADDRESS])),
        oracleRegistry: DOMAIN.registry,
      },
    })
    server = createServer((request, response) => {
      if (request.method === 'POST') return response.end('this is no JSON-RPC')
      response.writeHead(200, { 'content-length': 100_000 })
      return response.write('{"version":2,', () => response.destroy())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.close()
    directory.remove()
  })

  const verify = async (what: 'quote' | 'report' | 'epoch', source: string, trust: readonly string[]) => {
    const spawned = spawnNode('cli/ionet.ts', ['verify', what, source, ...trust])
    spawned.process.stdin.end()
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const expectUntold = (told: Awaited<ReturnType<typeof verify>>, sentence: RegExp): void => {
    expect({ exitCode: told.exitCode, stdout: told.stdout }, told.stderr).to.deep.equal({
      ...{ exitCode: 2, stdout: '' },
    })
    expect(told.stderr).to.match(sentence)
  }

  it('ends with 2 where an answer is cut off', async () => {
    const cutOff = /^ionet: http:\/\/127\.0\.0\.1:\d+\/\S+ does not answer to the end\n$/
    expectUntold(await verify('quote', `${url}/v1/rounds/5/trace`, quoteTrust()), cutOff)
    expectUntold(await verify('report', url, reportTrust()), cutOff)
  })

  it('ends with 2 where the chain does not answer, or answers nonsense', async () => {
    const quote = join(directory.path, 'quote.json')
    const report = join(directory.path, 'report.json')
    const unread = /^ionet: the chain cannot be read at http:\/\/127\.0\.0\.1:\d+: .+\n$/
    for (const rpc of ['http://127.0.0.1:9', url]) {
      const chain = ['--deployment', deployment, '--rpc', rpc]
      expectUntold(await verify('quote', quote, [...network(), ...chain]), unread)
      expectUntold(await verify('report', report, chain), unread)
    }
  })

  it('ends with 2 whatever else fails', async () => {
    const devnet = join(directory.path, 'net')
    // A saved chain that is no file: nobody has a sentence for it.
    mkdirSync(join(devnet, 'chain.json.gz'), { recursive: true })
    const trust = ['--deployment', deployment, '--devnet', devnet]
    const failed = /^ionet: EISDIR/
    expectUntold(await verify('quote', join(directory.path, 'quote.json'), [...network(), ...trust]), failed)
    expectUntold(await verify('report', join(directory.path, 'report.json'), trust), failed)
    expectUntold(await verify('epoch', '0', [...network(), ...trust, '--bundle', 'any']), failed)
  })

  it('reads no more of a file than a trace or a report may have', async () => {
    expectUntold(await verify('quote', '/dev/zero', quoteTrust()), /^ionet: this is longer than any trace\n$/)
    expectUntold(
      await verify('report', '/dev/zero', reportTrust()),
      /^ionet: this is longer than any report\n$/,
    )
    expectUntold(await verify('quote', directory.path, quoteTrust()), /^ionet: \S+ cannot be read\n$/)
  })
})
