import { expect } from 'chai'
import sinon from 'sinon'
import { BurnError, type Burner } from '../../../chain/burner.ts'
import { Burns } from '../../../devnet/payer/burns.ts'
import { randomAmount } from '../../../devnet/payer/random-amount.ts'
import type { Price, Wei } from '../../../protocol/units.ts'
import { silentLogger } from '../../../runtime/logger.ts'

describe('burns of a local network', () => {
  let nowMs = 0
  let epoch = 0
  const burn = sinon.stub<[Wei], ReturnType<Burner['burn']>>()
  const make = (everySec: number) =>
    new Burns(
      { everySec, surge: 4 },
      {
        burner: { burn },
        epoch: () => epoch,
        random: () => 0.5,
        clock: { monotonic: () => nowMs },
        logger: silentLogger,
      },
    )
  beforeEach(() => {
    nowMs = 1_000
    epoch = 0
    burn.reset()
    burn.resolves({ io: 1n as Wei, iosd: 1n as Wei, price: 1n as Price, round: 1, transaction: '0x' })
  })

  it('come once in their time', async () => {
    const burns = make(5)
    for (const ms of [1_000, 2_000, 5_999, 6_000, 6_001]) {
      nowMs = ms
      await burns.burnWhenDue()
    }
    expect(burn.callCount).to.equal(2)
  })

  it('are more in every second epoch', async () => {
    const burns = make(1)
    for (epoch = 0; epoch < 3; epoch++) {
      nowMs += 1_000
      await burns.burnWhenDue()
    }
    const amount = randomAmount(() => 0.5)
    expect(burn.args.flat()).to.deep.equal([amount, 4n * amount, amount])
  })

  it('are left out when they are refused, and never come where none are wanted', async () => {
    burn.rejects(new BurnError('REFUSED', 'the price is old'))
    const burns = make(1)
    await burns.burnWhenDue()
    nowMs += 1_000
    await burns.burnWhenDue()
    expect(burn.callCount).to.equal(2)
    await make(0).burnWhenDue()
    expect(burn.callCount).to.equal(2)
  })
})
