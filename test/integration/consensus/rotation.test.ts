import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { nextRound, roundStartMs } from '../../../protocol/rounds.ts'
import { at } from '../../support/network/cast.ts'
import { type Consensus, registryOf, startConsensus } from '../../support/network/consensus.ts'
import {
  certificatesOf,
  expectHonest,
  nextCertificates,
  roundOf,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

describe('a network of four that replaces its key', function () {
  this.timeout(90_000)
  let net: Consensus

  /** As the aggregators' loops do it: each looks, again and again, until a key is installed. */
  const makeKey = async (keyEpoch: number) => {
    const isInstalled = () => net.view().newest.keyEpoch >= keyEpoch
    const looks = net.aggregators.map(async aggregator => {
      while (!isInstalled()) {
        await aggregator.callKeygen().catch(() => {})
        await setImmediate()
      }
    })
    await Promise.all(looks)
  }

  before(async () => {
    net = await startConsensus({ n: 4, timing: TRIAL_TIMING })
    await makeKey(1)
    await Promise.all(net.aggregators.map(aggregator => aggregator.startRounds()))
    await nextCertificates(net, 3, ({ quotes }) => quotes.length === 4)
  })
  after(() => net.stop())

  it('makes another one when a member is suspended, and loses no round over it', async () => {
    const first = Math.max(...certificatesOf(net).map(roundOf))
    const { newest } = net.view()
    const members = newest.members.map(member => ({ ...member, suspended: member.slot === 2 }))
    net.changeTo(registryOf({ ...newest, registryVersion: newest.registryVersion + 1, members }))
    await makeKey(2)
    const { switchAtSec, previous } = net.view()
    expect(previous?.keyEpoch).to.equal(1)
    expect(net.view().newest.groupKey?.participants).to.deep.equal([0, 1, 3])

    await waitFor('rounds under the new key', () =>
      certificatesOf(net).some(certified => roundStartMs(roundOf(certified)) > switchAtSec * 1_000 + 3_000),
    )
    const after = certificatesOf(net).filter(certified => roundOf(certified) > first)
    for (const certified of after) {
      const isNew = roundStartMs(roundOf(certified)) >= switchAtSec * 1_000
      expect(certified.report.keyEpoch, `round ${roundOf(certified)}`).to.equal(isNew ? 2 : 1)
      expect(certified.report.certificate.kind).to.equal('group')
      if (isNew) expect(certified.signers).to.deep.equal([0, 1, 3])
    }
    const rounds = [...new Set(after.map(roundOf))].sort((a, b) => a - b)
    const { roundMs } = net.timing
    const gaps = rounds.filter(
      (round, index) => index > 0 && round !== nextRound(at(rounds, index - 1), roundMs),
    )
    expect(gaps, 'rounds that do not follow the one before them').to.deep.equal([])
    expectHonest(net, [0, 1, 2, 3])
  })
})
