import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { spawnNode } from '../../support/runtime/spawned.ts'

const NETWORKS = new URL('../../../config/networks/', import.meta.url).pathname
const read = (name: string) => JSON.parse(readFileSync(join(NETWORKS, name), 'utf8'))

/** The plan for real money with every fault that a plan can have. */
function spoilt() {
  const sources = read('sources.mainnet.json')
  const leg = (pair: string) => sources.legs.find((one: { pair: string }) => one.pair === pair)
  sources.venues.push({ id: 'binanse', group: 'binanse' }, { id: 'okx', group: 'okx' })
  leg('IO/USDT').venues.push('gait')
  leg('IO/BTC').venues.push('binance')
  leg('IO/USD').minSources = 5
  leg('USDC/USD').frozenMs = 100
  leg('IO/KRW').peg = { bandBps: 200 }
  leg('BTC/USD').staleMs = '10 s'
  sources.legs.push(leg('USDT/KRW'), { ...leg('BTC/USDT'), pair: 'USDT/BTC' })
  sources.routes.push(
    ['IO/USDT', 'USTD/USD'],
    ['IO/KRW', 'USDT/KRW'],
    ['IO/BTC', 'BTC/USDT', 'USDT/BTC', 'BTC/USD'],
    ['IO/BTC', 'USDC/USD'],
    ['IO/USD'],
  )
  return sources
}

const PROBLEMS = [
  'venues.21.id: there is no adapter for binanse; did you mean binance?',
  'venues.22.id: the venue okx is listed twice',
  'legs.0.venues.12: there is no venue gait in sources.venues; did you mean gate?',
  'legs.3.frozenMs: 100 is below staleMs (10000), but what arrived last has changed before',
  'legs.4.venues.4: the venue binance is listed twice',
  'legs.5.staleMs: Invalid input: expected number, received string',
  'legs.7.peg: IO/KRW is not in USD: a peg belongs to the leg IO/USD',
  'legs.9.minSources: IO/USD needs 5 independent sources but has 4',
  'legs.10.pair: the leg USDT/KRW is listed twice',
  'legs.11.pair: USDT/BTC is BTC/USDT the other way round, and routes take either way',
  'routes.6.1: there is no leg USTD/USD in sources.legs; did you mean USDT/USD?',
  'routes.7: IO →IO/KRW→ KRW →1/(USDT/KRW)→ USDT: ends in USDT, not in USD',
  'routes.8.2: IO →IO/BTC→ BTC →BTC/USDT→ USDT →USDT/BTC→ BTC: comes back to BTC',
  'routes.9.1: IO →IO/BTC→ BTC: USDC/USD neither begins nor ends with BTC',
  'routes.10: the route IO/USD is listed twice',
]

describe('ionet oracle with a bad plan of sources', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-sources-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  /** Runs `ionet oracle` on the plan to its end. */
  async function oracle(sources: unknown) {
    const network = { ...read('mainnet.example.json'), sources: 'sources.json' }
    writeFileSync(join(dir, 'sources.json'), JSON.stringify(sources))
    writeFileSync(join(dir, 'network.json'), JSON.stringify(network))
    writeFileSync(join(dir, 'oracle.json'), JSON.stringify({ network: 'network.json' }))
    const spawned = spawnNode('cli/ionet.ts', ['oracle', '--config', join(dir, 'oracle.json')])
    const exitCode = await spawned.ended
    const key = '  network.sources.'
    const lines = spawned.stderr().split('\n')
    return {
      exitCode,
      stdout: spawned.stdout(),
      told: lines.flatMap(line => (line.startsWith(key) ? [line.slice(key.length)] : [])),
      stack: lines.filter(line => line.startsWith('    at ')),
    }
  }

  it('lists every problem under its key, with the way a route goes, and ends with 2', async () => {
    const { told, ...others } = await oracle(spoilt())
    expect(told).to.have.members(PROBLEMS)
    expect(others).to.deep.equal({ exitCode: 2, stdout: '', stack: [] })
  })

  it('refuses a plan of another feed than the network has', async () => {
    const text = JSON.stringify(read('sources.mainnet.json')).replaceAll('"IO/', '"TAO/')
    expect(await oracle(JSON.parse(text))).to.deep.equal({
      exitCode: 2,
      stdout: '',
      told: ["feed: TAO/USD is not the network's feed, IO/USD"],
      stack: [],
    })
  })
})
