import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { party, ROUND, signQuoteAs } from '../../support/network/cast.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

const NETWORKS = new URL('../../../config/networks/', import.meta.url).pathname
const CONTRACTS = [
  ...['io', 'iosd', 'oracleRegistry', 'priceFeed', 'burner', 'emission', 'parameters', 'workerRegistry'],
  ...['modelRegistry', 'rewardsDistributor', 'escrow', 'settlement', 'timelock', 'governor'],
]

describe('ionet oracle reopen', function () {
  this.timeout(30_000)
  let dir: string
  let config: string

  const write = (name: string, content: unknown): string => {
    const file = join(dir, name)
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
    return file
  }
  const reopen = async () => {
    const spawned = spawnNode('cli/ionet.ts', ['oracle', 'reopen', '--config', config])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-reopen-'))
    cpSync(NETWORKS, join(dir, 'networks'), { recursive: true })
    write('password', 'a password\n')
    write('deployment.json', {
      ...{
        chainId: 31337,
        deployBlock: 1,
        epochStart: 0,
        epochLengthSec: 60,
        feedId: `0x${'ab'.repeat(32)}`,
      },
      contracts: Object.fromEntries(
        CONTRACTS.map((name, index) => [name, `0x${(index + 1).toString(16).repeat(40)}`]),
      ),
    })
    config = write('oracle.json', {
      dataDir: 'data',
      identity: { keystore: 'identity.json', peerKeystore: 'peer.json', passwordFile: 'password' },
      rpcUrls: ['http://127.0.0.1:8545'],
      deployment: 'deployment.json',
      network: 'networks/devnet.json',
      p2p: { listen: ['/ip4/127.0.0.1/tcp/4700'], peers: [] },
      http: { port: 4731 },
    })
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('opens a closed guard, shows what it was closed for, and keeps the record', async () => {
    const none = await reopen()
    expect([none.exitCode, none.stderr]).to.deep.equal([
      2,
      `ionet: ${join(dir, 'data', 'guard.sqlite')} does not exist: this node has never run here\n`,
    ])
    mkdirSync(join(dir, 'data'))
    const database = openDatabase(join(dir, 'data', 'guard.sqlite'), GUARD_MIGRATIONS)
    try {
      const store = createGuardStore(database)
      const quote = signQuoteAs(party('member 0'), 0).bytes
      store.transaction(() => store.addClosure({ atMs: 1_234, round: ROUND, quote }))
      const opened = await reopen()
      expect(opened.exitCode, opened.stderr).to.equal(0)
      expect(opened.stdout).to.include(`round ${ROUND}`).and.include(Buffer.from(quote).toString('hex'))
      expect(store.closure()).to.equal(undefined)
      expect(store.acknowledgedAtMs()).to.be.greaterThan(1_234)
      expect((await reopen()).stdout).to.equal('the guard is open\n')
    } finally {
      database.close()
    }
  })
})
