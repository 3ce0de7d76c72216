import { expect } from 'chai'
import { type Deal, OTHER_WORKER, tokens, WORKER } from '../../support/settlement/customers.ts'
import { act } from '../../support/settlement/emergency.ts'
import { SettlementNetwork } from '../../support/settlement/settlement-network.ts'

const LATE_ORACLE = 3
const OTHER_ORACLE = 0

describe('an epoch that a quorum empties', function () {
  this.timeout(120_000)
  let network: SettlementNetwork
  let hire: Deal
  let otherHire: Deal

  const charge = (minutes: number) => ({ units: BigInt(60 * minutes), wei: tokens(minutes) })

  before(async () => {
    network = await SettlementNetwork.start()
    await network.startRelayer()
    const { customers } = network
    hire = await customers.hire(WORKER, tokens(40))
    await customers.allow(hire, WORKER, charge(40))
    await customers.charge(hire, WORKER, [charge(1)])
    await network.announcePrice(0)
    await network.endEpoch(0)
    await network.relayer.settled(0)
  })
  after(async () => {
    await network?.stop()
  })

  it('loses nothing: what was promised for it is paid once in the next, by who was away meanwhile', async () => {
    const { customers } = network
    // A hold, a receipt and records of the emptied epoch.
    otherHire = await customers.hire(OTHER_WORKER, tokens(40))
    await customers.allow(otherHire, OTHER_WORKER, charge(40))
    await customers.charge(otherHire, OTHER_WORKER, [charge(4)])
    await customers.charge(hire, WORKER, [charge(3)])
    await network.stopRelayer('SIGKILL')
    await network.stopOracle(LATE_ORACLE)
    await network.endEpoch(1)
    await act({ kind: 'empty', epoch: 1 }, network.chain, network.members)

    await Promise.all([network.startRelayer(), network.startOracle(LATE_ORACLE)])
    expect(await network.relayer.reaches(1, 'emptied')).to.include({ bundleHash: null, rewardRoot: null })
    await customers.charge(hire, WORKER, [charge(6)])
    await network.announcePrice(2)
    // Three of four are a quorum: without this one the epoch needs the node that was away.
    await network.stopOracle(OTHER_ORACLE)
    await network.endEpoch(2)
    const settled = await network.relayer.settled(2)
    expect(settled).to.include({ attempt: 0, recordsCounted: 3, debitIosdWei: String(tokens(9)) })
    const late = await network.oracles[LATE_ORACLE]?.audits(2)
    expect(late?.map(({ verdict }) => verdict)).to.eql(['signed'])
    await network.startOracle(OTHER_ORACLE)
    const audits = await Promise.all(network.oracles.map(oracle => oracle.audits(2)))
    expect(audits.flat().filter(({ verdict }) => verdict === 'refused')).to.eql([])
  })

  it('is owed by a relayer that has lost what it took in: the nodes ask for it, and show it', async () => {
    const { customers } = network
    await customers.charge(otherHire, OTHER_WORKER, [charge(9)])
    await network.stopRelayer('SIGKILL')
    network.loseIntake()
    await network.endEpoch(3)
    await act({ kind: 'empty', epoch: 3 }, network.chain, network.members)
    await network.startRelayer()
    await network.announcePrice(4)
    await customers.allow(otherHire, OTHER_WORKER, charge(40), 'oracles')
    await network.endEpoch(4)
    const settled = await network.relayer.settled(4)
    expect(settled).to.include({ attempt: 1, recordsCounted: 1, debitIosdWei: String(tokens(5)) })
    const audits = await Promise.all(network.oracles.map(oracle => oracle.audits(4)))
    const codes = audits.flat().flatMap(({ code }) => code ?? [])
    expect([...new Set(codes)]).to.eql(['MISSING_BATCH'])
  })

  it('is nothing to the epochs after: they pay no more than is new', async () => {
    await network.announcePrice(5)
    await network.endEpoch(5)
    expect(await network.relayer.settled(5)).to.include({ attempt: 0, debitIosdWei: '0' })
    const reader = await network.chain.openReader()
    try {
      expect(reader.settlement()).to.include({ nextEpoch: 6, owedFrom: 6 })
      expect(reader.settlement().previous.cumulativeDebitIosd).to.equal(tokens(6 + 9))
    } finally {
      await reader.stop()
    }
  })
})
