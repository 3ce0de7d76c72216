import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { buildDashboard } from '../../../dashboard/build.ts'
import { ONE } from '../../../protocol/units.ts'
import { Browser, findBrowser } from '../../support/dashboard/browser.ts'
import { PageServer } from '../../support/dashboard/page-server.ts'

const WITHIN_MS = 15_000
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
