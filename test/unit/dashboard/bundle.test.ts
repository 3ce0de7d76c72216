import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { build } from 'vite'
import { buildDashboard } from '../../../dashboard/build.ts'
import { refuseNodeModules } from '../../../dashboard/refuse-node-modules.ts'

/** What vite puts in place of a module of Node when nobody stops it. */
const STAND_IN = '__vite-browser-external'
/** Three times today's size: enough to notice when a wallet library or a schema library moves in. */
const MAX_SCRIPT_BYTES = 400_000

describe('the built page', function () {
  this.timeout(60_000)
  let folder: string
  let page: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ionet-page-'))
    page = join(folder, 'page')
    await buildDashboard(page)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const scripts = async () => {
    const assets = await readdir(join(page, 'assets'))
    const names = assets.filter(name => name.endsWith('.js'))
    return Promise.all(names.map(name => readFile(join(page, 'assets', name), 'utf8')))
  }

  it('has no module of Node in it, nor a stand-in for one', async () => {
    const found = await scripts()
    expect(found).to.have.length.greaterThan(0)
    for (const script of found) {
      expect(script).not.to.match(/["'`]node:/)
      expect(script).not.to.include(STAND_IN)
    }
  })

  it('loads nothing from other hosts', async () => {
    const html = await readFile(join(page, 'index.html'), 'utf8')
    expect(html).not.to.match(/(src|href)="(https?:)?\/\//)
  })

  it('stays small', async () => {
    const bytes = (await scripts()).reduce((sum, script) => sum + script.length, 0)
    expect(bytes).to.be.lessThan(MAX_SCRIPT_BYTES)
  })

  it('is left alone while it is newer than its sources, and built again when it is older', async () => {
    const index = join(page, 'index.html')
    const kept = (await stat(index)).mtimeMs
    await buildDashboard(page)
    expect((await stat(index)).mtimeMs).to.equal(kept)

    await utimes(index, 1, 1)
    await buildDashboard(page)
    expect((await stat(index)).mtimeMs).to.be.greaterThan(1_000)
    expect(await readdir(folder)).to.deep.equal(['page'])
  })

  it('cannot be built once something in it imports a module of Node', async () => {
    const entry = join(folder, 'entry.js')
    await writeFile(entry, "import { readFile } from 'node:fs/promises'\nglobalThis.read = readFile\n")
    const attempt = () =>
      build({
        configFile: false,
        root: folder,
        logLevel: 'silent',
        plugins: [refuseNodeModules()],
        build: { write: false, rolldownOptions: { input: entry } },
      })
    const failure = await attempt().then(
      () => 'built',
      (error: Error) => error.message,
    )
    await rm(entry)
    expect(failure).to.include('imports "node:fs/promises", which no browser has')
  })
})
