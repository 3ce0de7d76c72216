import { expect } from 'chai'
import { type PublicClient, zeroAddress } from 'viem'
import { BurnError, leastIosd, NO_REPORT, readBurnTerms } from '../../../chain/burn-terms.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import { packReport } from '../../../protocol/report.ts'
import { asRound } from '../../../protocol/rounds.ts'
import { ONE, type Price, type Wei } from '../../../protocol/units.ts'
import { FEED_ID } from '../../support/network/cast.ts'

const NOW = 1_800_000_000
const SIGNATURE = { r: `0x${'12'.repeat(20)}`, s: 34n } as const

const wordOf = (dollars: bigint, observedAt: number): bigint =>
  packReport({
    price: (dollars * ONE) as Price,
    confidence: 10,
    observedAt,
    round: asRound(observedAt * 10),
  })
const reportOf = (word: bigint): CertifiedReport => ({
  keyEpoch: 1,
  feedId: FEED_ID,
  word,
  certificate: { kind: 'group', signature: SIGNATURE },
})
/** A chain whose feed holds this word. */
const chainWith = (word: bigint): PublicClient =>
  ({
    readContract: async () => word,
    getBlock: async () => ({ timestamp: BigInt(NOW) }),
  }) as unknown as PublicClient

const terms = (onChain: bigint, newest?: CertifiedReport) =>
  readBurnTerms(chainWith(onChain), zeroAddress, async () => newest)

describe('the terms of a burn', () => {
  it('are the price on chain, within two minutes, where no newer report is known', async () => {
    const expected = { price: 2n * ONE, report: NO_REPORT, deadline: BigInt(NOW + 120) }
    expect(await readBurnTerms(chainWith(wordOf(2n, NOW)), zeroAddress)).to.deep.equal(expected)
    expect(await terms(wordOf(2n, NOW))).to.deep.equal(expected)
    expect(await terms(wordOf(2n, NOW), reportOf(wordOf(3n, NOW)))).to.deep.equal(expected)
    expect(await terms(wordOf(2n, NOW), reportOf(wordOf(3n, NOW - 1)))).to.deep.equal(expected)
  })

  it('are the price of a newer report, which goes along', async () => {
    const word = wordOf(3n, NOW + 1)
    const expected = {
      price: 3n * ONE,
      report: { word, ...SIGNATURE },
      deadline: BigInt(NOW + 120),
    }
    expect(await terms(wordOf(2n, NOW), reportOf(word))).to.deep.equal(expected)
    expect(await terms(0n, reportOf(word))).to.deep.equal(expected)
  })

  it('leave a report out that identities signed: the burner does not take it', async () => {
    const report: CertifiedReport = {
      ...reportOf(wordOf(3n, NOW + 1)),
      certificate: { kind: 'quorum', signatures: [] },
    }
    expect((await terms(wordOf(2n, NOW), report)).report).to.deep.equal(NO_REPORT)
  })

  it('do not exist before the first price', async () => {
    const error = await terms(0n).catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(BurnError)
    expect(error).to.have.property('code', 'NO_PRICE')
  })

  it('ask for a hundredth less than the price gives, rounded down', () => {
    expect(leastIosd((100n * ONE) as Wei, (2n * ONE) as Price)).to.equal(198n * ONE)
    expect(leastIosd(101n as Wei, ONE as Price)).to.equal(99n)
  })
})
