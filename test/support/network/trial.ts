/** What the tests of a network with liars in it ask for: the next certificates, whether they are right, who was named. */
import { expect } from 'chai'
import type { CertifiedRound } from '../../../aggregator/rounds/active-round.ts'
import { verifyCertifiedReport } from '../../../protocol/certificate.ts'
import { membershipAt } from '../../../protocol/membership.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { OBSERVED_AGGREGATOR_FAULTS, OBSERVED_MEMBER_FAULTS } from '../../../protocol/round/faults.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import { type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { crypto, DOMAIN } from './cast.ts'
import { type Consensus, priceOf } from './consensus.ts'
import { waitFor } from './wait.ts'

/** Longer than a busy machine needs for its part of a round, short enough that a test sees several. */
export const TRIAL_TIMING: RoundTiming = {
  roundMs: 1_000,
  collectMs: 400,
  backupMs: 200,
  skewMs: 100,
  inclusionMarginMs: 150,
}

export function roundOf({ report }: CertifiedRound): Round {
  return unpackReport(report.word).round
}

/** All certificates so far, of all aggregators. */
export function certificatesOf(net: Consensus): CertifiedRound[] {
  return net.aggregators.flatMap(({ certified }) => certified)
}

/** Waits for certificates of rounds that begin from now on and satisfy `wanted`. */
export function nextCertificates(
  net: Consensus,
  count: number,
  wanted: (certified: CertifiedRound) => boolean = () => true,
): Promise<CertifiedRound[]> {
  const sinceMs = Date.now()
  return waitFor(
    `${count} certificates`,
    () => {
      const found = certificatesOf(net).filter(
        certified => roundStartMs(roundOf(certified)) >= sinceMs && wanted(certified),
      )
      return found.length >= count && found.slice(0, count)
    },
    30_000,
  )
}

/**
 * Everything that was certified follows from its quotes, lies within what honest members said, and is the only thing
 * that was certified for its round. Waits for nothing.
 */
export function expectHonest(net: Consensus, honest: readonly number[]): void {
  const prices = honest.map(priceOf).sort((a, b) => (a < b ? -1 : 1))
  const words = new Map<Round, bigint>()
  for (const certified of certificatesOf(net)) {
    const { report, quotes } = certified
    const { price, round } = unpackReport(report.word)
    const members = membershipAt(net.view(), roundStartMs(round))
    expect(verifyCertifiedReport(DOMAIN, members, report, crypto), 'the certificate').to.equal(true)
    expect(price >= (prices[0] ?? 0n) && price <= (prices.at(-1) ?? 0n), `${price} in range`).to.equal(true)
    // The fallback certifies a word whose quotes are no longer at hand.
    if (quotes.length > 0) expect(medianWord(quotes.map(({ quote }) => quote))).to.equal(report.word)
    for (const { slot, quote } of quotes) {
      if (honest.includes(slot)) expect(quote.price).to.equal(priceOf(slot))
    }
    expect(words.get(round) ?? report.word, 'one word a round').to.equal(report.word)
    words.set(round, report.word)
  }
}

/** `slot fault` of all members that anything signed shows to have lied, each once, sorted. */
export function provenAgainstMembers(net: Consensus): string[] {
  return proven(
    net.aggregators.flatMap(({ faults }) => faults),
    OBSERVED_MEMBER_FAULTS,
  )
}

/** `index fault` of all aggregators that anything signed shows to have lied, each once, sorted. */
export function provenAgainstAggregators(net: Consensus): string[] {
  const said = [
    ...net.members,
    ...net.aggregators.map(({ aggregatorFaults }) => ({ faults: aggregatorFaults })),
  ]
  return proven(
    said.flatMap(({ faults }) => faults),
    OBSERVED_AGGREGATOR_FAULTS,
  )
}

function proven(said: readonly string[], observed: readonly string[]): string[] {
  return [...new Set(said)].filter(text => !observed.includes(text.split(' ')[1] ?? '')).sort()
}
