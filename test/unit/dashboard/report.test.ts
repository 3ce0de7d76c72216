import { expect } from 'chai'
import { WireError } from '../../../dashboard/src/model/fields.ts'
import { parseReport } from '../../../dashboard/src/model/report.ts'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { TestNetwork } from '../../support/dashboard/test-network.ts'

const network = new TestNetwork(4, { chainId: 31337, registry: `0x${'a3'.repeat(20)}` })
const ROUND = 17_953_620_640
const PRICES = [2_411_000_000_000_000_000n, 2_412_000_000_000_000_000n, 2_413_000_000_000_000_000n, null]

function refusal(change: (report: ReportJson) => unknown): string {
  const report = network.certify(ROUND, PRICES)
  try {
    parseReport(change(report))
  } catch (error) {
    if (error instanceof WireError) return error.field
    throw error
  }
  return 'taken'
}

describe('a report from an aggregator', () => {
  it('is taken with the price, confidence, time and round of its signed word', () => {
    const report = parseReport(network.certify(ROUND, PRICES))
    expect(report).to.include({
      round: ROUND,
      price: 2_412_000_000_000_000_000n,
      observedAt: ROUND / 10,
      keyEpoch: 1,
      onChain: false,
    })
    expect(report.quotes.map(quote => quote.slot)).to.deep.equal([0, 1, 2])
    expect(report.certificate.kind).to.equal('group')
  })

  it('is taken with identity signatures in place of a group signature', () => {
    const { certificate } = parseReport(network.certify(ROUND, PRICES, { byIdentities: true }))
    expect(certificate.kind).to.equal('quorum')
  })

  it('is refused when it states another price than the word', () => {
    expect(refusal(report => ({ ...report, price: '2413000000000000000' }))).to.equal('report.price')
  })

  it('is refused when it states another round than the word', () => {
    expect(refusal(report => ({ ...report, round: ROUND + 10 }))).to.equal('report.round')
  })

  for (const [field, value] of [
    ['price', '2.41'],
    ['price', '-1'],
    ['price', '9'.repeat(79)],
    ['price', 2.41],
    ['word', '0x12'],
    ['feedId', `0x${'zz'.repeat(32)}`],
    ['keyEpoch', -1],
    ['proposer', 1.5],
    ['signers', 'all'],
    ['signers', Array.from({ length: 129 }, () => 0)],
    ['quotes', null],
    ['onChain', 'yes'],
    ['latencyMs', Number.NaN],
    ['certificate', undefined],
  ] as const) {
    it(`is refused with ${field} = ${JSON.stringify(value)?.slice(0, 40)}`, () => {
      expect(refusal(report => ({ ...report, [field]: value }))).to.match(new RegExp(`^report\\.${field}`))
    })
  }

  for (const value of [undefined, null, 7, 'report', []]) {
    it(`is refused when it is ${JSON.stringify(value)}`, () => {
      expect(refusal(() => value)).to.equal('report')
    })
  }

  it('names the quote that is malformed', () => {
    const field = refusal(report => ({ ...report, quotes: [report.quotes[0], { slot: 1 }] }))
    expect(field).to.equal('report.quotes[1].price')
  })
})
