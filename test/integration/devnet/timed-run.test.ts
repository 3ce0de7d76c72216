import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

const PORT = 24_600
const OTHERS = ['venues', 'relayer', 'gateway', 'worker-0', 'worker-1', 'payer-0', 'payer-1']
const MAX_MEMORY_BYTES = 1_600_000_000

interface Page {
  readonly chainId: number
  readonly feed: string
  readonly venues: string
  readonly contracts: Readonly<Record<string, Address>>
  readonly aggregators: readonly string[]
  readonly oracles: readonly { readonly slot: number; readonly name: string; readonly url: string }[]
}

/** One run of a minute, as in the README; what can be seen of a network is looked at while it lasts. */
describe('ionet devnet --for 60s --json', function () {
  this.timeout(90_000)
  let devnet: RunningDevnet

  before(async () => {
    devnet = new RunningDevnet(PORT, ['--for', '60s', '--json'])
    await devnet.said('the first certified price is on chain', 60_000)
  })
  after(() => devnet.dispose())

  const page = async (): Promise<Page> => (await (await fetch(`${devnet.pageUrl}/page.json`)).json()) as Page

  it('runs each member as one process, and all of them under the same Node.js', function () {
    if (!CAN_LIST_PROCESSES) return this.skip()
    const programs = [...devnet.oracleNames, ...devnet.aggregatorNames, ...OTHERS].map(name => {
      const processes = devnet.processesOf(name)
      expect(processes, name).to.have.length(1)
      return programOf(processes[0]?.pid ?? 0)
    })
    expect(new Set(programs)).to.deep.equal(new Set([programOf(process.pid)]))
  })

  it('keeps every share of the group key in the memory of its own process, and nowhere else', async function () {
    if (!CAN_LIST_PROCESSES || !canReadMemoryOf(devnet.command.pid)) return this.skip()
    const shares = await Promise.all(devnet.oracleNames.map(name => readShare(devnet.dir, name)))
    const patterns = shares.flatMap(formsOf)
    const formsEach = patterns.length / shares.length
    for (const { pid, args } of devnet.processes()) {
      const { counts } = scanMemory(pid, patterns)
      const found = shares.map((_, slot) =>
        counts.slice(slot * formsEach, (slot + 1) * formsEach).reduce((sum, count) => sum + count, 0),
      )
      const own = devnet.oracleNames.findIndex(name => args.includes(join(devnet.dir, name, 'config.json')))
      const others = found.filter((_, slot) => slot !== own)
      expect(Math.max(...others), `others' shares in ${args.join(' ')}`).to.equal(0)
      // Its own is found, or else the search would prove nothing.
      if (own >= 0) expect(found[own], `its own share in oracle-${own}`).to.be.greaterThan(0)
    }
    for (const share of shares) share.fill(0)
  })

  it('keeps one share in the files of each node, and none in any other directory', () => {
    const keystores = filesUnder(devnet.dir).filter(file => /(^|\/)shares\/.*\.json$/.test(file))
    const owners = keystores.map(file => file.split('/')[0])
    expect(owners.sort()).to.deep.equal(devnet.oracleNames)
  })

  it('fits into 1.6 GB of memory with everything that belongs to it', function () {
    if (!CAN_LIST_PROCESSES) return this.skip()
    const sizes = devnet.processes().map(({ pid }) => proportionalMemoryOf(pid))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    expect(total).to.be.within(1, MAX_MEMORY_BYTES)
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
    expect(books.iosd).to.deep.equal({ minted, burned: 0n })
    expect(books.iosdSupply).to.equal(minted)
  })

  // Last: it waits for the end.
  it('ends by itself with exit code 0 and a summary that adds up, and leaves nothing running', async () => {
    // Everything is seen once while it runs, so that its absence afterwards means something.
    if (CAN_LIST_PROCESSES) expect(devnet.processes().length).to.be.greaterThan(9)
    expect(await devnet.command.ended, devnet.command.stderr()).to.equal(0)
    expect(devnet.remains()).to.deep.equal([])

    const summary = JSON.parse(devnet.command.stdout().trimEnd().split('\n').at(-1) ?? '')
    expect(summary).to.deep.include({ venues: 'simulated', oracles: 4, failedChecks: [] })
    expect(summary.certifiedReports).to.be.at.least(35)
    expect(summary.onChainUpdates).to.be.at.least(3)
    expect(summary.lastPriceUsd).to.match(/^\d+\.\d+$/)
    expect(summary.firstPriceMs).to.be.within(1, 20_000)
    const burned = BigInt(summary.burnedWei)
    expect(burned > 0n && BigInt(summary.iosdMintedWei) > 0n).to.equal(true)
    expect(BigInt(summary.totalSupplyWei)).to.equal(BigInt(summary.genesisWei) - burned)
  })
})

function deploymentOf(dir: string): { readonly contracts: Contracts } {
  return JSON.parse(readFileSync(join(dir, 'deployment.json'), 'utf8'))
}

/** Relative paths. */
function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
}

/** Opens the keystore of a node's share, as only that node does. */
async function readShare(dir: string, name: string): Promise<Uint8Array> {
  const shares = join(dir, name, 'data', 'shares')
  const keystores = readdirSync(shares).filter(file => file.endsWith('.json'))
  expect(keystores, `shares of ${name}`).to.have.length(1)
  const password = new Secret(readFileSync(join(dir, name, 'password'), 'utf8').trimEnd())
  return readKeystore(join(shares, keystores[0] ?? ''), password)
}
