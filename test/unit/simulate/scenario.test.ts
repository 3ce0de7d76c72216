import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { scenarioSchema } from '../../../cli/simulate/scenario.ts'
import { loadScenario, scenarioNames } from '../../../cli/simulate/scenario-file.ts'
import { ConfigError } from '../../../config/error.ts'
import { ONE } from '../../../protocol/units.ts'
import { aScenario } from '../../support/simulate/a-scenario.ts'

const README = readFileSync(new URL('../../../cli/simulate/README.md', import.meta.url), 'utf8')

describe('scenarios', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ionet-scenario-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  /** Key paths of all problems of a file. */
  function problemsOf(content: unknown): string[] {
    const file = join(dir, 'bad.json')
    writeFileSync(file, JSON.stringify(content))
    try {
      loadScenario(file)
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ path }) => path)
      throw error
    }
    return []
  }

  it('that come with the program can all be read, and say what they are about', () => {
    expect(scenarioNames()).to.include.members([
      'boom',
      'burn-storm',
      'crash',
      'missed-epochs',
      'no-usage',
      'oracle-halt',
      'price-to-zero',
      'steady',
    ])
    for (const name of scenarioNames()) expect(loadScenario(name)).to.include({ name })
  })

  it('are read exactly: money is text and becomes wei', () => {
    const file = join(dir, 'mine.json')
    writeFileSync(file, JSON.stringify({ ...aScenario(), genesis: '0.000000000000000001' }))
    const { name, scenario } = loadScenario(file)
    expect(name).to.equal('mine')
    expect(scenario.genesis).to.equal(1n)
    expect(scenario.price.path).to.deep.equal([{ day: 0, value: 2n * ONE }])
    expect(scenario.parameters).to.include({ hireTaxBps: 500, hiredBps: 7_000, feeBps: 200 })
  })

  it('have all their problems listed at once, each with its key', () => {
    const bad = {
      about: '',
      price: { path: [{ day: 1, usd: 2.5 }], volatility: 3 },
      suppliers: { path: [{ day: 0, gpus: -1 }] },
      demand: {
        hires: [{ day: 0, usdPerDay: 'x' }],
        payments: [],
        burns: [
          { day: 0, usdPerDay: '1' },
          { day: 0, usdPerDay: '1' },
        ],
      },
      parameters: { hireTaxBps: 100 },
      settlementOutages: [{ fromDay: 1, days: 31 }],
      oracleHalt: [],
    }
    expect(problemsOf(bad)).to.have.members([
      'about',
      'price.path.0.usd',
      'price.path.0.day',
      'price',
      'suppliers.path.0.gpus',
      'demand.hires.0.usdPerDay',
      'demand.payments',
      'demand.burns.1.day',
      'parameters',
      'settlementOutages.0.days',
      '',
    ])
  })

  it('may not ask for a price that no report can carry', () => {
    const price = { path: [{ day: 0, usd: '1208926' }] }
    expect(problemsOf({ ...aScenario(), price })).to.deep.equal(['price.path.0.usd'])
  })

  it('may not chain outages into one that is longer than any may be', () => {
    const withOutages = (...fromDays: number[]) =>
      problemsOf({
        ...aScenario(),
        settlementOutages: fromDays.map(fromDay => ({ fromDay, days: 30 })),
      })
    expect(withOutages(10, 41, 72)).to.deep.equal([])
    expect(withOutages(10, 40, 71)).to.deep.equal(['settlementOutages.1.fromDay'])
    expect(withOutages(50, 10)).to.deep.equal(['settlementOutages.1.fromDay'])
  })

  it('are answered with all names when there is none of this name', () => {
    expect(() => loadScenario('stedy')).to.throw(/no scenario "stedy": there are boom, .*steady/)
  })

  it('are described: the README names every scenario and every key', () => {
    for (const name of scenarioNames()) expect(README).to.include(`\`${name}\``)
    const keys = keysOf(z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' }))
    expect(keys).to.include.members(['about', 'usdPerDay', 'soldPerDayBps', 'fromDay'])
    for (const key of keys) expect(README, key).to.match(new RegExp(`[\`.]${key}[\`.]`))
  })
})

/** Names of all properties at any depth; `$schema` is for editors. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = 'properties' in schema ? Object.keys(schema.properties ?? {}) : []
  const inside = Object.values(schema).flatMap(keysOf)
  return [...own, ...inside].filter(key => key !== '$schema')
}
