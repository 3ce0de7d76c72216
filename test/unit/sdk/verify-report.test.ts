import { expect } from 'chai'
import type { ReportJson } from '../../../protocol/report-json.ts'
import { roundStartMs } from '../../../protocol/rounds.ts'
import {
  checkReport,
  type ReportKey,
  type VerifyReportOptions,
  verifyReport,
} from '../../../sdk/verify-report.ts'
import { certified, NETWORK, roundOf } from '../../support/aggregator/feed-server.ts'
import { FEED_ID } from '../../support/dashboard/test-network.ts'
import { DOMAIN } from '../../support/network/cast.ts'

const report = certified(0)
const byIdentities = certified(0, true)
const members = NETWORK.addresses.map(identity => ({ identity }))
const trusted: VerifyReportOptions = { groupKeyX: NETWORK.groupKeyX, domain: DOMAIN, feedId: FEED_ID }
const OBSERVED_MS = report.observedAt * 1_000

const reasonOf = (value: unknown, options: Partial<VerifyReportOptions> = {}): string => {
  const result = verifyReport(value, { ...trusted, ...options })
  return result.ok ? 'ok' : result.reason
}
const changed = (change: Partial<ReportJson>): ReportJson => ({ ...report, ...change })

describe('a report checked with nothing but the group key', () => {
  it('holds, and says what the certificate covers', () => {
    expect(verifyReport(report, trusted)).to.deep.equal({
      ok: true,
      report: {
        price: BigInt(report.price),
        confidenceBps: report.confidenceBps,
        observedAt: report.observedAt,
        round: roundOf(0),
      },
      notCovered: ['quotes', 'signers', 'proposer', 'latencyMs', 'onChain', 'keyEpoch'],
    })
    expect(reasonOf(JSON.parse(JSON.stringify(report)))).to.equal('ok')
  })

  it('holds under the key of its key epoch, where several are known', () => {
    const keys: ReportKey[] = [
      { keyEpoch: 1, x: NETWORK.groupKeyX, fromMs: 0 },
      { keyEpoch: 2, x: 5n, fromMs: 0 },
    ]
    expect(reasonOf(report, { groupKeyX: keys })).to.equal('ok')
    expect(reasonOf(changed({ keyEpoch: 2 }), { groupKeyX: keys })).to.equal('UNKNOWN_KEY')
    expect(reasonOf(changed({ keyEpoch: 3 }), { groupKeyX: keys })).to.equal('UNKNOWN_KEY')
  })

  it('holds under a key in the time of that key only: rounds from its switch on, and none from the next one on', () => {
    const startMs = roundStartMs(report.round as never)
    const underKey = (fromMs: number, untilMs?: number) =>
      reasonOf(report, { groupKeyX: [{ keyEpoch: 1, x: NETWORK.groupKeyX, fromMs, untilMs }] })
    expect(underKey(startMs)).to.equal('ok')
    expect(underKey(startMs, startMs + 1)).to.equal('ok')
    expect(underKey(startMs + 1)).to.equal('WRONG_TIME')
    expect(underKey(0, startMs)).to.equal('WRONG_TIME')
    const quorum = { groupKeyX: [{ keyEpoch: 1, x: NETWORK.groupKeyX, fromMs: 0, untilMs: 1 }], members }
    expect(reasonOf(byIdentities, quorum)).to.equal('WRONG_TIME')
  })

  it('says that a key epoch is not covered where one key alone was given', () => {
    const keys = { groupKeyX: [{ keyEpoch: 1, x: NETWORK.groupKeyX, fromMs: 0 }] }
    const alone = verifyReport(report, trusted)
    const withEpochs = verifyReport(report, { ...trusted, ...keys })
    expect(alone.ok && alone.notCovered.includes('keyEpoch')).to.equal(true)
    expect(withEpochs.ok && withEpochs.notCovered.includes('keyEpoch')).to.equal(false)
    const { checks } = checkReport(report, trusted)
    expect(checks.find(({ name }) => name === 'key')?.sentence).to.include('nobody said')
    expect(checks.at(-1)?.sentence).to.include('quotes, signers')
  })

  it('does not hold with the bytes of another report, or none', () => {
    for (const bytes of [certified(1).bytes, byIdentities.bytes, '0xdeadbeef', '0x'])
      expect(reasonOf(changed({ bytes })), bytes).to.equal('FIELDS_DIFFER')
    expect(reasonOf(changed({ keyEpoch: 999 }))).to.equal('FIELDS_DIFFER')
    expect(reasonOf(changed({ keyEpoch: 2 ** 40 }))).to.equal('FIELDS_DIFFER')
  })

  it('does not hold when anything that is told beside the word is something else', () => {
    for (const change of [
      { price: '1' },
      { priceUsd: '0.3' },
      { round: roundOf(1) },
      { confidenceBps: report.confidenceBps + 1 },
      { observedAt: report.observedAt + 1 },
    ])
      expect(reasonOf(changed(change)), Object.keys(change)[0]).to.equal('FIELDS_DIFFER')
  })

  it('does not hold with the certificate of another word, feed, network or key', () => {
    const { certificate } = certified(1)
    expect(reasonOf(changed({ certificate }))).to.equal('BAD_CERTIFICATE')
    const feedId = `0x${'22'.repeat(32)}` as const
    expect(reasonOf(changed({ feedId }), { feedId })).to.equal('BAD_CERTIFICATE')
    const domain = { ...DOMAIN, chainId: 1 }
    expect(reasonOf(changed({ domain }), { domain })).to.equal('BAD_CERTIFICATE')
    const groupKeyX = `0x${'00'.repeat(31)}05`
    expect(reasonOf(changed({ groupKeyX }), { groupKeyX: 5n })).to.equal('BAD_CERTIFICATE')
  })

  it('is told from one of another network, feed or key', () => {
    expect(reasonOf(report, { domain: { ...DOMAIN, chainId: 1 } })).to.equal('WRONG_NETWORK')
    expect(reasonOf(report, { feedId: `0x${'22'.repeat(32)}` })).to.equal('WRONG_FEED')
    expect(reasonOf(report, { groupKeyX: 5n })).to.equal('UNKNOWN_KEY')
  })

  it('may be no older than is wanted, and not from the future', () => {
    const aged = (ageSec: number) => reasonOf(report, { now: OBSERVED_MS + ageSec * 1_000, maxAgeSec: 60 })
    expect([-31, -30, 0, 60, 61].map(aged)).to.deep.equal(['FROM_THE_FUTURE', 'ok', 'ok', 'ok', 'TOO_OLD'])
  })

  it('is malformed, and nothing worse, whatever it is', () => {
    const values: unknown[] = [undefined, null, 1, 'report', [], {}, { ...report, word: '0x' }]
    values.push(changed({ keyEpoch: -1 }), { ...report, certificate: { kind: 'vote' } })
    values.push({ ...report, signers: Array(1_000).fill(0) }, { ...report, price: '1e3' })
    expect(values.map(value => reasonOf(value))).to.deep.equal(values.map(() => 'MALFORMED'))
  })

  it('needs the members where identities certified it', () => {
    expect(reasonOf(byIdentities)).to.equal('NEEDS_MEMBERS')
    expect(reasonOf(byIdentities, { members })).to.equal('ok')
    expect(reasonOf(byIdentities, { members: members.slice(1) })).to.equal('BAD_CERTIFICATE')
    const suspended = members.map(member => ({ ...member, suspended: true }))
    expect(reasonOf(byIdentities, { members: suspended })).to.equal('BAD_CERTIFICATE')
    expect(reasonOf({ ...byIdentities, word: certified(1).word }, { members })).to.equal('FIELDS_DIFFER')
  })

  it('is told check by check', () => {
    const { checks } = checkReport(changed({ price: '1' }), trusted)
    expect(checks.map(({ name, outcome }) => `${name} ${outcome}`)).to.deep.equal([
      'shape holds',
      'network holds',
      'feed holds',
      'key holds',
      'fields fails',
      'certificate holds',
      'bytes holds',
      'age skipped',
      'rest skipped',
    ])
  })
})
