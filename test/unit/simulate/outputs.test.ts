import { expect } from 'chai'
import { csvOf } from '../../../cli/simulate/output-csv.ts'
import { documentOf, jsonOf } from '../../../cli/simulate/output-json.ts'
import { pageOf } from '../../../cli/simulate/output-page.ts'
import { exact, percent, tableOf, whole } from '../../../cli/simulate/output-table.ts'
import { type Simulation, simulate } from '../../../cli/simulate/run.ts'
import { ONE, parseDecimal } from '../../../protocol/units.ts'
import { readScenario } from '../../support/simulate/a-scenario.ts'

const OPTIONS = { years: 1, epochLengthSec: 3_600, seed: 1 }

describe('what a simulation writes', function () {
  this.timeout(60_000)
  const about = 'Ends </script><script>alert(1)</script> nowhere.'
  const named = { name: 'mine', scenario: readScenario({ about }) }
  let simulation: Simulation
  before(() => {
    simulation = simulate(named.scenario, OPTIONS)
  })

  it('is a table whose years can be compared to the wei', () => {
    const [head = '', , first = ''] = tableOf(simulation.years).split('\n')
    expect(head.trim().split(/ {2,}/).slice(0, 3)).to.deep.equal(['year', 'scheduled', 'together'])
    expect(first.trim().split(/ {2,}/).slice(0, 3)).to.deep.equal(['1', '6,000,000', '6,000,000'])
    expect(exact(6_000_000n * ONE + 1n)).to.equal('6,000,000.000000000000000001')
    expect(whole(1_234_567n * ONE - 1n)).to.equal('1,234,566')
    expect(percent({ paid: 1n, claimed: 3n })).to.equal('33.3 %')
  })

  it('is a CSV with a line a day that adds up to the wei', () => {
    const [header = '', ...lines] = csvOf(simulation.periods).trimEnd().split('\n')
    expect(lines).to.have.length(365)
    const columns = header.split(',')
    for (const line of lines) expect(line.split(',')).to.have.length(columns.length)
    for (const flow of ['scheduled', 'burned', 'net', 'hiresPaid'] as const) {
      const at = columns.indexOf(flow)
      const sum = lines.reduce((total, line) => total + parseDecimal(line.split(',')[at] ?? ''), 0n)
      expect(sum, flow).to.equal(simulation.totals[flow])
    }
  })

  it('is a JSON document with wei as digits', () => {
    const document = JSON.parse(jsonOf(documentOf(named, OPTIONS, simulation)))
    expect(document).to.include({ scenario: 'mine', about, epochs: 8_760, digest: simulation.digest })
    expect(document.years[0].flows.scheduled).to.equal('6000000000000000000000000')
    expect(document).to.not.have.property('periods')
  })

  it('is a page that fetches nothing and that no scenario can break out of', () => {
    const page = pageOf(named, OPTIONS, simulation)
    expect(page).to.include("default-src 'none'")
    expect(page).to.not.match(/(src|href)\s*=\s*["']/)
    expect(page.match(/<\/script>/g)).to.have.length(3)
    const [, json = ''] = /<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page) ?? []
    const data = JSON.parse(json)
    expect(data).to.include({ name: 'mine', about, maximum: '22300000' })
    expect(data.days).to.have.length(365)
    expect(data.years[0].slice(0, 3)).to.deep.equal(['1', '6,000,000', '6,000,000'])
  })
})
