import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildDashboard } from '../../../dashboard/build.ts'
import { ONE } from '../../../protocol/units.ts'
import { Browser, findBrowser } from '../../support/dashboard/browser.ts'
import { WORKERS } from '../../support/dashboard/economy.ts'
import { PageServer } from '../../support/dashboard/page-server.ts'

const WITHIN_MS = 15_000
const MILLI = ONE / 1_000n
/** Whitespace on the page is layout. */
const says = (text: string) =>
  `document.body.innerText.replace(/\\s+/g, ' ').includes(${JSON.stringify(text)})`
const click = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).click()`
/** The newest whole second, as a round. */
const currentRound = () => Math.floor(Date.now() / 1000) * 10
const around = (milliUsd: bigint) => [-1n, 0n, 0n, 2n].map(offset => (milliUsd + offset) * 10n ** 15n)

describe('the page in a browser', function () {
  this.timeout(90_000)
  let folder: string
  let browser: Browser
  let server: PageServer

  before(async function () {
    const command = findBrowser()
    if (command === undefined) return this.skip()
    folder = await mkdtemp(join(tmpdir(), 'ionet-page-'))
    await buildDashboard(join(folder, 'page'))
    browser = await Browser.launch(command)
  })
  after(async () => {
    await browser?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  const open = async () => {
    await browser.open(server.url, { width: 1280, height: 800, dark: true })
    await browser.until(says('following'), WITHIN_MS)
  }
  beforeEach(async () => {
    server = new PageServer(join(folder, 'page'), { nodes: 4, venues: 'simulated' })
    await server.start()
  })
  afterEach(() => server.stop())

  it('waits visibly for the first certified price and shows it when it comes', async () => {
    await open()
    await browser.until(says('waiting for the first certified price'), WITHIN_MS)
    await browser.until(says('simulated venues'), WITHIN_MS)
    await browser.until(says('nothing has been burned yet'), WITHIN_MS)
    server.certify(currentRound(), around(2_411n))
    await browser.until(says('2.41100'), WITHIN_MS)
    await browser.until("document.querySelector('.plot canvas') !== null", WITHIN_MS)
    expect(await browser.evaluate(says('waiting for'))).to.equal(false)
  })

  it('goes on with the second aggregator when the first is gone, and loses no round', async () => {
    const round = currentRound()
    server.certify(round - 20, around(2_001n))
    await open()
    await browser.until(says('2.00100'), WITHIN_MS)
    await server.stopAggregator(0)
    server.certify(round - 10, around(2_002n))
    await browser.until(says('aggregator-0 unreachable'), WITHIN_MS)
    await browser.until(says('aggregator-1 following'), WITHIN_MS)
    server.certify(round, around(2_003n))
    for (const price of ['2.00100', '2.00200', '2.00300']) await browser.until(says(price), WITHIN_MS)
  })

  it('verifies a report from its quotes to the key that the registry holds', async () => {
    server.certify(currentRound(), around(2_411n))
    await open()
    await browser.until(says('block 100'), WITHIN_MS)
    await browser.until(says('2.41100'), WITHIN_MS)
    await browser.evaluate(click('.rounds button'))
    await browser.until("document.querySelectorAll('.verdict .good').length === 4", WITHIN_MS)
  })

  it('says which claim fails when a report is forged', async () => {
    const round = currentRound()
    const { certificate } = server.network.certify(round - 10, around(2_000n))
    server.certify(round, around(2_411n), { certificate })
    await open()
    await browser.until(says('2.41100'), WITHIN_MS)
    await browser.evaluate(click('.rounds button'))
    await browser.until(
      "document.querySelector('.verdict .bad')?.parentElement.innerText.includes('the group signature')",
      WITHIN_MS,
    )
  })

  it('shows burns with a tick only where IOSD is IO times price to the last wei', async () => {
    server.certify(currentRound(), around(2_411n))
    server.update()
    server.burn(3n * ONE + 1n)
    server.burn(5n * ONE, 1n)
    await open()
    await browser.until("document.querySelectorAll('.burns tbody tr').length === 2", WITHIN_MS)
    const marks = await browser.evaluate(
      "[...document.querySelectorAll('.burns tbody b')].map(mark => mark.innerText)",
    )
    expect(marks).to.deep.equal(['✗', '✓'])
    await browser.until(says('11,999,991.99'), WITHIN_MS)
  })
})

/** What one epoch of the tests moves. */
const MOVED = {
  scheduled: 7_610n * MILLI,
  net: 41n * MILLI,
  hired: 1_500n * MILLI,
  availability: 4_200n * MILLI,
  debitIo: 1_330n * MILLI,
  debitIosd: 2_310n * MILLI,
}

describe('the page of epochs in a browser', function () {
  this.timeout(90_000)
  let folder: string
  let browser: Browser
  let server: PageServer

  before(async function () {
    const command = findBrowser()
    if (command === undefined) return this.skip()
    folder = await mkdtemp(join(tmpdir(), 'ionet-page-'))
    await buildDashboard(join(folder, 'page'))
    browser = await Browser.launch(command)
  })
  after(async () => {
    await browser?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    const options = { nodes: 4, venues: 'simulated', economy: true, startedSec: 90 } as const
    server = new PageServer(join(folder, 'page'), options)
    await server.start()
  })
  afterEach(() => server.stop())

  const open = () => browser.open(`${server.url}/#epochs`, { width: 1280, height: 800, dark: false })

  it('shows the epoch that runs and the life of those before it', async () => {
    server.settle(MOVED)
    server.epochs.unshift(server.openEpoch(1))
    await open()
    await browser.until(says('Epoch 2'), WITHIN_MS)
    await browser.until(says('1 open'), WITHIN_MS)
    await browser.until(says('0 final 7.61 + 0.04 1.50 4.20 1.33 IO 2.31 IOSD 211 of 214'), WITHIN_MS)
    expect(await browser.evaluate("document.querySelectorAll('.station-current').length")).to.equal(2)
    server.epochs[0] = { ...server.openEpoch(1), phase: 'sealed' }
    await browser.until(says('1 sealed'), WITHIN_MS)
  })

  it('says where supply comes from and that it adds up, until a wei is missing', async () => {
    server.settle(MOVED)
    await open()
    await browser.until(says('12,000,007.65'), WITHIN_MS)
    await browser.until(says('adds up to the wei'), WITHIN_MS)
    if (server.economy !== null) server.economy.reserve -= 1n
    await browser.until(says('scheduled + net + IO spent = posted + reserve off by 1 wei'), WITHIN_MS)
    expect(await browser.evaluate(says('adds up'))).to.equal(false)
  })

  it('marks an epoch whose figures are not those of the chain', async () => {
    server.settle(MOVED)
    server.settle(MOVED, { hiredPaidWei: '1' })
    await open()
    await browser.until("document.querySelectorAll('.epoch .good').length === 1", WITHIN_MS)
    const said = await browser.evaluate("document.querySelector('.epoch .narrow .bad').title")
    expect(said).to.equal('the chain says another hiredPaid')
  })

  it('shows who refused and why, as text', async () => {
    const text = '<img src=x onerror=alert(1)> is not the root'
    server.settle(MOVED, {
      attempt: 1,
      certificate: 'quorum',
      refusals: [{ slot: 2, code: 'REWARD_ROOT', text }],
    })
    await open()
    await browser.until(says(`2 REWARD_ROOT ${text}`), WITHIN_MS)
    await browser.until(says('attempt 2'), WITHIN_MS)
    await browser.until(says('identities'), WITHIN_MS)
    expect(await browser.evaluate("document.querySelectorAll('.refusals img').length")).to.equal(0)
  })

  it('shows what workers, an owner and a gateway earned and claimed, and verifies it', async () => {
    server.settle(MOVED)
    for (const worker of WORKERS.slice(0, 1)) server.claim(worker)
    await open()
    await browser.until(says('0xd1d1…d1d1 worker 1 1,208 412 3.60 3.60'), WITHIN_MS)
    await browser.until(says('model owner – – – 0.19 0.00'), WITHIN_MS)
    await browser.until(says('gateway – – – 0.06 0.00'), WITHIN_MS)
    await browser.evaluate(click('.earners button'))
    await browser.until("document.querySelectorAll('.verdict .good').length === 2", WITHIN_MS)
    await browser.until("document.querySelectorAll('.bars li').length === 1", WITHIN_MS)
  })

  it('falls back on the chain when the relayer is gone, and on the relayer when it is back', async () => {
    await server.stopRelayer()
    server.settle(MOVED)
    await open()
    await browser.until(says('the relayer does not answer'), WITHIN_MS)
    await browser.until(says('0 active chain only 7.61 + 0.04 1.50 4.20'), WITHIN_MS)
    await server.startRelayer()
    await browser.until(says('0 final'), WITHIN_MS)
  })

  it('leaves out what a relayer sends in another shape, and says so', async () => {
    server.settle(MOVED)
    server.epochs.unshift({ ...server.openEpoch(1), phase: 'done' })
    await open()
    await browser.until(says('1 refused'), WITHIN_MS)
    await browser.until(says('0 final'), WITHIN_MS)
  })

  it('is one click away from the prices', async () => {
    server.certify(currentRound(), around(2_411n))
    await browser.open(server.url, { width: 1280, height: 800, dark: true })
    await browser.until(says('2.41100'), WITHIN_MS)
    await browser.evaluate(click('.tab:nth-child(2)'))
    await browser.until(says('no epoch has been heard of yet'), WITHIN_MS)
    expect(await browser.evaluate('location.hash')).to.equal('#epochs')
    await browser.evaluate(click('.tab:nth-child(1)'))
    await browser.until(says('2.41100'), WITHIN_MS)
  })
})
