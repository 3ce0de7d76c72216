import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { ASSET, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { castOf } from '../../support/network/cast.ts'
import { GATEWAY, OTHER_WORKER, tokens, WORKER } from '../../support/settlement/customers.ts'
import { flipped, RelayerPeer, transplanted } from '../../support/settlement/relayer-peer.ts'
import { DEPOSIT_IO, RELAYER, SettlementNetwork } from '../../support/settlement/settlement-network.ts'
import { refusedByAll, settledHonestly } from '../../support/settlement/trial.ts'

describe('a relayer that lies about payments', function () {
  this.timeout(120_000)
  let network: SettlementNetwork

  before(async () => {
    network = await SettlementNetwork.start()
  })
  after(async () => {
    await network?.stop()
  })

  it('is refused by every node when it says that a wei more was burned', async () => {
    await network.startDishonestRelayer('burns-more')
    await network.announcePrice(0)
    for (const text of await refusedByAll(network, 0, 'BURNED')) {
      const [, expected, found] = /expected (\d+), found (\d+)$/.exec(text) ?? []
      expect(BigInt(found ?? 0) - BigInt(expected ?? 0), text).to.equal(1n)
    }
    await settledHonestly(network, 0)
  })

  it("is refused by every node when it pays a worker from another's receipt", async () => {
    const { customers } = network
    await network.stopRelayer()
    await network.startDishonestRelayer('borrows-a-receipt')
    const inferences = await network.subscribe(1, tokens(10))
    const charge = { units: 1_000n, wei: tokens(3) }
    await customers.allow(inferences, WORKER, charge)
    await customers.charge(inferences, WORKER, [charge])
    // The payer has never heard of this one.
    await customers.charge(inferences, OTHER_WORKER, [charge])

    for (const text of await refusedByAll(network, 1, 'BAD_PAYER_SIGNATURE')) {
      expect(text).to.match(/^BAD_PAYER_SIGNATURE: receipts line \d \(0x[0-9a-f]{40} to 0x[0-9a-f]{40}\)$/)
      expect(text).to.include(`to ${OTHER_WORKER.identity}`)
    }
    const json = await settledHonestly(network, 1)
    expect(json).to.include({ recordsAccepted: 2, recordsCounted: 1, debitIoWei: String(charge.wei) })
    expect(await customers.earned(WORKER))
      .to.be.a('bigint')
      .that.satisfies((wei: bigint) => wei > 0n)
    expect(await customers.earned(GATEWAY)).to.satisfy((wei: bigint) => wei > 0n)
    expect(await customers.earned(OTHER_WORKER)).to.equal(0n)
  })

  it('is refused by every node when it accepts a hold that the deposit does not cover', async () => {
    await network.stopRelayer()
    const above = { kind: WORK_KIND.inference, asset: ASSET.io, maxAmount: DEPOSIT_IO + 1n }
    const hold = network.customers.signHold({ payee: GATEWAY.identity, ...above })
    await network.startDishonestRelayer('accepts-too-much', hold)
    await network.announcePrice(2)

    for (const text of await refusedByAll(network, 2, 'HOLD_OVER_ACCEPTED'))
      expect(text).to.match(
        /^HOLD_OVER_ACCEPTED: acceptances line \d \(0x[0-9a-f]{40}, asset 1\): expected at most/,
      )
    await settledHonestly(network, 2)
  })
  it('gets no copy stored of a bundle in which one byte is not what its hash says', async () => {
    const bundle = await network.relayer.bytes('/v1/epochs/2/bundle')
    const reader = await network.chain.openReader()
    const settled = reader.settled(2)
    await reader.stop()
    if (settled === undefined) throw new Error('epoch 2 is not settled')
    await network.stopRelayer()
    const members = castOf(network.oracles.length, 0).members.map(({ peerKey }) => peerKey)
    const peer = new RelayerPeer(RELAYER, members, network.oracleAddresses)
    await peer.start()
    try {
      const { report, bytes } = transplanted(bundle, settled.report, 3)
      for (const index of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
        const answers = await peer.offer(report, flipped(bytes, index))
        expect(answers, `byte ${index}`).to.eql(members.map(() => 'refused'))
      }
      expect(await copiesOf(network, report.bundleHash)).to.eql([])
      expect(await peer.offer(report, bytes)).to.eql(members.map(() => 'stored'))
      expect(await copiesOf(network, report.bundleHash)).to.have.length(members.length)
    } finally {
      await peer.stop()
    }
    await network.endEpoch(3)
    await network.startRelayer()
    expect(await network.relayer.settled(3)).to.include({ attempt: 0, certificate: 'quorum' })
  })
})

/** What oracle nodes serve under a hash. */
async function copiesOf({ oracles }: SettlementNetwork, hash: Hash): Promise<Uint8Array[]> {
  const copies = await Promise.all(oracles.map(oracle => oracle.bytes(`/v1/bundles/${hash}`)))
  return copies.filter(copy => copy.length > 0)
}
