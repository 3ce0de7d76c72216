import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import section from '../../../config/networks/sources.io-usd.json' with { type: 'json' }
import { sourcesSchema, toSourcePlan } from '../../../config/sources.ts'
import { aggregateSources } from '../../../protocol/sources/aggregate.ts'
import { committedValues } from '../../../protocol/sources/commitment.ts'
import { decodeQuoteTrace } from '../../../protocol/sources/quote-trace.ts'
import { PriceNetwork } from '../../support/members/price-network.ts'
import { spawnNode } from '../../support/runtime/spawned.ts'
import type { TestProcess } from '../../support/settlement/processes.ts'

const LONG_MS = 60_000

/** A key needs two. */
const MEMBERS = 2

/** A whole network of processes, on a chain, with simulated venues; one of its nodes is asked over HTTP, as anybody may. */
describe('an oracle node', function () {
  this.timeout(120_000)
  let network: PriceNetwork
  let trust: readonly string[]
  /** A quote of its first life, as it was served then. */
  let first: { readonly round: number; readonly body: string }

  before(async () => {
    network = await PriceNetwork.start(MEMBERS, 0)
    const file = (name: string) => join(network.dir, name)
    trust = [
      '--network',
      file('devnet.json'),
      '--deployment',
      file('deployment.json'),
      '--rpc',
      network.rpcUrl,
    ]
  })
  after(() => network?.stop())

  const node = (): TestProcess => network.oracle(0)
  const served = async (round: number) => {
    const response = await fetch(`${node().file.url}/v1/rounds/${round}/trace`)
    return { status: response.status, body: await response.text() }
  }
  /** The newest quote once its trace is there: the trace is written after the quote has left. */
  const newest = (after = 0) =>
    node().eventually('a trace of a quote', LONG_MS, async () => {
      const status = await node().get<{ lastQuote: { round: number } | null }>('/v1/status')
      const round = status?.lastQuote?.round ?? 0
      if (round <= after) return false
      const { status: code, body } = await served(round)
      return code === 200 && { round, body }
    })
  const verify = async (source: string, input = '') => {
    const spawned = spawnNode('cli/ionet.ts', ['verify', 'quote', source, ...trust])
    spawned.process.stdin.end(input)
    const exitCode = await spawned.ended
    const lines = spawned.stdout().trimEnd().split('\n')
    return { exitCode, lines, stderr: spawned.stderr() }
  }

  it('serves traces by which a stranger comes to the same quotes', async () => {
    first = await newest()
    const { exitCode, lines, stderr } = await verify(`${node().file.url}/v1/rounds/${first.round}/trace`)
    expect({ exitCode, stderr }, lines.join('\n')).to.deep.equal({ exitCode: 0, stderr: '' })
    expect(lines.filter(line => line.startsWith('  ✓'))).to.have.length(10)
    expect(lines.at(-1)).to.match(
      new RegExp(`^round ${first.round}: \\$\\d\\.\\d+, give or take \\d+ bps: follows from its trace$`),
    )
  })

  it('serves no trace that could be changed by a byte', async () => {
    const { values, nowMs } = decodeQuoteTrace(JSON.parse(first.body)).trace
    const plan = toSourcePlan(sourcesSchema.parse(section))
    const taking = committedValues(aggregateSources(values, plan, nowMs))
    expect(taking.length).to.be.above(10)
    const { venue, pair } = taking[0] ?? { venue: '', pair: '' }
    const at = first.body.indexOf(`{"venue":"${venue}","pair":"${pair}"`)
    const changes: readonly (readonly [string, RegExp])[] = [
      ['a digit of a price', /"last":"\d+\.\d*?(\d)"/],
      ['a digit of a time', /"receivedAtMs":\d+?(\d)[,}]/],
      ['a letter of a name', /"venue":"\w*?(\w)"/],
    ]
    for (const [what, pattern] of changes) {
      const spoilt = spoil(first.body, at, pattern)
      expect(differences(first.body, spoilt), what).to.equal(1)
      const file = join(network.dir, 'spoilt.json')
      writeFileSync(file, spoilt)
      const { exitCode, lines } = await verify(file)
      expect(exitCode, what).to.equal(1)
      const root = '0x[0-9a-f]{64}'
      expect(lines.join('\n')).to.match(
        new RegExp(`\\n {2}✗ sources +the root ${root} comes out, its quote says the root ${root}\\n`),
      )
      expect(lines.at(-1), what).to.match(
        /^DO NOT BELIEVE IT: (PRICE|CONFIDENCE|SOURCES)_DIFFERS?: .+ comes out, its quote says .+$/,
      )
    }
  })

  it('says that a coin has lost its peg, in its status, metrics and log', async () => {
    const gauge = async () => {
      const text = await (await fetch(`${node().file.url}/metrics`)).text()
      return text.split('\n').filter(line => line.startsWith('ionet_source_depegged{'))
    }
    expect(await gauge()).to.deep.equal([
      'ionet_source_depegged{pair="USDT/USD"} 0',
      'ionet_source_depegged{pair="USDC/USD"} 0',
    ])
    await network.controlVenues({ assetMoveBps: { USDC: -1_200 } })
    const feed = await node().eventually('a lost peg', LONG_MS, async () => {
      const { feed: told } = await network.status(0)
      return told.price !== null && told.pegs.some(({ isLost }) => isLost === true) && told
    })
    expect(feed.abstains).to.equal(null)
    const lost = feed.pegs.find(({ pair }) => pair === 'USDC/USD')
    expect(lost).to.deep.include({ bandBps: 200, isLost: true })
    expect(Number(lost?.price)).to.be.closeTo(0.88, 0.01)
    expect(feed.pegs.find(({ pair }) => pair === 'USDT/USD')).to.deep.include({ isLost: false })
    expect(feed.routes).to.deep.include({
      ...{ path: 'IO/USDC × USDC/USD', dropped: 'DEPEGGED', pair: 'USDC/USD' },
    })
    await node().eventually('the metric', LONG_MS, async () =>
      (await gauge()).includes('ionet_source_depegged{pair="USDC/USD"} 1'),
    )
    const said = await node().eventually('a line in the log', LONG_MS, async () => {
      const lines = node().log().split('\n').slice(0, -1)
      const found = lines.filter(line => line.includes('has left its band'))
      return found.length > 0 && found
    })
    expect(said).to.have.length(1)
    expect(JSON.parse(said[0] ?? '')).to.deep.include({ level: 'warn', pair: 'USDC/USD', bandBps: 200 })
    await network.controlVenues({ assetMoveBps: { USDC: 0 } })
  })

  it('serves the same traces after it was killed', async () => {
    const last = await newest()
    await node().stop('SIGKILL')
    network.startOracle(0)
    const next = await newest(last.round)
    for (const { round, body } of [first, last]) {
      expect(await served(round), `round ${round}`).to.deep.equal({ status: 200, body })
    }
    for (const { body } of [first, next]) expect((await verify('-', body)).exitCode).to.equal(0)
  })
})

/** Changes the character that is caught of the first match behind a place, and nothing else. */
function spoil(text: string, from: number, pattern: RegExp): string {
  const match = pattern.exec(text.slice(from))
  if (match === null) throw new Error(`there is no ${pattern}`)
  const at = from + match.index + match[0].lastIndexOf(match[1] ?? '')
  const was = text[at] ?? ''
  const other = /\d/.test(was) ? (Number(was) + 1) % 10 : was === 'e' ? 'f' : 'e'
  return `${text.slice(0, at)}${other}${text.slice(at + 1)}`
}

function differences(a: string, b: string): number {
  return a.length === b.length ? [...a].filter((character, at) => character !== b[at]).length : Number.NaN
}
