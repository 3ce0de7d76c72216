import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { createVenueSimulator, type VenueSimulator } from '../../../devnet/venues/simulator.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'
import { ROOT, spawnNode } from '../../support/runtime/spawned.ts'

/** Runs `ionet doctor venues` to its end. */
async function doctor(...args: string[]) {
  const spawned = spawnNode('cli/ionet.ts', ['doctor', 'venues', ...args])
  const exitCode = await spawned.ended
  return { exitCode, stdout: spawned.stdout(), stderr: spawned.stderr() }
}

describe('ionet doctor venues', function () {
  this.timeout(60_000)
  let directory: TemporaryDirectory
  let simulator: VenueSimulator
  let from: string[]
  before(async () => {
    directory = temporaryDirectory()
    simulator = createVenueSimulator({
      ...{ host: '127.0.0.1', port: 0, seed: 'doctor' },
      ...{ clock: systemClock, logger: silentLogger },
    })
    await simulator.start(new AbortController().signal)
    const network = join(ROOT, 'config/networks/devnet.json')
    from = ['--network', network, '--endpoint', `http://127.0.0.1:${simulator.port}`]
  })
  after(async () => {
    await simulator?.stop()
    directory.remove()
  })

  it('shows every venue and every value, and ends with 0 when a node would sign', async () => {
    const { exitCode, stdout, stderr } = await doctor(...from)
    expect(exitCode, stdout + stderr).to.equal(0)
    expect(stdout).to.match(/^VENUE +REST +STREAM +CLOCK +PAIRS/)
    for (const venue of ['binance', 'kraken']) expect(stdout).to.match(new RegExp(`^${venue} +\\d+ ms`, 'm'))
    expect(stdout).to.match(
      /a node would sign IO\/USD at \d+\.\d+ ± \d+ bps, with at least 3 independent sources\n$/,
    )
    expect(stderr).to.equal('')
  })

  it('ends with 1 when a node would abstain, and says why; as JSON, too', async () => {
    for (const venue of ['kraken', 'coinbase'] as const) {
      simulator.control({ venue, ws: 'closed', rest: 'refused' })
    }
    simulator.control({ venue: 'bybit', priceOffsetBps: 3_500 })
    const { exitCode, stdout } = await doctor(...from, '--wait', '8s', '--json')
    simulator.control({ venue: '*', ws: 'ok', rest: 'ok', priceOffsetBps: 0 })
    expect(exitCode).to.equal(1)
    const told = JSON.parse(stdout)
    expect(told.verdict).to.deep.include({ signs: false, reason: 'TOO_FEW_SOURCES', pair: 'USDT/USD' })
    const of = (venue: string) => told.venues.find((row: { venue: string }) => row.venue === venue)
    expect(of('kraken')).to.deep.include({ reachable: false, problem: 'NETWORK', restMs: null })
    expect(of('binance')).to.deep.include({ reachable: true, problem: null, notListed: [] })
    const value = told.values.find(
      (row: { venue: string; pair: string }) => row.venue === 'bybit' && row.pair === 'IO/USDT',
    )
    expect(value).to.include({ verdict: 'OUT_OF_BAND' })
  })

  it('ends with 2 for wrong input, before it asks anybody', async () => {
    const callsOf = () => simulator.report().binance.restCalls
    const before = callsOf()
    expect(await doctor()).to.deep.equal({
      ...{ exitCode: 2, stdout: '' },
      stderr: 'ionet: give either --config FILE, of an oracle node, or --network FILE\n',
    })
    const network = join(directory.path, 'network.json')
    writeFileSync(network, JSON.stringify({ name: 'x', roundMs: 1_000, sources: { feed: 'IO/USD' } }))
    const wrong = await doctor('--network', network)
    expect(wrong.exitCode).to.equal(2)
    for (const key of ['collectMs', 'backupMs', 'sources.venues', 'sources.legs', 'sources.routes']) {
      expect(wrong.stderr).to.include(`  ${key}: `)
    }
    expect(callsOf()).to.equal(before)
  })
})
