import { expect } from 'chai'
import { parseReport, type Report } from '../../../dashboard/src/model/report.ts'
import { verifyReport } from '../../../dashboard/src/model/verify.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import { KEY_EPOCH, TestNetwork } from '../../support/dashboard/test-network.ts'

const ROUND = 17_953_620_640
const PRICES = [2_411n, 2_412n, 2_413n, 2_415n].map(price => price * 10n ** 15n)
const config = aConfig()
const network = new TestNetwork(4, { chainId: config.chainId, registry: config.contracts.oracleRegistry })
const keys = new Map([[KEY_EPOCH, network.groupKeyX]])

const outcomes = (report: Report, groupKeys: ReadonlyMap<number, bigint> | undefined = keys) =>
  verifyReport(report, config, groupKeys).map(check => check.outcome)
const certified = (overrides: Parameters<TestNetwork['certify']>[2] = {}) =>
  parseReport(network.certify(ROUND, PRICES, overrides))

describe('verifying a report in the page', () => {
  it('finds every signature, the median, the certificate and the key to hold', () => {
    expect(outcomes(certified())).to.deep.equal(['holds', 'holds', 'holds', 'holds'])
  })

  it('finds a certificate by identities to hold', () => {
    expect(outcomes(certified({ byIdentities: true }))).to.deep.equal(['holds', 'holds', 'holds'])
  })

  it('fails the quotes when one of them was changed', () => {
    const report = certified()
    const [first, ...rest] = report.quotes
    if (first === undefined) throw new Error('no quote')
    const changed = { ...first, observedAt: first.observedAt - 1 }
    expect(outcomes({ ...report, quotes: [changed, ...rest] })).to.deep.equal([
      'fails',
      'holds',
      'holds',
      'holds',
    ])
  })

  it('fails the quotes when one stands there twice', () => {
    const report = certified()
    const twice = [...report.quotes.slice(0, 3), ...report.quotes.slice(2, 3)]
    expect(outcomes({ ...report, quotes: twice })[0]).to.equal('fails')
  })

  it('fails the quotes when there are fewer than a quorum', () => {
    const report = certified()
    expect(outcomes({ ...report, quotes: report.quotes.slice(0, 2) })[0]).to.equal('fails')
  })

  it('fails the median when a quote was left out', () => {
    const report = certified()
    expect(outcomes({ ...report, quotes: report.quotes.slice(1) })[1]).to.equal('fails')
  })

  it('fails the certificate when the word is another one', () => {
    const report = certified()
    expect(outcomes({ ...report, word: report.word + (1n << 176n) })).to.deep.equal([
      'holds',
      'fails',
      'fails',
      'holds',
    ])
  })

  it('fails the certificate for another feed, chain or registry', () => {
    const report = certified()
    expect(outcomes({ ...report, feedId: `0x${'11'.repeat(32)}` })[2]).to.equal('fails')
    expect(verifyReport(report, { ...config, chainId: 1 }, keys)[2]?.outcome).to.equal('fails')
  })

  it('fails the key when the registry installed another one', () => {
    expect(outcomes(certified(), new Map([[KEY_EPOCH, 5n]]))[3]).to.equal('fails')
  })

  it('does not claim to know the key before the registry was read', () => {
    expect(verifyReport(certified(), config, undefined)[3]?.outcome).to.equal('unknown')
  })

  it('fails identities that are fewer than a quorum, repeated, or out of order', () => {
    const report = certified({ byIdentities: true })
    if (report.certificate.kind !== 'quorum') throw new Error('not by identities')
    const [a, b, c] = report.certificate.signatures
    if (a === undefined || b === undefined || c === undefined) throw new Error('too few signatures')
    for (const signatures of [
      [a, b],
      [a, a, b, c],
      [b, a, c],
    ]) {
      expect(outcomes({ ...report, certificate: { kind: 'quorum', signatures } })[2]).to.equal('fails')
    }
  })
})
