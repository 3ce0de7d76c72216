import { expect } from 'chai'
import { type Deal, OTHER_WORKER, tokens, WORKER } from '../../support/settlement/customers.ts'
import { SettlementNetwork } from '../../support/settlement/settlement-network.ts'
import { refusedByAll, settledHonestly } from '../../support/settlement/trial.ts'

describe('a relayer that lies about work', function () {
  this.timeout(120_000)
  let network: SettlementNetwork
  let hire: Deal
  let otherHire: Deal

  /** Both workers charge one more IOSD for one more minute. */
  const work = async (minutes: number, options: { readonly shown: boolean }): Promise<void> => {
    const charge = { units: BigInt(60 * minutes), wei: tokens(minutes) }
    await network.customers.charge(hire, WORKER, [charge], options)
    await network.customers.charge(otherHire, OTHER_WORKER, [charge], options)
  }

  before(async () => {
    network = await SettlementNetwork.start()
  })
  after(async () => {
    await network?.stop()
  })

  it('is refused by every node when it adds one wei to what somebody earned', async () => {
    await network.startDishonestRelayer('adds-a-wei')
    const { customers } = network
    hire = await customers.hire(WORKER, tokens(40))
    otherHire = await customers.hire(OTHER_WORKER, tokens(40))
    await customers.allow(hire, WORKER, { units: 3_600n, wei: tokens(40) })
    await customers.allow(otherHire, OTHER_WORKER, { units: 3_600n, wei: tokens(40) })
    await work(1, { shown: true })
    await network.announcePrice(0)

    for (const text of await refusedByAll(network, 0, 'REWARD_ROOT')) {
      const [, expected, found] = /rewards line 0 .* expected (\d+), found (\d+)$/.exec(text) ?? []
      expect(BigInt(found ?? 0) - BigInt(expected ?? 0), text).to.equal(1n)
    }
    const json = await settledHonestly(network, 0)
    expect(json).to.include({ recordsCounted: 2, workers: 2, debitIosdWei: String(tokens(2)) })
    const earned = await Promise.all([WORKER, OTHER_WORKER].map(worker => customers.earned(worker)))
    expect(earned.every(wei => wei > 0n)).to.equal(true)
    expect((earned[0] ?? 0n) + (earned[1] ?? 0n)).to.equal(BigInt(json.hiredPaidWei ?? 0))
  })

  it('is refused by every node when it drops a batch that it has promised to count', async () => {
    await network.stopRelayer()
    await network.startDishonestRelayer('drops-a-batch')
    await work(2, { shown: true })
    await network.announcePrice(1)

    for (const text of await refusedByAll(network, 1, 'MISSING_BATCH')) {
      expect(text).to.match(
        /^MISSING_BATCH: batches \(0x[0-9a-f]{40} 2 to 2 0x[0-9a-f]{64}\): found no line$/,
      )
    }
    expect(await settledHonestly(network, 1)).to.include({ recordsCounted: 2, workers: 2 })
  })

  it('is refused by every node when it adds a record to what a worker has signed', async () => {
    await network.stopRelayer()
    await network.startDishonestRelayer('invents-a-record')
    // Of a batch whose promise they were shown, the nodes would miss the original already.
    await work(3, { shown: false })
    await network.announcePrice(2)

    for (const text of await refusedByAll(network, 2, 'BAD_WORKER_SIGNATURE')) {
      expect(text).to.match(/^BAD_WORKER_SIGNATURE: batches line 1 \(0x[0-9a-f]{40} 3 to 4 0x[0-9a-f]{64}\)$/)
    }
    expect(await settledHonestly(network, 2)).to.include({
      recordsCounted: 2,
      debitIosdWei: String(tokens(2)),
    })
  })
})
