import { expect } from 'chai'
import { roundAt } from '../../../protocol/rounds.ts'
import { at, type Party } from '../../support/network/cast.ts'
import { type Consensus, startConsensus } from '../../support/network/consensus.ts'
import {
  certificatesOf,
  expectHonest,
  nextCertificates,
  provenAgainstAggregators,
  provenAgainstMembers,
  roundOf,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

const ALL = [0, 1, 2, 3, 4, 5]

describe('a network of six that falls into two halves', function () {
  this.timeout(60_000)
  let net: Consensus

  before(async () => {
    net = await startConsensus({ n: 6, timing: { ...TRIAL_TIMING, roundMs: 1_500 }, dealt: true })
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 6)
  })
  after(() => net.stop())
  afterEach(() => {
    expectHonest(net, ALL)
    expect(provenAgainstMembers(net)).to.deep.equal([])
    expect(provenAgainstAggregators(net)).to.deep.equal([])
  })

  const half = (slots: readonly number[], aggregator: number): Party[] => [
    ...slots.map(slot => at(net.members, slot).party),
    at(net.aggregators, aggregator).party,
  ]

  it('certifies nothing in either half: three of six are no quorum', async () => {
    await net.divide(half([0, 1, 2], 0), half([3, 4, 5], 1))
    const { roundMs } = net.timing
    const dividedAt = Date.now()
    // Rounds that had begun may have been proposed with everybody's quotes.
    const isLater = (startMs: number): boolean => startMs >= dividedAt
    const quotedLater = (slot: number): number =>
      at(net.members, slot).book.quotesOf(roundAtNow(roundMs)).length
    await waitFor('two rounds to pass', () => Date.now() > dividedAt + 3 * roundMs)
    expect([quotedLater(0) <= 3, quotedLater(5) <= 3]).to.deep.equal([true, true])
    const later = certificatesOf(net).filter(certified => isLater(roundOf(certified) * 100))
    expect(later).to.deep.equal([])
  })

  it('goes on with all six when it is whole again', async () => {
    await net.heal()
    const certified = await nextCertificates(net, 2, ({ quotes }) => quotes.length === 6)
    for (const { quotes } of certified) expect(quotes.map(({ slot }) => slot)).to.deep.equal(ALL)
  })

  it('goes on in the part that has a quorum, and the rest follows when it is back', async () => {
    await net.divide(
      [...half([0, 1, 2, 3], 0), at(net.aggregators, 1).party],
      [at(net.members, 4).party, at(net.members, 5).party],
    )
    const certified = await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
    expect(at(certified, 0).signers).to.deep.equal([0, 1, 2, 3])
    await net.heal()
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 6)
  })

  const roundAtNow = (roundMs: number) => roundAt(Date.now(), roundMs)
})
