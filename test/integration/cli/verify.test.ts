import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dumpState } from '../../../devnet/anvil.ts'
import { saveChain } from '../../../devnet/saved-chain.ts'
import type { BeaconInput } from '../../../protocol/beacon/input.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import { encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { BEACON_KEY, type SettledChain, startSettledChain } from '../../support/cli/settled-chain.ts'
import { proofBytes } from '../../support/protocol/beacon-key.ts'
import { ROOT, spawnNode } from '../../support/runtime/spawned.ts'

describe('ionet verify epoch', function () {
  this.timeout(120_000)
  let dir: string
  let chain: SettledChain
  let server: Server
  let url: string
  /** What the server has, by path. */
  const served = new Map<string, Uint8Array>()

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-verify-'))
    chain = await startSettledChain(dir)
    for (const [epoch, bytes] of chain.bundles.entries()) writeFileSync(fileOf(epoch), bytes)
    server = createServer((request, response) => {
      const bytes = served.get(request.url ?? '')
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.close()
    await chain.stop()
    rmSync(dir, { recursive: true })
  })
  beforeEach(() => served.clear())

  const fileOf = (epoch: number) => join(dir, `epoch-${epoch}.bundle`)
  const bytesOf = (epoch: number): Uint8Array => chain.bundles[epoch] ?? new Uint8Array()
  const hashOf = (epoch: number): string => chain.reports[epoch]?.bundleHash ?? ''

  const verify = async (epoch: number | string, ...args: string[]) => {
    const where = ['--deployment', chain.deploymentFile, '--rpc', chain.rpcUrl]
    const spawned = spawnNode('cli/ionet.ts', ['verify', 'epoch', String(epoch), ...where, ...args])
    const exitCode = await spawned.ended
    return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
  }
  /** The local network's file, with another share of slots that are challenge windows. */
  const writeNetwork = (file: string, challengeEvery: number): void => {
    const devnet = JSON.parse(readFileSync(join(ROOT, 'config/networks/devnet.json'), 'utf8'))
    const sources = join(ROOT, 'config/networks', devnet.sources)
    writeFileSync(file, JSON.stringify({ ...devnet, sources, challengeEvery }))
  }
  /** What a relayer shows of window 7, the only one of this chain. */
  const showBeacons = (): void => {
    const read = decodeBundle([bytesOf(0)])
    if ('fault' in read) throw new Error('the bundle has a fault')
    served.set('/v1/transcripts/1', BEACON_KEY.transcript)
    for (const { window: slot, root } of read.bundle.windows) {
      const { domain } = read.bundle.header
      const show = (input: BeaconInput) => proofBytes(BEACON_KEY, 1, input, [0, 1, 3], domain)
      served.set(`/v1/beacons/${slot}/proof`, show({ kind: 'window', slot }))
      served.set(`/v1/beacons/${slot}/draws/${root}`, show({ kind: 'draw', slot, root }))
    }
  }
  /** The bundle of an epoch, whole and well-formed, with something in it changed. */
  const changed = (epoch: number, change: (bundle: EpochBundle) => Partial<EpochBundle>): string => {
    const read = decodeBundle([bytesOf(epoch)])
    if ('fault' in read) throw new Error('the bundle has a fault')
    const file = join(dir, 'changed.bundle')
    writeFileSync(file, Buffer.concat([...encodeBundle({ ...read.bundle, ...change(read.bundle) })]))
    return file
  }

  it('finds every root and total of an epoch in its bundle and the chain', async () => {
    const { exitCode, stdout, stderr } = await verify(
      1,
      '--bundle',
      fileOf(1),
      '--previous',
      fileOf(0),
      '--json',
    )
    expect(stderr).to.equal('')
    expect(exitCode).to.equal(0)
    const document = JSON.parse(stdout)
    expect(document.verdict).to.equal('equal')
    expect(document.difference).to.equal(null)
    expect(document.lines).to.have.length(16)
    expect(document.lines.every((line: { equal: boolean }) => line.equal)).to.equal(true)
    const [report] = chain.reports.slice(1)
    expect(document.lines[0]).to.deep.equal({
      name: 'reward root',
      recomputed: report?.rewardRoot,
      onChain: report?.rewardRoot,
      equal: true,
    })
    expect(document.figures).to.deep.include({
      recordsCounted: 1,
      recordsRefused: 0,
      workers: 1,
      payersDebited: 1,
    })
    expect(document.notChecked.some((text: string) => text.includes('left open'))).to.equal(false)
  })

  it('says what nobody can check afterwards, and who checked the certificate', async () => {
    const { exitCode, stdout } = await verify(0, '--bundle', fileOf(0))
    expect(exitCode).to.equal(0)
    expect(stdout).to.include('checked by the contract when the epoch was staged: the certificate')
    expect(stdout).to.include('not checked: openings of challenges')
    expect(stdout).to.match(/epoch 0: all that was paid and debited follows from the bundle and the chain\n$/)
  })

  it('takes the bundles from whoever has them, and believes nobody', async () => {
    served.set('/v1/epochs/1/bundle', bytesOf(0))
    const lied = await verify(1, '--from', url)
    expect(lied.exitCode).to.equal(1)
    expect(lied.stdout).to.include(
      `/v1/epochs/1/bundle is another bundle: its hash is ${hashOf(0)}, not ${hashOf(1)}`,
    )
    expect(lied.stdout).to.include('epoch 1 DIFFERS: BUNDLE_HASH')

    served.set(`/v1/bundles/${hashOf(1)}`, bytesOf(1))
    served.set(`/v1/bundles/${hashOf(0)}`, bytesOf(0))
    const told = await verify(1, '--from', 'http://127.0.0.1:9', '--from', url)
    expect(told.exitCode, told.stderr).to.equal(0)
    expect(told.stdout).to.include('nothing answers at http://127.0.0.1:9')
    expect(told.stdout).not.to.include('left open')
  })

  it('finds bundles by their hash in a directory, and asks others for those that are not there', async () => {
    const bundles = join(dir, 'bundles')
    mkdirSync(bundles, { recursive: true })
    writeFileSync(join(bundles, hashOf(1).slice(2)), bytesOf(1))
    const alone = await verify(1, '--bundles', bundles)
    expect(alone.exitCode, alone.stderr).to.equal(0)
    expect(alone.stdout).to.include(`from ${join(bundles, hashOf(1).slice(2))}, `)
    expect(alone.stdout).to.include('not checked: what epoch 0 left open')

    served.set(`/v1/bundles/${hashOf(0)}`, bytesOf(0))
    const both = await verify(1, '--bundles', bundles, '--from', url)
    expect(both.exitCode, both.stderr).to.equal(0)
    expect(both.stdout).not.to.include('left open')
    const neither = await verify(0, '--bundles', bundles)
    expect(neither.exitCode).to.equal(2)
    expect(neither.stderr).to.equal(
      `ionet: nobody has the bundle of epoch 0: ${join(bundles, hashOf(0).slice(2))} is not there\n`,
    )
  })

  it('serves the saved chain of a finished local network itself, and needs nothing else', async () => {
    const net = join(dir, 'net')
    mkdirSync(join(net, 'relayer', 'data', 'bundles'), { recursive: true })
    for (const epoch of [0, 1])
      writeFileSync(join(net, 'relayer', 'data', 'bundles', hashOf(epoch).slice(2)), bytesOf(epoch))
    writeFileSync(join(net, 'deployment.json'), readFileSync(chain.deploymentFile))
    // Every slot is a window: epoch 0 of this chain has one.
    writeNetwork(join(net, 'devnet.json'), 1)
    saveChain(net, await dumpState(chain.rpcUrl, new AbortController().signal))

    const spawned = spawnNode('cli/ionet.ts', ['verify', 'epoch', '1', '--devnet', net])
    expect(await spawned.ended, spawned.stderr()).to.equal(0)
    expect(spawned.stderr()).to.equal('')
    expect(spawned.stdout()).not.to.match(/left open|--network/)
    expect(spawned.stdout()).to.match(/epoch 1: all that was paid and debited follows .*\n$/)

    rmSync(join(net, 'chain.json.gz'))
    const unsaved = spawnNode('cli/ionet.ts', ['verify', 'epoch', '1', '--devnet', net])
    expect(await unsaved.ended).to.equal(2)
    expect(unsaved.stderr()).to.match(/^ionet: \S+ holds no saved chain: /)
    expect((await verify(1, '--devnet', net)).exitCode).to.equal(0)
  })

  it('says that what the epoch before left is not checked when nobody has its bundle', async () => {
    served.set(`/v1/bundles/${hashOf(1)}`, bytesOf(1))
    const { exitCode, stdout } = await verify(1, '--from', url)
    expect(exitCode).to.equal(0)
    expect(stdout).to.include('not checked: what epoch 0 left open')
  })

  it('names section, items and byte when one byte of the bundle is another', async () => {
    const bytes = Uint8Array.from(bytesOf(0))
    const middle = Math.floor(bytes.length / 2)
    bytes[middle] = (bytes[middle] ?? 0) ^ 1
    writeFileSync(join(dir, 'damaged.bundle'), bytes)
    const { exitCode, stdout } = await verify(0, '--bundle', join(dir, 'damaged.bundle'))
    expect(exitCode).to.equal(1)
    expect(stdout).to.match(
      /epoch 0 DIFFERS: the bundle is damaged: BLOCK_CHECK in \w+, items? [\d to]+, in the block at byte \d+\n$/,
    )
  })

  it('names the line when a well-formed bundle pays somebody more', async () => {
    const file = changed(0, ({ rewards }) => ({
      rewards: rewards.map((line, index) =>
        index === 0 ? { ...line, cumulative: line.cumulative + 1n } : line,
      ),
    }))
    const { exitCode, stdout } = await verify(0, '--bundle', file)
    expect(exitCode).to.equal(1)
    expect(stdout).to.match(
      /epoch 0 DIFFERS: BUNDLE_HASH: .*; in it, REWARD_ROOT: rewards line 0 \(0x\w{40}\): expected \d+, found \d+\n$/,
    )
  })

  it('names the batch when a well-formed bundle leaves out its signature', async () => {
    const file = changed(1, ({ batches }) => ({
      batches: batches.map(batch => ({ ...batch, signature: new Uint8Array(64) })),
    }))
    const { exitCode, stdout } = await verify(1, '--bundle', file, '--previous', fileOf(0), '--json')
    expect(exitCode).to.equal(1)
    const { difference } = JSON.parse(stdout)
    expect(difference.code).to.equal('BUNDLE_HASH')
    expect(difference.sentence).to.match(/in it, BAD_WORKER_SIGNATURE: batches line 0 \(0x\w{40} 3 to 3/)
  })

  it('does not start from what another epoch left', async () => {
    const { exitCode, stdout } = await verify(1, '--bundle', fileOf(1), '--previous', fileOf(1))
    expect(exitCode).to.equal(1)
    expect(stdout).to.include('epoch 1 DIFFERS: the bundle of epoch 0 is not the one on chain: its hash is')
  })

  it('finds a window that the chain did not call for', async () => {
    const network = join(dir, 'network.json')
    // One slot in 10,000 is a window: slot 7 of this chain is none.
    writeNetwork(network, 10_000)
    showBeacons()
    const { exitCode, stdout } = await verify(0, '--bundle', fileOf(0), '--network', network, '--from', url)
    expect(stdout).not.to.include('give --network')
    expect(exitCode).to.equal(1)
    expect(stdout).to.match(/epoch 0 DIFFERS: slot 7 was no challenge window by its beacon\n$/)
  })

  it('believes the windows of an epoch by their proofs, and says which nobody showed', async () => {
    const network = join(dir, 'network.json')
    writeNetwork(network, 1)
    const args = ['--bundle', fileOf(0), '--network', network, '--from', url]
    const unproven = await verify(0, ...args)
    expect(unproven.exitCode).to.equal(0)
    expect(unproven.stdout).to.include('not checked: whether these were challenge windows')
    expect(unproven.stdout).to.include('not checked: that a quorum had the roots of these windows in time')
    showBeacons()
    const proven = await verify(0, ...args)
    expect(proven.exitCode).to.equal(0)
    expect(proven.stdout).not.to.include('challenge windows')
    expect(proven.stdout).not.to.include('in time')
  })

  it('tells what is wrong with what it was asked', async () => {
    expect(await verify(7, '--bundle', fileOf(1))).to.deep.equal({
      exitCode: 2,
      stdout: '',
      stderr: 'ionet: epoch 7 is not settled on this chain: the newest is 1\n',
    })
    expect((await verify(1)).stderr).to.match(/^ionet: say where the bundle is/)
    const missing = await verify(1, '--bundle', join(dir, 'nothing'))
    expect(missing.exitCode).to.equal(2)
    expect(missing.stderr).to.include('cannot be read (ENOENT)')
    const nobody = await verify(1, '--from', url)
    expect(nobody.exitCode).to.equal(2)
    expect(nobody.stderr).to.match(/^ionet: nobody has the bundle of epoch 1: http.* answers 404/)
    expect((await verify('-1', '--bundle', fileOf(1))).exitCode).to.equal(2)
  })
})
