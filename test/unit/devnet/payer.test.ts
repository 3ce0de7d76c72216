import { expect } from 'chai'
import { type HoldNeed, HoldRefusedError, Holds } from '../../../devnet/payer/holds.ts'
import { AHEAD_SEC, isAtEnd, type Lease, leaseId, offerAt, startOf } from '../../../devnet/payer/lease.ts'
import { nextQuestion } from '../../../devnet/payer/prompts.ts'
import type { Hold } from '../../../protocol/usage/hold.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import type { PayerChannel } from '../../../sdk/payer-state.ts'
import { accept, bookOf, GATEWAY, PAYER, WORKER } from '../../support/gateway/payments.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { seededRandom } from '../../support/protocol/seeded.ts'

const ID = leaseId(PAYER, WORKER)

function lease(changes: Partial<Lease> = {}): Lease {
  return {
    id: ID,
    worker: WORKER,
    iosdPerSec: 5n,
    units: 0n,
    charged: 0n,
    beganMs: 1_000,
    holdWei: 600n,
    expiresEpoch: 4,
    isShort: false,
    ...changes,
  }
}

function channel(changes: Partial<PayerChannel> = {}): PayerChannel {
  const tuple = { payer: PAYER, worker: WORKER, gateway: NOBODY, kind: WORK_KIND.hire, id: ID, version: 0 }
  return { channel: tuple, charged: 100n, units: 20n, ceiling: 170n, ceilingUnits: 34n, ...changes }
}

describe('what a payer signs for while it hires', () => {
  it('is the time that has passed, and a little more', () => {
    expect(offerAt(lease(), undefined, 1_000)).to.include({
      cumulativeUnits: BigInt(AHEAD_SEC),
      cumulativeCeiling: BigInt(AHEAD_SEC) * 5n,
      validUntilEpoch: 4,
      gateway: NOBODY,
    })
    expect(offerAt(lease({ units: 20n, charged: 100n }), undefined, 4_000)).to.include({
      cumulativeUnits: 20n + 3n + BigInt(AHEAD_SEC),
      cumulativeCeiling: 100n + (3n + BigInt(AHEAD_SEC)) * 5n,
    })
  })

  it('never falls below what was signed before', () => {
    const begins = lease(startOf(channel()))
    expect(offerAt(begins, channel(), 1_000)).to.include({ cumulativeUnits: 34n, cumulativeCeiling: 170n })
  })

  it('goes on from the last statement after a lease in good order', () => {
    expect(startOf(channel())).to.deep.equal({ units: 20n, charged: 100n, isShort: false })
  })

  it('is to bring a statement first, after a lease that ended without one', () => {
    const lost = channel({ ceiling: 400n, ceilingUnits: 80n })
    expect(startOf(lost)).to.deep.equal({ units: 80n, charged: 400n, isShort: true })
    expect(isAtEnd(lease(startOf(lost)), 1, 1_000)).to.equal(true)
  })

  it('ends with the last but one epoch of its hold, or when the hold is used up', () => {
    expect(isAtEnd(lease(), 3, 60_000)).to.equal(false)
    expect(isAtEnd(lease(), 4, 60_000)).to.equal(true)
    expect(isAtEnd(lease({ holdWei: 300n }), 3, 51_000)).to.equal(false)
    expect(isAtEnd(lease({ holdWei: 300n }), 3, 52_000)).to.equal(true)
  })
})

describe("a payer's holds", () => {
  const NEED: HoldNeed = {
    payee: GATEWAY,
    kind: WORK_KIND.inference,
    asset: ASSET.io,
    leastWei: 10n,
    amountWei: 100n,
  }
  const wallet = () => {
    const world = { epoch: 1, nowMs: 0, asked: [] as Hold[] }
    const holds = new Holds({
      domain: DOMAIN,
      book: bookOf('payer'),
      logger: silentLogger,
      epoch: () => world.epoch,
      longestHoldEpochs: () => 2,
      nowMs: () => world.nowMs,
      relayer: {
        acceptHold: async (hold, signature) => {
          world.asked.push(hold)
          return accept(hold, signature, DOMAIN)
        },
      },
    })
    return { world, holds }
  }

  it('are made once and used again', async () => {
    const { holds, world } = wallet()
    const first = await holds.get(NEED)
    expect(first.hold).to.include({ maxAmount: 100n, expiresEpoch: 3, payee: GATEWAY })
    holds.spent(NEED, 90n)
    expect(await holds.get(NEED)).to.equal(first)
    expect(world.asked.length).to.equal(1)
  })

  it('are renewed before they run out', async () => {
    const { holds } = wallet()
    const first = await holds.get(NEED)
    holds.spent(NEED, 91n)
    expect((await holds.get(NEED)).hold.nonce).not.to.equal(first.hold.nonce)
  })

  it('are renewed before their last epoch', async () => {
    const { holds, world } = wallet()
    const first = await holds.get(NEED)
    world.epoch = 2
    expect(await holds.get(NEED)).to.equal(first)
    world.epoch = 3
    expect((await holds.get(NEED)).hold.expiresEpoch).to.equal(5)
  })

  it('are large enough for one request that costs more than usual', async () => {
    expect((await wallet().holds.get({ ...NEED, leastWei: 500n })).hold.maxAmount).to.equal(500n)
  })

  it('are not made again and again for a payee that takes none', async () => {
    const { holds, world } = wallet()
    await holds.get(NEED)
    const refused = { ...NEED, refused: 'HOLD_USED_UP' }
    world.nowMs = 4_999
    const error = await holds.get(refused).catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(HoldRefusedError)
    world.nowMs = 5_000
    expect((await holds.get(refused)).hold.nonce).to.equal(2n)
  })
})

describe("a payer's questions", () => {
  it('vary, and leave room for an answer', () => {
    const bytes = seededRandom('questions')
    const questions = Array.from({ length: 100 }, () => nextQuestion(() => (bytes(1)[0] ?? 0) / 256))
    expect(new Set(questions.map(({ prompt }) => prompt)).size).to.be.greaterThan(50)
    for (const { prompt, maxTokens } of questions) {
      expect(prompt.length).to.be.lessThan(200)
      expect(maxTokens).to.be.within(8, 64)
    }
  })
})
