import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { Browser, findBrowser } from '../../support/dashboard/browser.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'

async function simulate(...args: string[]) {
  const spawned = spawnNode('cli/ionet.ts', ['simulate', ...args])
  const exitCode = await spawned.ended
  return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

describe('ionet simulate', function () {
  this.timeout(120_000)
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-simulate-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('prints the years of the steady scenario and says where its files are', async () => {
    const { exitCode, stdout, stderr } = await simulate('--years', '1', '--out', dir)
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' })
    expect(stdout).to.match(/^steady: /)
    expect(stdout).to.match(/\n *1 +6,000,000 +6,000,000 /)
    for (const kind of ['csv', 'json', 'html']) {
      expect(stdout).to.include(`wrote ${join(dir, `steady.${kind}`)}\n`)
      expect(existsSync(join(dir, `steady.${kind}`))).to.equal(true)
    }
  })

  it('prints one JSON object and writes only what is asked for', async () => {
    const { exitCode, stdout } = await simulate(
      '--years',
      '1',
      '--json',
      '--csv',
      '--seed',
      '5',
      '--out',
      dir,
    )
    expect(exitCode).to.equal(0)
    const result = JSON.parse(stdout)
    expect(result).to.deep.include({ scenario: 'steady', files: [join(dir, 'steady.csv')] })
    expect(result.options).to.deep.equal({ years: 1, epochLengthSec: 3_600, seed: 5 })
    expect(result.totals.scheduled).to.equal('6000000000000000000000000')
    expect(readdirSync(dir)).to.deep.equal(['steady.csv'])
    expect(readFileSync(join(dir, 'steady.csv'), 'utf8').split('\n')).to.have.length(367)
  })

  it('settles missed epochs late with the same result, and says so', async () => {
    const { stdout } = await simulate('--years', '1', '--scenario', 'missed-epochs', '--csv', '--out', dir)
    expect(stdout).to.include('192 epochs were settled late, each with the same result as at once')
  })

  it('lists every problem of a scenario file and exits with 2, writing nothing', async () => {
    const file = join(dir, 'bad.json')
    const out = join(dir, 'out')
    writeFileSync(file, '{"about": "Bad.", "price": {"path": [{"day": 0, "usd": 2.5}]}}')
    const { exitCode, stdout, stderr } = await simulate('--scenario', file, '--out', out)
    expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
    for (const key of ['price.path.0.usd', 'suppliers', 'demand']) expect(stderr).to.include(`\n  ${key}: `)
    expect(existsSync(out)).to.equal(false)
  })

  it('finds out before the run that it cannot write, and says what to do, with exit code 2', async () => {
    const occupied = join(dir, 'occupied')
    writeFileSync(occupied, 'a file')
    const folder = join(dir, 'folder')
    mkdirSync(join(folder, 'steady.json'), { recursive: true })
    for (const [out, path, code] of [
      [occupied, occupied, 'EEXIST'],
      [join(occupied, 'below'), join(occupied, 'below'), 'ENOTDIR'],
      [folder, join(folder, 'steady.json'), 'EISDIR'],
    ] as const) {
      // A century takes about a minute.
      const { exitCode, stdout, stderr } = await simulate('--years', '100', '--out', out)
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' })
      expect(stderr).to.equal(
        `ionet: ${path} cannot be written (${code}): give a directory with --out in which you may create and replace files\n`,
      )
    }
    expect(readFileSync(occupied, 'utf8')).to.equal('a file')
    expect(readdirSync(folder), 'nothing is left of the look').to.deep.equal(['steady.json'])
  })

  it('answers an unknown scenario and a length that does not divide a year with exit code 2', async () => {
    expect(await simulate('--scenario', 'bliss')).to.include({ exitCode: 2 })
    const { exitCode, stderr } = await simulate('--epoch-length', '3500')
    expect(exitCode).to.equal(2)
    expect(stderr).to.include('that divide 365 days')
  })

  it('draws all plots in a browser, light and dark, and tells what is under the pointer', async function () {
    const command = findBrowser()
    if (command === undefined) {
      process.stderr.write('no Chromium here: the page of the simulation is not looked at\n')
      this.skip()
    }
    await simulate('--years', '1', '--html', '--out', dir)
    const browser = await Browser.launch(command)
    try {
      const url = pathToFileURL(join(dir, 'steady.html')).href
      for (const dark of [false, true]) {
        await browser.open(url, { width: 1_400, height: 900, dark })
        expect(await browser.evaluate('document.title')).to.equal('steady: ionet simulate')
        expect(await browser.evaluate("document.querySelectorAll('.uplot canvas').length")).to.equal(9)
        expect(await browser.evaluate("document.querySelectorAll('tbody tr').length")).to.equal(1)
      }
      expect(await browser.evaluate("document.querySelector('.when').textContent")).to.equal(
        'year 1, day 365',
      )
      const { left, top } = JSON.parse(
        String(
          await browser.evaluate("JSON.stringify(document.querySelector('.u-over').getBoundingClientRect())"),
        ),
      )
      await browser.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x: left + 1, y: top + 20 })
      await browser.until("document.querySelectorAll('.panel-head')[8].textContent.endsWith('day 1')", 5_000)
    } finally {
      await browser.close()
    }
  })
})
