import { expect } from 'chai'
import { chartData } from '../../../dashboard/src/model/chart-data.ts'
import {
  offsetTenths,
  shown,
  shownAge,
  shownHex,
  shownPrice,
  shownTenths,
} from '../../../dashboard/src/model/format.ts'
import { nodeRows } from '../../../dashboard/src/model/nodes.ts'
import { parseReport } from '../../../dashboard/src/model/report.ts'
import { parseDecimal } from '../../../protocol/units.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import { TestNetwork } from '../../support/dashboard/test-network.ts'

const config = aConfig()
const network = new TestNetwork(4, { chainId: config.chainId, registry: config.contracts.oracleRegistry })
const START = 17_953_620_640
const certified = (index: number, prices: (string | null)[]) =>
  parseReport(
    network.certify(
      START + index * 10,
      prices.map(price => (price === null ? null : parseDecimal(price))),
    ),
  )

describe('numbers on the page', () => {
  it('are cut, never rounded up, and grouped', () => {
    expect(shown(parseDecimal('22299999.999999'), 2)).to.equal('22,299,999.99')
    expect(shown(parseDecimal('1234'), 0)).to.equal('1,234')
    expect(shown(1n, 18)).to.equal('0.000000000000000001')
    expect(shown(0n, 2)).to.equal('0.00')
  })

  it('show a price to a tenth of a basis point, whatever its size', () => {
    expect(shownPrice(parseDecimal('2.4111599'))).to.equal('2.41115')
    expect(shownPrice(parseDecimal('64123.4567'))).to.equal('64,123.45')
    expect(shownPrice(parseDecimal('0.00012345678'))).to.equal('0.000123456')
  })

  it('give offsets in tenths of a basis point, with their sign', () => {
    expect(shownTenths(offsetTenths(parseDecimal('2.0005'), parseDecimal('2')))).to.equal('+2.5')
    expect(shownTenths(offsetTenths(parseDecimal('1.9999'), parseDecimal('2')))).to.equal('−0.5')
    expect(shownTenths(0n)).to.equal('0.0')
    expect(offsetTenths(5n, 0n)).to.equal(0n)
  })

  it('give ages in the largest unit that still moves', () => {
    expect([-5, 400, 12_300, 119_999, 180_000, 7_200_000].map(shownAge)).to.deep.equal([
      '0.0 s',
      '0.4 s',
      '12 s',
      '119 s',
      '3 min',
      '2 h',
    ])
  })

  it('shorten addresses', () => {
    expect(shownHex('0x15e5aaaaaaaaaac5fd')).to.equal('0x15e5…c5fd')
  })
})

describe('the table of nodes', () => {
  it('has a row for every node, also for one that was never heard', () => {
    const reports = [
      certified(1, ['2.002', '2.001', '2.000', null]),
      certified(0, ['2.1', '2.1', '2.1', null]),
    ]
    const rows = nodeRows(config.oracles, reports, 30)
    expect(rows.map(row => row.last?.offsetTenths ?? null)).to.deep.equal([49n, 0n, -49n, null])
    expect(rows[3]?.parts).to.deep.equal(['absent', 'absent'])
    expect(rows[0]?.parts).to.deep.equal(['signed', 'signed'])
  })

  it('keeps the last quote of a node that has gone quiet', () => {
    const reports = [certified(1, ['2.2', '2.2', '2.2', null]), certified(0, ['2.1', '2.1', '2.1', '2.1'])]
    expect(nodeRows(config.oracles, reports, 30)[3]?.last).to.include({ round: START, offsetTenths: 0n })
  })

  it('tells who quoted without being among the signers', () => {
    const report = certified(0, ['2', '2', '2', '2'])
    const parts = nodeRows(config.oracles, [report], 30).map(row => row.parts[0])
    expect(parts.filter(part => part === 'signed')).to.have.length(3)
    expect(parts.filter(part => part === 'quoted')).to.have.length(1)
  })
})

describe('the chart', () => {
  const window = { fromMs: START * 100, roundMs: 1000 }

  it('has the oldest round first and each node in its column', () => {
    const reports = [certified(1, ['2.2', '2.2', '2.2', null]), certified(0, ['2', '2', '2', '2'])]
    const data = chartData(reports, [0, 3], window)
    expect(data.times).to.deep.equal([START / 10, START / 10 + 1])
    expect(data.price).to.deep.equal([2, 2.2])
    expect(data.quotes).to.deep.equal([
      [2, 2.2],
      [2, null],
    ])
    expect(data.low[0]).to.be.lessThan(2)
    expect(data.high[0]).to.be.greaterThan(2)
  })

  it('leaves out what lies before the window', () => {
    const reports = [certified(1, ['2', '2', '2', '2']), certified(-1, ['2', '2', '2', '2'])]
    expect(chartData(reports, [], window).times).to.deep.equal([START / 10 + 1])
  })

  it('draws a gap where rounds are missing, and none for a single missing one', () => {
    const [a, b, c] = [0, 2, 9].map(index => certified(index, ['2', '2', '2', '2']))
    if (a === undefined || b === undefined || c === undefined) throw new Error('no reports')
    expect(chartData([c, b, a], [], window).price).to.deep.equal([2, 2, null, 2])
  })
})
