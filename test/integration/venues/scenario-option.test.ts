import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

const SHIPPED = resolve(import.meta.dirname, '../../../devnet/venues/scenarios/flash-crash.json')

describe('ionet venues --scenario', function () {
  this.timeout(30_000)
  let dir: string
  let config: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-venues-'))
    config = join(dir, 'venues.json')
    writeFileSync(config, JSON.stringify({ http: { port: 0 }, seed: 3 }))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('begins with the scenario of the file', async () => {
    const venues = spawnNode('cli/ionet.ts', ['venues', '--config', config, '--scenario', SHIPPED])
    await venues.printed('"IO":-5000')
    venues.process.kill('SIGTERM')
    expect(await venues.ended).to.equal(0)
  })

  it('lists everything that is wrong with the file, and starts nothing', async () => {
    const bad = join(dir, 'bad.json')
    const steps = [{ atMs: 0, venue: 'mtgox', ws: 'loud' }, { rest: 'ok' }]
    writeFileSync(bad, JSON.stringify({ name: 'other', about: 'wrong', steps }))
    const venues = spawnNode('cli/ionet.ts', ['venues', '--config', config, '--scenario', bad])
    expect(await venues.ended).to.equal(2)
    for (const key of ['steps.0.venue', 'steps.0.ws', 'steps.1.atMs']) expect(venues.stderr()).to.include(key)
    expect(venues.stdout()).to.equal('')
  })
})
