import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import type { Address } from 'viem'
import { readKeystore } from '../../../runtime/keystore.ts'
import { Secret } from '../../../runtime/secret.ts'
import { Browser, findBrowser } from '../../support/dashboard/browser.ts'
import { type Contracts, readBooks } from '../../support/devnet/chain-books.ts'
import { eventually } from '../../support/devnet/eventually.ts'
import { canReadMemoryOf, formsOf, scanMemory } from '../../support/devnet/memory.ts'
import { CAN_LIST_PROCESSES, programOf, proportionalMemoryOf } from '../../support/devnet/processes.ts'
import { RunningDevnet } from '../../support/devnet/running-devnet.ts'
import { readSettledEpochs } from '../../support/devnet/settled-epochs.ts'
import { type Spawned, spawnNode } from '../../support/runtime/spawned.ts'

const PORT = 24_600
const OTHERS = ['venues', 'relayer', 'gateway', 'worker-0', 'worker-1', 'payer-0', 'payer-1']
const MAX_MEMORY_BYTES = 2_000_000_000
/** An epoch of 40 s, what its sealing and its certificate take, and the start of everything. */
const FIRST_EPOCH_WITHIN_SEC = 80
const SECOND_EPOCH_WITHIN_MS = 120_000
/** Of the summary; the independent check has fields of the same names. */
const FIGURES = [
  'epochsSettled',
  'genesisWei',
  'scheduledMintedWei',
  'netEmissionMintedWei',
  'burnedWei',
  'totalSupplyWei',
  'iosdMintedWei',
  'iosdSpentWei',
  'rewardsPostedWei',
  'rewardsClaimedWei',
  'reserveWei',
  'conservation',
]

interface Page {
  readonly chainId: number
  readonly feed: string
  readonly venues: string
  readonly contracts: Readonly<Record<string, Address>>
  readonly aggregators: readonly string[]
  readonly oracles: readonly { readonly slot: number; readonly name: string; readonly url: string }[]
}

/** One run, as in the README; what can be seen of a network is looked at while it lasts, and again when it is over. */
describe('ionet devnet --for 150s --json', function () {
  this.timeout(200_000)
  let devnet: RunningDevnet
  let startedAtMs: number
  let summary: Record<string, unknown>

  before(async () => {
    startedAtMs = Date.now()
    devnet = new RunningDevnet(PORT, ['--for', '150s', '--json'])
    await devnet.said('the first certified price is on chain', 60_000)
  })
  after(() => devnet.dispose())

  const page = async (): Promise<Page> => (await (await fetch(`${devnet.pageUrl}/page.json`)).json()) as Page

  it('runs each member as one process, and all of them under the same Node.js', async function () {
    if (!CAN_LIST_PROCESSES) return this.skip()
    const names = [...devnet.oracleNames, ...devnet.aggregatorNames, ...OTHERS]
    // Payers come last, some time after the first price.
    await eventually('every process', 20_000, async () =>
      names.every(name => devnet.processesOf(name).length > 0),
    )
    const programs = names.map(name => {
      const processes = devnet.processesOf(name)
      expect(processes, name).to.have.length(1)
      return programOf(processes[0]?.pid ?? 0)
    })
    expect(new Set(programs)).to.deep.equal(new Set([programOf(process.pid)]))
  })

  it('keeps every share of the group key in the memory of its own process, and nowhere else', async function () {
    if (!CAN_LIST_PROCESSES || !canReadMemoryOf(devnet.command.pid)) return this.skip()
    const shares = (await Promise.all(devnet.oracleNames.map(name => readShares(devnet.dir, name)))).flat()
    const patterns = shares.flatMap(({ secret }) => formsOf(secret))
    const formsEach = patterns.length / shares.length
    for (const { pid, args } of devnet.processes()) {
      const { counts } = scanMemory(pid, patterns)
      for (const [index, { owner, file }] of shares.entries()) {
        const forms = counts.slice(index * formsEach, (index + 1) * formsEach)
        const found = forms.reduce((sum, count) => sum + count, 0)
        const isOwn = args.includes(join(devnet.dir, owner, 'config.json'))
        // Its own is found, or else the search would prove nothing.
        if (isOwn) expect(found, `${file} in ${owner}`).to.be.greaterThan(0)
        else expect(found, `${file} of ${owner} in ${args.join(' ')}`).to.equal(0)
      }
    }
    for (const { secret } of shares) secret.fill(0)
  })

  it('keeps one share of each key in the files of each node, and none in any other directory', () => {
    const keystores = filesUnder(devnet.dir).filter(file => /(^|\/)shares\/.*\.json$/.test(file))
    const names = new Set(keystores.map(file => basename(file)))
    // Of the first key at least: one to sign with and one for the beacon.
    expect(names.size).to.be.within(2, 4)
    const expected = devnet.oracleNames.flatMap(owner =>
      [...names].map(name => `${owner}/data/shares/${name}`),
    )
    expect(keystores.sort()).to.deep.equal(expected.sort())
  })

  it('serves the page with its script, and describes the network to it', async () => {
    const html = await (await fetch(devnet.pageUrl)).text()
    const [, source = ''] = /<script type="module"[^>]* src="([^"]+)"/.exec(html) ?? []
    const script = await fetch(new URL(source, `${devnet.pageUrl}/`))
    expect(script.status, `script "${source}"`).to.equal(200)
    expect(script.headers.get('content-type')).to.match(/javascript/)
    expect((await script.text()).length).to.be.greaterThan(10_000)

    const { oracles, aggregators, contracts, ...rest } = await page()
    expect(rest).to.deep.include({ chainId: 31_337, feed: 'IO/USD', venues: 'simulated' })
    expect(contracts).to.deep.equal(deploymentOf(devnet.dir).contracts)
    expect(oracles.map(({ slot, name }) => [slot, name])).to.deep.equal(
      devnet.oracleNames.map((name, slot) => [slot, name]),
    )
    for (const url of [...aggregators, ...oracles.map(oracle => oracle.url)]) {
      expect((await fetch(`${url}/health`)).status, url).to.equal(200)
    }
  })

  it('shows the price and the quotes of four nodes in a browser', async function () {
    const command = findBrowser()
    if (command === undefined) return this.skip()
    const browser = await Browser.launch(command)
    try {
      await browser.open(devnet.pageUrl, { width: 1280, height: 800, dark: true })
      await browser.until(
        String.raw`/^\$\d+\.\d{4,}$/.test((document.querySelector('.price .figure')?.innerText ?? '').replace(/\s/g, ''))`,
        15_000,
      )
      await browser.until(
        String.raw`[...document.querySelectorAll('.nodes tbody tr')].filter(row => /oracle-[0-3]\s+0x\S+\s+\d+\.\d{4,}/.test(row.innerText)).length === 4`,
        15_000,
      )
    } finally {
      await browser.close()
    }
  })

  it('certifies prices that anyone can check', async () => {
    const { aggregators } = await page()
    const latest = await fetch(`${aggregators[0]}/v1/reports/latest`)
    writeFileSync(join(devnet.dir, 'report.json'), await latest.text())
    const file = join(devnet.dir, 'deployment.json')
    const words = ['verify', 'report', '--rpc', devnet.rpcUrl, '--deployment', file]
    const spawned = spawnNode('cli/ionet.ts', [...words, join(devnet.dir, 'report.json')])
    expect(await spawned.ended, spawned.stdout()).to.equal(0)
  })

  it('mints for each burn exactly IO times the price on chain, rounded down, and nothing else', async () => {
    const contracts = deploymentOf(devnet.dir).contracts
    const books = await eventually('three burns', 40_000, async () => {
      const read = await readBooks(devnet.rpcUrl, contracts)
      return read.burns.length >= 3 && read
    })
    for (const { iosd, due } of books.burns) expect(iosd).to.equal(due)
    const burned = books.burns.reduce((total, { io }) => total + io, 0n)
    const minted = books.burns.reduce((total, { iosd }) => total + iosd, 0n)
    expect(books.io.burned).to.equal(burned)
    expect(books.ioSupply).to.equal(books.io.minted - burned)
    // What was spent on compute is gone, too.
    expect(books.iosd.minted).to.equal(minted)
    expect(books.iosdSupply).to.equal(minted - books.iosd.burned)
  })

  it('has two epochs active, and shows their life and their figures in a browser', async function () {
    await eventually('a second active epoch', SECOND_EPOCH_WITHIN_MS, async () => {
      const answer = await fetch(`http://127.0.0.1:${devnet.ports.relayer.http}/v1/epochs?limit=10`)
      const { epochs } = (await answer.json()) as { epochs: { epoch: number; phase: string }[] }
      return epochs.some(({ epoch, phase }) => epoch === 1 && (phase === 'active' || phase === 'final'))
    })
    const command = findBrowser()
    if (command === undefined) return this.skip()
    const browser = await Browser.launch(command)
    try {
      await browser.open(`${devnet.pageUrl}/#epochs`, { width: 1280, height: 800, dark: true })
      // Both by relayer and chain, which agree; and one that still runs.
      await browser.until(
        "document.querySelectorAll('.epochs .epoch .good').length >= 2 && document.querySelector('.epochs .epoch .bad') === null",
        15_000,
      )
      await browser.until("document.querySelector('.epochs .epoch-open .station-current') !== null", 15_000)
      await browser.until("document.body.innerText.includes('adds up to the wei')", 15_000)
    } finally {
      await browser.close()
    }
  })

  // After two epochs, so with everything that it ever holds.
  it('fits into 2 GB of memory with everything that belongs to it', function () {
    if (!CAN_LIST_PROCESSES) return this.skip()
    const sizes = devnet.processes().map(({ pid }) => proportionalMemoryOf(pid))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    expect(total).to.be.within(1, MAX_MEMORY_BYTES)
  })

  // It waits for the end; what comes after looks at what is left.
  it('ends by itself with exit code 0 and a summary that adds up, and leaves nothing running', async () => {
    // Everything is seen once while it runs, so that its absence afterwards means something.
    if (CAN_LIST_PROCESSES) expect(devnet.processes().length).to.be.greaterThan(9)
    expect(await devnet.command.ended, devnet.command.stderr()).to.equal(0)
    expect(devnet.remains()).to.deep.equal([])

    summary = JSON.parse(devnet.command.stdout().trimEnd().split('\n').at(-1) ?? '')
    expect(summary).to.deep.include({
      venues: 'simulated',
      oracles: 4,
      conservation: 'ok',
      failedChecks: [],
    })
    const count = (field: string) => Number(summary[field])
    const wei = (field: string) => BigInt(String(summary[field]))
    expect(count('certifiedReports')).to.be.at.least(100)
    expect(count('onChainUpdates')).to.be.at.least(3)
    expect(summary['lastPriceUsd']).to.match(/^\d+\.\d+$/)
    expect(count('firstPriceMs')).to.be.within(1, 20_000)
    expect(count('epochsSettled')).to.be.at.least(2)
    expect(count('usageRecordsSettled')).to.be.at.least(100)
    expect(count('usageRecordsAccepted')).to.be.at.least(count('usageRecordsSettled'))
    expect(count('inferencesPaid')).to.be.at.least(20)

    for (const field of [
      'burnedWei',
      'iosdMintedWei',
      'scheduledMintedWei',
      'netEmissionMintedWei',
      'iosdSpentWei',
      'rewardsPostedWei',
      'rewardsClaimedWei',
      'reserveWei',
    ])
      expect(wei(field) > 0n, field).to.equal(true)
    const minted = wei('scheduledMintedWei') + wei('netEmissionMintedWei')
    expect(wei('totalSupplyWei')).to.equal(wei('genesisWei') + minted - wei('burnedWei'))
  })

  describe('once it has ended', () => {
    let chain: Spawned
    let rpcUrl: string

    before(async () => {
      chain = spawnNode('cli/ionet.ts', ['chain', '--dir', devnet.dir, '--port', String(PORT + 1)])
      await chain.printed('the chain of a finished local network is served')
      rpcUrl = devnet.rpcUrl
    })
    after(async () => {
      chain.process.kill('SIGTERM')
      expect(await chain.ended, chain.stderr()).to.equal(0)
    })

    const verify = async (epoch: number, ...args: string[]) => {
      const words = ['verify', 'epoch', String(epoch), '--devnet', devnet.dir, ...args]
      const spawned = spawnNode('cli/ionet.ts', words)
      const exitCode = await spawned.ended
      return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
    }

    it('had its first epoch active within 80 s of the start', async () => {
      const [first] = await readSettledEpochs(rpcUrl, deploymentOf(devnet.dir).contracts)
      const tookSec = (first?.activeAtSec ?? Number.NaN) - startedAtMs / 1_000
      expect(first?.epoch).to.equal(0)
      expect(tookSec).to.be.within(0, FIRST_EPOCH_WITHIN_SEC)
    })

    it('minted again what one epoch burned, and no more than the cap in another', async () => {
      const epochs = await readSettledEpochs(rpcUrl, deploymentOf(devnet.dir).contracts)
      expect(epochs.length).to.equal(summary['epochsSettled'])
      for (const { burned, cap, net, burnedByBurns } of epochs) {
        expect(burned).to.equal(burnedByBurns)
        expect(net).to.equal(burned < cap ? burned : cap)
      }
      expect(epochs.some(({ burned, cap, net }) => net === burned && burned > 0n && burned < cap)).to.equal(
        true,
      )
      expect(epochs.some(({ burned, cap, net }) => net === cap && burned > cap)).to.equal(true)
    })

    it('is summed up alike by a program that reads nothing but the chain', async () => {
      const file = join(devnet.dir, 'deployment.json')
      const args = ['--rpc', rpcUrl, '--deployment', file, '--json']
      const script = spawnNode('scripts/check-conservation.ts', args)
      expect(await script.ended, script.stderr()).to.equal(0)
      const document = JSON.parse(script.stdout())
      for (const field of FIGURES) expect(document[field], field).to.equal(summary[field])
    })

    it('lets anyone compute every settled epoch again', async () => {
      for (let epoch = 0; epoch < Number(summary['epochsSettled']); epoch += 1) {
        const { exitCode, stdout, stderr } = await verify(epoch, '--json')
        expect(exitCode, stderr).to.equal(0)
        const { verdict, lines, notChecked } = JSON.parse(stdout)
        expect(verdict).to.equal('equal')
        expect(lines.every((line: { equal: boolean }) => line.equal)).to.equal(true)
        // What can be checked with all files at hand is.
        expect(notChecked.join()).to.not.match(/left open|windows were due/)
      }
      const beyond = await verify(Number(summary['epochsSettled']))
      expect(beyond.exitCode).to.equal(2)
      expect(beyond.stderr).to.match(/^ionet: epoch \d+ is not settled on this chain/)
    })

    it('lets anyone check a report of long ago, and shows that one wei was added', async () => {
      const saved = join(devnet.dir, 'report.json')
      const check = async (file: string) => {
        const spawned = spawnNode('cli/ionet.ts', [
          'verify',
          'report',
          '--devnet',
          devnet.dir,
          '--json',
          file,
        ])
        return { exitCode: await spawned.ended, out: spawned.stdout() }
      }
      const sound = await check(saved)
      expect(sound.exitCode, sound.out).to.equal(0)
      const altered = JSON.parse(readFileSync(saved, 'utf8'))
      altered.price = String(BigInt(altered.price) + 1n)
      writeFileSync(join(devnet.dir, 'altered.json'), JSON.stringify(altered))
      expect((await check(join(devnet.dir, 'altered.json'))).exitCode).to.equal(1)
    })

    it('shows it when one byte of a bundle is another', async () => {
      const { bundleHash } = JSON.parse((await verify(1, '--json')).stdout)
      const directory = mkdtempSync(join(tmpdir(), 'ionet-bundles-'))
      try {
        const name = String(bundleHash).slice(2)
        const bytes = readFileSync(join(devnet.dir, 'relayer', 'data', 'bundles', name))
        const middle = Math.floor(bytes.length / 2)
        bytes[middle] = (bytes[middle] ?? 0) ^ 1
        writeFileSync(join(directory, name), bytes)
        const { exitCode, stdout } = await verify(1, '--bundles', directory)
        expect(exitCode).to.equal(1)
        expect(stdout).to.match(
          /epoch 1 DIFFERS: the bundle is damaged: BLOCK_CHECK in \w+, items? [\d to]+, in the block at byte \d+\n$/,
        )
      } finally {
        rmSync(directory, { recursive: true })
      }
    })
  })
})

function deploymentOf(dir: string): {
  readonly contracts: Contracts & Readonly<Record<'emission', Address>>
} {
  return JSON.parse(readFileSync(join(dir, 'deployment.json'), 'utf8'))
}

/** Relative paths. */
function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
}

/** Opens the keystore of a node's share, as only that node does. */
/** A node's shares of the first key, which it holds from then on: one to sign with and one for the beacon. */
async function readShares(dir: string, owner: string) {
  const shares = join(dir, owner, 'data', 'shares')
  const keystores = readdirSync(shares).filter(file => /^epoch-1-.*\.json$/.test(file))
  expect(keystores, `shares of ${owner}`).to.have.length(2)
  const password = new Secret(readFileSync(join(dir, owner, 'password'), 'utf8').trimEnd())
  return Promise.all(
    keystores.map(async file => ({ owner, file, secret: await readKeystore(join(shares, file), password) })),
  )
}
