import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ioAbi } from '../../../chain/abi/io.ts'
import { iosdAbi } from '../../../chain/abi/iosd.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { reportJson } from '../../../protocol/report-json.ts'
import { formatDecimal, iosdForIo, ONE, type Price, type Wei } from '../../../protocol/units.ts'
import { writeKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { fundedAccount } from '../../support/chain/anvil.ts'
import { type SettledChain, startSettledChain } from '../../support/cli/settled-chain.ts'
import { ROOT, spawnNode } from '../../support/runtime/spawned.ts'

describe('ionet claim', function () {
  this.timeout(120_000)
  /** Of the model, who has earned royalties. */
  const owner = fundedAccount(3)
  let dir: string
  let chain: SettledChain
  let server: Server
  let config: string
  let url: string
  let account: Address
  let gateway: Address
  /** What the relayer answers; undefined: the truth. */
  let lie: object | undefined
  /** The newest report of the feed that the same server is; undefined: it has none. */
  let served: object | undefined

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-claim-'))
    chain = await startSettledChain(dir)
    account = chain.worker.address.toLowerCase() as Address
    const earners = chain.outcomes.at(-1)?.rewards.map(line => line.account) ?? []
    gateway = earners.find(other => other !== account) ?? account
    server = createServer((request, response) => {
      if (request.url === '/v1/reports/latest' && served !== undefined) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(served))
        return
      }
      const [, asked] = /^\/v1\/accounts\/(0x\w{40})$/.exec(request.url ?? '') ?? []
      const line = lie ?? chain.accountJson((asked ?? '0x') as Address)
      const problem = { type: 'about:blank', title: 'no reward', status: 404, detail: '', code: 'NO_REWARD' }
      response
        .writeHead(line === undefined ? 404 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(line ?? problem))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const password = join(dir, 'password')
    writeFileSync(password, 'a password\n', { mode: 0o600 })
    await writeKeystore(join(dir, 'worker.json'), chain.workerSecret, new Secret('a password'), {
      scryptN: 1_024,
    })
    const ownKey = owner.getHdKey().privateKey ?? new Uint8Array()
    await writeKeystore(join(dir, 'owner.json'), ownKey, new Secret('a password'), { scryptN: 1_024 })
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    config = configOf('worker.json')
  })
  const configOf = (keystore: string): string => {
    const file = join(dir, `claim-${keystore}`)
    const identity = { keystore, passwordFile: 'password' }
    const common = { rpcUrls: [chain.rpcUrl], deployment: 'deployment.json', relayerUrl: url }
    writeFileSync(file, JSON.stringify({ ...common, identity }))
    return file
  }
  after(async () => {
    server.close()
    await chain.stop()
    rmSync(dir, { recursive: true })
  })
  beforeEach(() => {
    lie = undefined
    served = undefined
  })

  const claim = async (...args: string[]) => {
    const spawned = spawnNode('cli/ionet.ts', ['claim', '--config', config, ...args])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  const balanceOf = (holder: Address) =>
    chain.client.readContract({
      address: chain.deployment.contracts.io,
      abi: ioAbi,
      functionName: 'balanceOf',
      args: [holder],
    })
  const earnedBy = (holder: Address): bigint =>
    chain.outcomes.at(-1)?.rewards.find(line => line.account === holder)?.cumulative ?? 0n

  it('refuses a proof that the root on chain does not know, before it pays for anything', async () => {
    const told = chain.accountJson(account)
    lie = { ...told, cumulativeWei: String(earnedBy(account) + 1n) }
    const before = await chain.client.getTransactionCount({ address: chain.worker.address })
    const { exitCode, stdout, stderr } = await claim()
    expect(exitCode).to.equal(1)
    expect(stdout).to.equal('')
    expect(stderr).to.match(
      /^ionet: the relayer at http\S+ does not prove rewards under the root on chain, 0x\w{64}/,
    )
    expect(await chain.client.getTransactionCount({ address: chain.worker.address })).to.equal(before)
  })

  it('pays all that was earned, to the wei', async () => {
    const before = await balanceOf(account)
    const { exitCode, stdout, stderr } = await claim('--json')
    expect(exitCode, stderr).to.equal(0)
    const earned = earnedBy(account)
    expect(earned > 0n).to.equal(true)
    const { txHash, ...rest } = JSON.parse(stdout)
    expect(rest).to.deep.equal({
      account,
      payout: account,
      claimedWei: String(earned),
      iosdWei: null,
      cumulativeWei: String(earned),
    })
    expect(txHash).to.match(/^0x\w{64}$/)
    expect((await balanceOf(account)) - before).to.equal(earned)
  })

  it('says so when there is nothing to claim, and ends well', async () => {
    expect(await claim()).to.deep.equal({
      exitCode: 0,
      stdout: `nothing to claim: ${account} has been paid all ${formatDecimal(earnedBy(account))} IO that it has earned\n`,
      stderr: '',
    })
    const nobody = `0x${'12'.repeat(20)}`
    expect((await claim('--account', nobody)).stdout).to.equal(
      `nothing to claim: ${nobody} has not earned anything in a settled epoch yet\n`,
    )
  })

  it('claims for another account, which is paid', async () => {
    const before = await balanceOf(gateway)
    const { exitCode, stdout, stderr } = await claim('--account', gateway)
    expect(exitCode, stderr).to.equal(0)
    expect(stdout).to.include(
      `claimed ${formatDecimal(earnedBy(gateway))} IO, paid to ${gateway} (transaction 0x`,
    )
    expect((await balanceOf(gateway)) - before).to.equal(earnedBy(gateway))
  })

  describe('as IOSD', () => {
    const price = ((3n * ONE) / 2n) as Price
    const earner = owner.address.toLowerCase() as Address
    const claimAsIosd = async (...args: string[]) => {
      const given = ['claim', '--config', configOf('owner.json'), '--as-iosd', ...args]
      const spawned = spawnNode('cli/ionet.ts', given)
      const exitCode = await spawned.ended
      return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
    }
    const iosdOf = () =>
      chain.client.readContract({
        address: chain.deployment.contracts.iosd,
        abi: iosdAbi,
        functionName: 'balanceOf',
        args: [earner],
      })
    /** What a feed says in the block that comes next. */
    const serveReport = async (s = 0n): Promise<void> => {
      const { deployment } = chain
      const registry = deployment.contracts.oracleRegistry as Address
      const details = { domain: { chainId: deployment.chainId, registry }, groupKeyX: 1n, proposer: 0 }
      const report = await chain.certify(price)
      const { certificate } = report
      if (certificate.kind !== 'group') throw new Error('identities signed it')
      const signature = { ...certificate.signature, s: certificate.signature.s + s }
      served = reportJson(
        { ...report, certificate: { kind: 'group', signature } },
        { ...details, signers: [], quotes: [], latencyMs: 0 },
      )
    }

    it('is refused at an old price, and nothing is lost', async () => {
      const { exitCode, stdout, stderr } = await claimAsIosd()
      expect([exitCode, stdout]).to.deep.equal([1, ''])
      expect(stderr).to.equal('ionet: the contract refuses the claim as IOSD: PriceTooOld\n')
    })

    it('is refused with a report that the network did not certify', async () => {
      await serveReport(1n)
      const { exitCode, stderr } = await claimAsIosd('--feed', url)
      expect(exitCode).to.equal(1)
      expect(stderr).to.match(/^ionet: the contract refuses the claim as IOSD: InvalidCertificate/)
    })

    it('is refused for less than the minimum', async () => {
      await serveReport()
      const { exitCode, stderr } = await claimAsIosd('--feed', url, '--min-out', '1000000')
      expect(exitCode).to.equal(1)
      expect(stderr).to.equal('ionet: the contract refuses the claim as IOSD: OutputTooLow\n')
    })

    it('burns all that was earned at the newest price of the feed, to the wei', async () => {
      await serveReport()
      const earned = earnedBy(earner)
      const expected = iosdForIo(earned as Wei, price)
      const { exitCode, stdout, stderr } = await claimAsIosd(
        ...['--feed', url, '--min-out', formatDecimal(expected), '--json'],
      )
      expect(exitCode, stderr).to.equal(0)
      expect(JSON.parse(stdout)).to.deep.include({
        account: earner,
        claimedWei: String(earned),
        iosdWei: String(expected),
      })
      expect(await iosdOf()).to.equal(expected)
    })

    it('says so when there is nothing left', async () => {
      expect((await claimAsIosd()).stdout).to.match(/^nothing to claim: 0x\w{40} has been paid all/)
    })

    it('is for the account itself, and its options for nothing else', async () => {
      expect(await claimAsIosd('--account', gateway)).to.deep.include({
        exitCode: 2,
        stderr: 'ionet: --as-iosd is for the rewards of this account: leave --account out\n',
      })
      expect(await claim('--min-out', '1')).to.deep.include({
        exitCode: 2,
        stderr: 'ionet: --min-out and --feed go with --as-iosd only\n',
      })
    })
  })

  it('takes the file of a worker as it is', async () => {
    const devnet = JSON.parse(readFileSync(join(ROOT, 'config/networks/devnet.json'), 'utf8'))
    const sources = join(ROOT, 'config/networks', devnet.sources)
    writeFileSync(join(dir, 'network.json'), JSON.stringify({ ...devnet, sources }))
    const file = join(dir, 'worker-config.json')
    const own = JSON.parse(readFileSync(config, 'utf8'))
    writeFileSync(
      file,
      JSON.stringify({
        ...own,
        dataDir: 'data',
        network: 'network.json',
        device: { keystore: 'device.json' },
        model: { id: `0x${'00'.repeat(32)}` },
      }),
    )
    const spawned = spawnNode('cli/ionet.ts', ['claim', '--config', file])
    expect(await spawned.ended, spawned.stderr()).to.equal(0)
    expect(spawned.stdout()).to.match(/^nothing to claim: 0x\w{40} has been paid all/)
  })

  it('says which keys of its file are missing', async () => {
    const empty = join(dir, 'empty.json')
    writeFileSync(empty, '{}')
    const spawned = spawnNode('cli/ionet.ts', ['claim', '--config', empty])
    expect(await spawned.ended).to.equal(2)
    expect(spawned.stderr()).to.include('relayerUrl')
  })
})
