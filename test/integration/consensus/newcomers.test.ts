import { expect } from 'chai'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { nextRound, type Round, roundAt } from '../../../protocol/rounds.ts'
import type { Price } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { aQuote, at, crypto, DOMAIN, FEED_ID } from '../../support/network/cast.ts'
import { type Consensus, priceOf, startConsensus } from '../../support/network/consensus.ts'
import { certificatesOf, expectHonest, roundOf, TRIAL_TIMING } from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

const AN_HOUR_MS = 3_600_000
/** Two of four are there from the beginning: nothing is certified without the third, neither quotes nor shares. */
const THIRD = 2
const { roundMs } = TRIAL_TIMING

describe('a network that waits for its third member', function () {
  this.timeout(60_000)
  let net: Consensus

  beforeEach(async () => {
    net = await startConsensus({ n: 4, late: 2, dealt: true, timing: TRIAL_TIMING })
    for (const aggregator of net.aggregators) await aggregator.startRounds()
    await waitFor('rounds without a quorum', () =>
      net.aggregators.every(({ book }) =>
        [0, 1].every(slot => book.quoteOf(roundAt(systemClock.now() - roundMs, roundMs), slot) !== undefined),
      ),
    )
    expect(certificatesOf(net)).to.deep.equal([])
  })
  afterEach(() => net.stop())

  /** What the third member is there for: the first certificate has its quote and its signature. */
  const expectBackInTime = async (): Promise<void> => {
    const upRound = roundAt(systemClock.now(), roundMs)
    const first = await waitFor('a certificate', () => certificatesOf(net)[0])
    expect(first.signers).to.include(THIRD)
    expect(first.quotes.map(({ slot }) => slot)).to.include(THIRD)
    expect(first.report.certificate.kind).to.equal('group')
    expect(roundOf(first)).to.be.at.most(nextRound(nextRound(upRound, roundMs), roundMs))
    expectHonest(net, [0, 1, 2, 3])
  }

  it('certifies by the second round after it has come with an empty disk', async () => {
    await net.join()
    await expectBackInTime()
  })

  it('certifies by the second round after it has come with a disk that is an hour old', async () => {
    const before = lastDeeds(net, roundAt(systemClock.now() - AN_HOUR_MS, roundMs))
    const member = await net.join()
    await expectBackInTime()
    // It has not forgotten either.
    expect(member.guard.quoteOf(before.round)?.bytes).to.deep.equal(before.quote)
    expect(member.guard.lockOf(before.round)?.word).to.equal(before.word)
  })

  it('goes on with the fourth, which quotes by the second round after it has come, and signs in its turn', async () => {
    await net.join()
    await waitFor('a certificate', () => certificatesOf(net)[0])
    const fourth = await net.join()
    const upRound = roundAt(systemClock.now(), roundMs)
    const second = nextRound(nextRound(upRound, roundMs), roundMs)
    const quoted = await waitFor('its quote', () =>
      certificatesOf(net).find(({ quotes }) => quotes.some(({ slot }) => slot === fourth.slot)),
    )
    expect(roundOf(quoted)).to.be.at.most(second)
    // One of four rests in each round, and this one may be the first that does.
    const signed = await waitFor('its signature', () =>
      certificatesOf(net).find(({ signers }) => signers.includes(fourth.slot)),
    )
    expect(roundOf(signed)).to.be.at.most(nextRound(second, roundMs))
    expectHonest(net, [0, 1, 2, 3])
  })
})

/** The third member's guard, in an earlier life: it quotes a round and locks a report of it. */
function lastDeeds(net: Consensus, round: Round) {
  const database = openDatabase(net.guardFileOf(THIRD), GUARD_MIGRATIONS)
  try {
    const { secret } = at(net.cast.members, THIRD)
    const options = { domain: DOMAIN, feedId: FEED_ID, slot: THIRD, secret }
    const guard = new Guard(options, createGuardStore(database), crypto)
    const { bytes } = guard.signQuote(aQuote({ round, price: priceOf(THIRD) as Price }))
    const word = BigInt(round)
    guard.lockAndSignReport(round, { word, proposal: new Uint8Array([1]) })
    return { round, quote: bytes, word }
  } finally {
    database.close()
  }
}
