import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { waitFor } from '../../support/network/wait.ts'
import { blocksOf, writeEntries } from '../../support/recording/build.ts'
import { ROOT, spawnNode, spawnProgram } from '../../support/runtime/spawned.ts'

/** Runs `ionet` to its end. */
async function ionet(...args: string[]) {
  const spawned = spawnNode('cli/ionet.ts', args)
  const exitCode = await spawned.ended
  return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

describe('ionet record and ionet replay', function () {
  this.timeout(60_000)
  let directory: TemporaryDirectory
  let simulator: VenueSimulator
  let file: string
  let from: string[]
  before(async () => {
    simulator = createVenueSimulator({
      ...{ host: '127.0.0.1', port: 0, seed: 'record' },
      ...{ clock: systemClock, logger: silentLogger },
    })
    await simulator.start(new AbortController().signal)
    const network = join(ROOT, 'config/networks/devnet.json')
    from = ['--network', network, '--endpoint', `http://127.0.0.1:${simulator.port}`]
  })
  after(() => simulator?.stop())
  beforeEach(() => {
    directory = temporaryDirectory()
    file = join(directory.path, 'prices.rec')
  })
  afterEach(() => directory.remove())

  it('print the same quotes, byte for byte', async () => {
    const recorded = await ionet('record', ...from, '--out', file, '--for', '5s', '--quotes')
    expect(recorded.exitCode, recorded.stderr).to.equal(0)
    const quotes = recorded.stdout.trimEnd().split('\n')
    expect(quotes).to.have.length.within(3, 7)
    expect(JSON.parse(quotes.at(-1) ?? '')).to.include.keys('round', 'price', 'confidenceBps', 'sourcesRoot')
    expect(recorded.stderr).to.include(`${statSync(file).size} bytes`)

    const replayed = await ionet('replay', file)
    expect(replayed.exitCode, replayed.stderr).to.equal(0)
    expect(replayed.stdout).to.equal(recorded.stdout)
    expect(replayed.stderr).to.match(
      new RegExp(`^ionet: ${quotes.length} quotes of \\d+ tickers .* times as fast`),
    )
  })

  it('keep what was written before the process was killed, and say what was cut off', async () => {
    const recording = spawnNode('cli/ionet.ts', ['record', ...from, '--out', file, '--quotes'])
    await waitFor('three quotes', () => recording.stdout().split('\n').length > 3, 20_000)
    recording.process.kill('SIGKILL')
    expect(await recording.ended).to.equal('SIGKILL')
    const before = await ionet('replay', file)
    expect(before.exitCode, before.stderr).to.equal(0)
    expect(before.stdout.length).to.be.above(0)
    expect(before.stderr).to.match(
      /^ionet: the end is missing: .* this is all up to \d{4}-\d\d-\d\dT[\d:.]+Z$/m,
    )
    expect(recording.stdout().startsWith(before.stdout)).to.equal(true)

    writeFileSync(file, readFileSync(file).subarray(0, -10))
    const torn = await ionet('replay', file)
    expect(torn.exitCode).to.equal(0)
    expect(before.stdout.startsWith(torn.stdout)).to.equal(true)
    expect(torn.stderr).to.match(
      /^ionet: the end is missing: .*; the last \d+ bytes are no whole block, and left out; this is all up to /,
    )
  })

  it('end with the whole recording, and exit code 0, when told to stop', async () => {
    const recording = spawnNode('cli/ionet.ts', ['record', ...from, '--out', file, '--quotes'])
    await waitFor('a quote', () => recording.stdout().includes('\n'), 20_000)
    recording.process.kill('SIGTERM')
    expect(await recording.ended, recording.stderr()).to.equal(0)
    expect(recording.stderr()).to.not.include('error')
    const replayed = await ionet('replay', file)
    expect(replayed).to.include({ exitCode: 0, stdout: recording.stdout() })
    expect(replayed.stderr).to.match(/^ionet: \d+ quotes of/)
  })

  it('end quietly when nobody reads the quotes any more, with the whole recording', async () => {
    const record = [process.execPath, 'cli/ionet.ts', 'record', ...from, '--out', file, '--quotes']
    const script = '{ "$@"; echo "ended with $?" >&2; } | head -1'
    const piped = spawnProgram('sh', ['-c', script, 'sh', ...record])
    expect(await piped.ended).to.equal(0)
    expect(piped.stderr()).to.include(`ionet: ${file} holds`).and.include('\nended with 0\n')
    expect(piped.stderr()).to.not.match(/EPIPE|error/)

    const replayed = await ionet('replay', file)
    expect(replayed.exitCode, replayed.stderr).to.equal(0)
    expect(replayed.stderr).to.match(/^ionet: \d+ quotes of/)
    expect(replayed.stdout.startsWith(piped.stdout())).to.equal(true)
    // The quote that nobody read is in it, and whatever came until the end.
    expect(replayed.stdout.split('\n').length).to.be.above(2)
    expect(piped.stdout().split('\n')).to.have.length(2)
  })

  it('end with exit code 1 where a recording was changed, after the quotes before it', async () => {
    const recorded = await ionet('record', ...from, '--out', file, '--for', '4s', '--quotes')
    const bytes = readFileSync(file)
    const place = Math.floor(bytes.length / 2)
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
    writeFileSync(file, bytes)
    const { exitCode, stdout, stderr } = await ionet('replay', file)
    expect(exitCode).to.equal(1)
    expect(recorded.stdout.startsWith(stdout)).to.equal(true)
    expect(stdout.length).to.be.below(recorded.stdout.length)
    expect(stderr).to.match(/^ionet: the recording has a block .* \(at byte \d+\)\n$/)
  })

  it('end with exit code 1 at the last quotes, too, and say what is missing of a file that was cut', async () => {
    const recorded = await ionet('record', ...from, '--out', file, '--for', '3s', '--quotes')
    expect(recorded.exitCode, recorded.stderr).to.equal(0)
    const whole = readFileSync(file)
    const starts = blocksOf(whole)
    const [lastAt = 0, endAt = 0] = starts.slice(-2)
    const changed = Buffer.from(whole)
    changed.writeUInt8(changed.readUInt8(endAt - 1) ^ 1, endAt - 1)
    writeFileSync(file, changed)
    expect(await ionet('replay', file)).to.include({
      exitCode: 1,
      stderr: `ionet: the recording has a block with wrong bytes (at byte ${lastAt})\n`,
    })

    writeFileSync(file, whole.subarray(0, lastAt))
    const cut = await ionet('replay', file)
    expect(cut.exitCode, cut.stderr).to.equal(0)
    expect(recorded.stdout.startsWith(cut.stdout)).to.equal(true)
    expect(cut.stderr).to.match(/^ionet: the end is missing: [^;]*; this is all up to /)
  })

  it('end with exit code 1 when the quotes cannot be written to where they were sent', async function () {
    if (process.platform !== 'linux') this.skip()
    await writeEntries(file, [
      [{ kind: 'observe', round: 17_600_000_010, nowMs: 1_760_000_001_000 }],
      [{ kind: 'observe', round: 17_600_000_020, nowMs: 1_760_000_002_000 }],
    ])
    const full = spawnProgram('sh', [
      ...['-c', 'exec "$@" > /dev/full', 'sh'],
      ...[process.execPath, 'cli/ionet.ts', 'replay', file],
    ])
    expect(await full.ended).to.equal(1)
    expect(full.stderr()).to.equal('ionet: standard output cannot be written (ENOSPC)\n')
  })

  it('end with exit code 1 when the disk takes no more, and count what is in the file alone', async () => {
    const record = [process.execPath, 'cli/ionet.ts', 'record', ...from, '--out', file, '--for', '30s']
    // Blocks of 512 bytes: Node.js is told of a file that grows beyond as it is of a full disk.
    const full = spawnProgram('sh', ['-c', 'ulimit -f 24; exec "$@"', 'sh', ...record])
    expect(await full.ended).to.equal(1)
    const [, held, missing] = /holds (\d+) entries in \d+ bytes; (\d+) are missing/.exec(full.stderr()) ?? []
    expect(Number(missing), full.stderr()).to.be.above(0)
    const replayed = await ionet('replay', file)
    expect(replayed.exitCode, replayed.stderr).to.equal(0)
    const [, quotes, tickers] = /(\d+) quotes of (\d+) tickers/.exec(replayed.stderr) ?? []
    expect(Number(quotes) + Number(tickers), replayed.stderr).to.equal(Number(held))
    expect(replayed.stderr).to.include('the end is missing')
  })

  it('take the file of a node, and open none of the keys that it names', async () => {
    const config = join(directory.path, 'oracle.json')
    writeFileSync(
      config,
      JSON.stringify({
        dataDir: 'nowhere',
        identity: { keystore: 'none', peerKeystore: 'none', passwordFile: 'none' },
        rpcUrls: ['http://127.0.0.1:1'],
        deployment: 'none.json',
        network: join(ROOT, 'config/networks/devnet.json'),
        p2p: { listen: ['/ip4/127.0.0.1/tcp/0'] },
        venueEndpoint: `http://127.0.0.1:${simulator.port}`,
      }),
    )
    const { exitCode, stdout, stderr } = await ionet(
      'record',
      '--config',
      config,
      '--out',
      file,
      '--for',
      '1s',
    )
    expect(exitCode, stderr).to.equal(0)
    expect(stdout).to.equal('')
    expect(statSync(file).size).to.be.above(0)
  })

  it('refuse wrong input with exit code 2, and touch nothing', async () => {
    writeFileSync(file, 'years of work')
    const exists = await ionet('record', ...from, '--out', file)
    expect(exists.exitCode).to.equal(2)
    expect(exists.stderr).to.equal(
      `ionet: ${file} exists: give another --out, a recording is never overwritten\n`,
    )
    expect(readFileSync(file, 'utf8')).to.equal('years of work')

    const neither = await ionet('record', '--out', `${file}2`)
    expect(neither).to.include({
      exitCode: 2,
      stderr: 'ionet: give either --config FILE, of an oracle node, or --network FILE\n',
    })
    const nowhere = await ionet('record', ...from, '--out', join(directory.path, 'no', 'such', 'place'))
    expect(nowhere.exitCode).to.equal(2)
    expect(nowhere.stderr).to.match(/cannot be made \(ENOENT\): give another --out\n$/)

    const other = await ionet('replay', file)
    expect(other).to.include({
      exitCode: 2,
      stderr: 'ionet: the file does not begin as a recording of prices (at byte 0)\n',
    })
    const missing = await ionet('replay', `${file}3`)
    expect(missing).to.include({ exitCode: 2, stderr: `ionet: ${file}3 cannot be read (ENOENT)\n` })
  })

  it('list everything that is wrong with a network file', async () => {
    const network = join(directory.path, 'network.json')
    writeFileSync(network, JSON.stringify({ name: '', feed: 'IO/USD', roundMs: 1, sources: {} }))
    const { exitCode, stdout, stderr } = await ionet('record', '--network', network, '--out', file)
    expect(exitCode).to.equal(2)
    expect(stdout).to.equal('')
    for (const key of ['name', 'roundMs', 'sources.venues', 'sources.legs'])
      expect(stderr).to.include(`  ${key}: `)
  })
})
