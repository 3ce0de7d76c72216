import { expect } from 'chai'
import { ByteWriter } from '../../../protocol/bytes.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { ONE } from '../../../protocol/units.ts'
import { encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import { holdDigest, writeHold } from '../../../protocol/usage/hold.ts'
import {
  channelKey,
  encodeSignedReceipt,
  type Receipt,
  type SignedReceipt,
} from '../../../protocol/usage/receipt.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { MAX_FRONT } from '../../../relayer/intake/receipt-front.ts'
import { addressOf, hash, signAs, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import { inference, inferenceReceipt, ioHold, PAYER, WORKER } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { IntakeWorld } from '../../support/relayer/intake-world.ts'

describe('the intake of receipts', () => {
  let world: IntakeWorld
  const receipt = (changes: Partial<Receipt> = {}): SignedReceipt =>
    signReceipt(inferenceReceipt(changes), 'payer')
  const at = (ceiling: bigint, units: bigint): SignedReceipt =>
    receipt({ cumulativeCeiling: ceiling, cumulativeUnits: units })
  const send = async (signed: SignedReceipt): Promise<unknown> => {
    const { status, json } = await world.post('/v1/receipts', encodeSignedReceipt(signed))
    return status === 204 ? 'TAKEN' : json['code']
  }
  const chosen = (of: Receipt = inferenceReceipt(), owed = { from: 0, to: 0 }): SignedReceipt[] =>
    world.intake.receipts(new Set([channelKey(of)]), owed)

  beforeEach(async () => {
    world = await new IntakeWorld().start()
    world.register(WORKER)
    world.chain.deposit(PAYER, { io: 100n * ONE, iosd: 100n * ONE })
    const hold = ioHold({ expiresEpoch: 2, maxAmount: ONE })
    const signature = signAs('payer', holdDigest(DOMAIN, hold))
    const request = writeHold(new ByteWriter(), hold).fixed(signature, signature.length).done()
    expect((await world.post('/v1/holds', request)).status).to.equal(200)
  })
  afterEach(() => world.stop())

  it('keeps the highest of a channel, whatever order they come in', async () => {
    for (const [ceiling, units] of [
      [4n, 10n],
      [9n, 40n],
      [6n, 20n],
    ] as const)
      expect(await send(at(ceiling, units))).to.equal('TAKEN')
    expect(chosen()).to.deep.equal([at(9n, 40n)])
    expect(world.intake.stats().receipts).to.equal(2)
  })

  it('gives those of the channels that it is asked for, and no others', async () => {
    await send(receipt())
    const other = inferenceReceipt({ worker: addressOf('third worker') })
    expect(chosen(other)).to.deep.equal([])
    await send(signReceipt(other, 'payer'))
    const both = world.intake.receipts(new Set([channelKey(other), channelKey(inferenceReceipt())]), {
      from: 0,
      to: 0,
    })
    expect(both).to.have.length(2)
    const [first, second] = both.map(signed => Buffer.from(encodeSignedReceipt(signed)))
    expect(Buffer.compare(first ?? Buffer.of(), second ?? Buffer.of())).to.equal(-1)
  })

  it('does not let a payer push out the receipt that its worker has worked for', async () => {
    await send(at(10n, 20n))
    await send(at(10n ** 30n, 0n))
    await send(at(0n, 10n ** 30n))
    const records = [inference({ cumulativeCharge: 8n, cumulativeUnits: 15n })]
    const batch = signBatch({ worker: WORKER, seqFrom: 1, records }, 'worker')
    await world.post('/v1/batches', encodeSignedBatch(batch))
    expect(chosen()).to.deep.equal([at(10n, 20n)])
  })

  it('chooses by what is charged in emptied epochs, too, and by what is valid in the one that is settled', async () => {
    const records = [inference({ cumulativeCharge: 8n, cumulativeUnits: 15n })]
    const batch = signBatch({ worker: WORKER, seqFrom: 1, records }, 'worker')
    await world.post('/v1/batches', encodeSignedBatch(batch))
    await send(at(10n, 20n))
    await send(at(10n ** 30n, 0n))
    await send(receipt({ cumulativeCeiling: 11n, cumulativeUnits: 21n, validUntilEpoch: 1 }))
    await world.goToEpoch(2)
    expect(chosen(undefined, { from: 0, to: 2 })).to.deep.equal([at(10n, 20n)])
  })

  it('keeps few that are neither above nor below one another', async () => {
    for (let i = 0; i < MAX_FRONT; i++)
      expect(await send(at(BigInt(100 - i), BigInt(10 + i)))).to.equal('TAKEN')
    expect(await send(at(1n, 1_000n))).to.equal('TOO_MANY_RECEIPTS')
    expect(await send(at(1_000n, 1_000n))).to.equal('TAKEN')
    expect(await send(at(1n, 2_000n))).to.equal('TAKEN')
  })

  it('never gives one below what the channel has been charged', async () => {
    await send(at(50n, 5n))
    await send(at(40n, 30n))
    const channel = {
      channel: inferenceReceipt(),
      asset: ASSET.io,
      ...{ units: 20n, claimed: 30n, settled: 30n, feeSettled: 30n },
    }
    const holds = [{ hold: ioHold({ expiresEpoch: 2, maxAmount: ONE }), used: 30n }]
    world.intake.rebase({ epoch: 0, closing: { ...EMPTY_STATE, channels: [channel], holds }, debits: [] })
    expect(chosen()).to.deep.equal([at(40n, 30n)])
    expect(await send(at(60n, 10n))).to.equal('TAKEN')
    expect(chosen()).to.deep.equal([at(40n, 30n)])
  })

  it('refuses what can count nowhere', async () => {
    const stranger = signReceipt(inferenceReceipt({ payer: addressOf('stranger') }), 'stranger')
    expect(await send(stranger)).to.equal('NO_HOLD')
    expect(await send(receipt({ gateway: addressOf('another gateway') }))).to.equal('NO_HOLD')
    expect(await send({ ...receipt(), signature: signAs('stranger', new Uint8Array(32)) })).to.equal(
      'BAD_SIGNATURE',
    )
    expect((await world.post('/v1/receipts', Uint8Array.of(1))).json['code']).to.equal('MALFORMED')
    await world.goToEpoch(11)
    expect(await send(receipt())).to.equal('EXPIRED')
    expect(chosen()).to.deep.equal([])
  })

  it('forgets those that have run out, and those of payers who hold nothing any more', async () => {
    await send(receipt({ validUntilEpoch: 0 }))
    await send(receipt({ id: hash('other model') }))
    world.intake.prune(1)
    const count = world.database.prepare('SELECT count(*) AS n FROM receipts')
    expect(count.get()).to.deep.equal({ n: 1 })
    world.intake.rebase({ epoch: 0, closing: EMPTY_STATE, debits: [] })
    world.intake.prune(1)
    expect(count.get()).to.deep.equal({ n: 0 })
  })
})
