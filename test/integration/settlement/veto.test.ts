import { expect } from 'chai'
import { settleCall } from '../../../chain/settlement/calls.ts'
import { epochReportDigest } from '../../../protocol/epoch/report.ts'
import { fundedAccount } from '../../support/chain/anvil.ts'
import { type Deal, tokens, WORKER } from '../../support/settlement/customers.ts'
import { act } from '../../support/settlement/emergency.ts'
import { SettlementNetwork } from '../../support/settlement/settlement-network.ts'
import { refusedByAll } from '../../support/settlement/trial.ts'

const DISPUTE_SEC = 60
const SAME = [
  ...(['bundleHash', 'rewardRoot', 'debitRoot', 'recordsCounted', 'scheduledWei', 'hiredPaidWei'] as const),
  ...(['availabilityPaidWei', 'debitIosdWei', 'reserveWei'] as const),
]

describe('an epoch that members veto', function () {
  this.timeout(120_000)
  let network: SettlementNetwork
  let hire: Deal

  before(async () => {
    network = await SettlementNetwork.start({ disputeSec: DISPUTE_SEC })
    await network.startRelayer()
    hire = await network.customers.hire(WORKER, tokens(40))
  })
  after(async () => {
    await network?.stop()
  })

  const work = async (epoch: number, minutes: number): Promise<void> => {
    const charge = { units: BigInt(60 * minutes), wei: tokens(minutes) }
    await network.customers.allow(hire, WORKER, charge)
    await network.customers.charge(hire, WORKER, [charge])
    await network.announcePrice(epoch)
  }
  const doubts = () => Promise.all(network.oracles.map(oracle => oracle.doubt()))

  it('is settled under the next attempt, with the same bundle, roots and amounts', async () => {
    await work(0, 3)
    await network.endEpoch(0)
    const vetoed = await network.relayer.reaches(0, 'staged')
    expect(await doubts()).to.eql([null, null, null, null])
    await act({ kind: 'veto', epoch: 0 }, network.chain, network.members)

    const again = await network.relayer.reaches(0, 'staged', 1)
    expect(again.attempt).to.equal(vetoed.attempt + 1)
    await network.chain.passTime(DISPUTE_SEC)
    const settled = await network.relayer.settled(0)
    expect(settled.attempt).to.equal(again.attempt)
    for (const name of SAME) expect(settled[name], name).to.equal(vetoed[name])
    expect(settled.debitIosdWei).to.equal(String(tokens(3)))
    expect(await network.chain.stagedEpochs()).to.eql([0, 0])
  })

  it('was a lie under a stolen group key: every node says so, and honesty settles it', async () => {
    await network.stopRelayer()
    await network.startDishonestRelayer('burns-more')
    await work(1, 5)
    await refusedByAll(network, 1, 'BURNED')
    await network.stopRelayer()
    const proposed = network.proposal(1)
    if (proposed === undefined) throw new Error('the liar has proposed nothing')
    // The chain's time has not passed: but for the attempt, all its reports are the same.
    const lie = { ...proposed, attempt: 0 }
    const signature = network.chain.group.sign(epochReportDigest(network.chain.domain, lie))
    const { settlement } = network.chain.deployment.contracts
    await network.chain.send(fundedAccount(0), settleCall(settlement, lie, { kind: 'group', signature }))

    for (const oracle of network.oracles) {
      const doubt = await oracle.eventually('a doubt', 10_000, () =>
        oracle.doubt().then(found => found ?? false),
      )
      expect(doubt).to.include({ epoch: 1, attempt: lie.attempt, why: 'REFUSED', code: 'BURNED' })
      expect(oracle.log()).to.include('ionet emergency sign veto EPOCH')
    }
    await act({ kind: 'veto', epoch: 1 }, network.chain, network.members)
    await network.startRelayer()
    const again = await network.relayer.reaches(1, 'staged', lie.attempt + 1)
    expect(again.debitIosdWei).to.equal(String(tokens(2)))
    expect(await doubts()).to.eql([null, null, null, null])
    await network.chain.passTime(DISPUTE_SEC)
    await network.relayer.settled(1)
  })
})
