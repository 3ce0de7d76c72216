import { expect } from 'chai'
import { hexOf } from '../../../protocol/bytes.ts'
import { encodePromised } from '../../../protocol/epoch/promised-batch.ts'
import { batchIdentity, type SignedBatch } from '../../../protocol/usage/batch.ts'
import { encodeInclusion, inclusionDigest, type SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import { type Deal, OTHER_WORKER, tokens, WORKER } from '../../support/settlement/customers.ts'
import { RELAYER, SettlementNetwork } from '../../support/settlement/settlement-network.ts'

describe('a promise of a relayer', function () {
  this.timeout(180_000)
  let network: SettlementNetwork
  let hire: Deal
  let otherHire: Deal

  const workHash = hexOf(new Uint8Array(32).fill(7))
  const charge = (minutes: number) => ({ units: BigInt(60 * minutes), wei: tokens(minutes) })
  /** By the key of the relayer that is registered, whatever that relayer knows of it. */
  const promiseFor = ({ batch }: SignedBatch, epoch: number): SignedInclusion => {
    const receipt = { epoch, ...batchIdentity(batch) }
    return { receipt, signature: RELAYER.sign(inclusionDigest(network.chain.domain, receipt)) }
  }
  /** Refusals by code, of one epoch. */
  const refusals = async (epoch: number): Promise<string[]> => {
    const audits = await Promise.all(network.oracles.map(oracle => oracle.audits(epoch)))
    return [...new Set(audits.flat().flatMap(({ code }) => code ?? []))].sort()
  }

  before(async () => {
    network = await SettlementNetwork.start()
    await network.startRelayer()
    const { customers } = network
    hire = await customers.hire(WORKER, tokens(40))
    otherHire = await customers.hire(OTHER_WORKER, tokens(40))
    await customers.allow(hire, WORKER, charge(40))
    await customers.allow(otherHire, OTHER_WORKER, charge(40))
  })
  after(async () => {
    await network?.stop()
  })

  it('binds nobody without its batch', async () => {
    const { customers } = network
    await customers.charge(hire, WORKER, [charge(1)])
    await customers.charge(otherHire, OTHER_WORKER, [charge(1)])
    // Nobody has it: signed, promised, and thrown away.
    const lost = customers.sign(hire, OTHER_WORKER, [charge(1)])
    const promise = promiseFor(lost, 0)
    expect(await customers.showAll(encodeInclusion(promise))).to.eql(Array(4).fill('MALFORMED'))
    const other = customers.sign(hire, WORKER, [charge(2)])
    const mixed = encodePromised({ inclusion: promise, batch: other })
    expect(await customers.showAll(mixed)).to.eql(Array(4).fill('OTHER_BATCH'))
    await network.announcePrice(0)
    await network.endEpoch(0)
    expect(await network.relayer.settled(0)).to.include({ attempt: 0, recordsCounted: 2 })
  })

  it('is kept with what the oracle nodes were shown when the relayer has lost its intake', async () => {
    const { customers } = network
    await customers.charge(hire, WORKER, [charge(3)])
    await customers.charge(otherHire, OTHER_WORKER, [charge(3)])
    for (const [deal, worker] of [
      [hire, WORKER],
      [otherHire, OTHER_WORKER],
    ] as const)
      await customers.allow(deal, worker, charge(40), 'oracles')
    await network.stopRelayer('SIGKILL')
    network.loseIntake()
    await network.startRelayer()
    // It goes on as if nothing had been: these numbers come after a gap.
    await customers.charge(hire, WORKER, [charge(4)], { shown: false })
    await network.announcePrice(1)
    await network.endEpoch(1)

    const json = await network.relayer.settled(1)
    expect(json).to.include({ recordsAccepted: 3, recordsCounted: 3, debitIosdWei: String(tokens(5)) })
    expect(json.attempt).to.be.within(1, 2)
    expect(await refusals(1)).to.include('MISSING_BATCH')
    expect(network.relayer.log()).to.include('an epoch lacked what oracle nodes had been shown')
  })

  it('of two batches under the same numbers binds for one of them only', async () => {
    const { customers } = network
    const wanted = customers.sign(otherHire, OTHER_WORKER, [charge(6)])
    const twin = { ...wanted.batch, records: wanted.batch.records.map(record => ({ ...record, workHash })) }
    const signed = customers.signBatch(twin, OTHER_WORKER)
    for (const batch of [wanted, signed]) {
      const bytes = encodePromised({ inclusion: promiseFor(batch, 2), batch })
      expect(await customers.showAll(bytes)).to.eql(Array(4).fill(204))
    }
    await network.announcePrice(2)
    await network.endEpoch(2)
    const json = await network.relayer.settled(2)
    expect(json).to.include({ attempt: 1, recordsCounted: 1, debitIosdWei: String(tokens(3)) })
    expect(await refusals(2)).to.eql(['MISSING_BATCH'])
    expect(network.relayer.log()).to.include('cannot be added to its epoch')
  })
})
