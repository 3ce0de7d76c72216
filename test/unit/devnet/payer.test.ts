import { expect } from 'chai'
import { BUILT_IN_MODEL } from '../../../compute/model/spec.ts'
import { loadModel } from '../../../compute/model/weights.ts'
import { createAsking } from '../../../devnet/payer/asking.ts'
import { type HoldNeed, HoldRefusedError, Holds } from '../../../devnet/payer/holds.ts'
import {
  AHEAD_SEC,
  isAtEnd,
  type Lease,
  leaseId,
  offerAt,
  raisedOffer,
  startOf,
} from '../../../devnet/payer/lease.ts'
import { nextQuestion } from '../../../devnet/payer/prompts.ts'
import type { Hold } from '../../../protocol/usage/hold.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import type { GatewayClient, PaidCompletion } from '../../../sdk/gateway-client.ts'
import type { PayerChannel } from '../../../sdk/payer-state.ts'
import { ProblemError } from '../../../sdk/problem.ts'
import { accept, bookOf, GATEWAY, MODEL, PAYER, WORKER } from '../../support/gateway/payments.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { seededRandom } from '../../support/protocol/seeded.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const ID = leaseId(PAYER, WORKER)

function lease(changes: Partial<Lease> = {}): Lease {
  return {
    id: ID,
    hold: `0x${'12'.repeat(32)}`,
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

  it('is raised to begin a lease again, at its own price, and by no more than a lease leaves over', () => {
    const offer = offerAt(lease(), channel(), 1_000)
    expect(raisedOffer(offer, 35n, lease())).to.deep.equal({
      ...offer,
      cumulativeUnits: 35n,
      cumulativeCeiling: 175n,
    })
    expect(raisedOffer(offer, 54n, lease())).to.include({ cumulativeCeiling: 270n })
    expect(raisedOffer(offer, 55n, lease())).to.equal(undefined)
    expect(raisedOffer(offer, 34n, lease())).to.equal(undefined)
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

  it('are renewed when a request needs them longer, and not made when nothing can last that long', async () => {
    const { holds, world } = wallet()
    const first = await holds.get({ ...NEED, untilEpoch: 3 })
    world.epoch = 2
    expect(await holds.get({ ...NEED, untilEpoch: 3 })).to.equal(first)
    expect((await holds.get({ ...NEED, untilEpoch: 4 })).hold.expiresEpoch).to.equal(4)
    const error = await holds.get({ ...NEED, untilEpoch: 5 }).catch((caught: unknown) => caught)
    expect(error).to.be.instanceOf(HoldRefusedError)
    expect(error).to.include({ reason: 'TOO_LONG' })
    expect(world.asked.length).to.equal(2)
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

describe("a payer's asking", () => {
  const askingOf = (complete: GatewayClient['complete']) => {
    const world = { logger: recordLogger(), clock: new FakeClock(), outcomes: [] as string[], paid: 0 }
    const service = createAsking(
      { pauseMs: 100, model: loadModel(BUILT_IN_MODEL) },
      {
        clock: world.clock,
        logger: world.logger,
        client: { models: async () => [MODEL], complete },
        question: () => ({ prompt: 'hello', maxTokens: 8 }),
        ready: () => true,
        paid: () => {
          world.paid++
        },
        count: outcome => world.outcomes.push(outcome),
      },
    )
    return { ...world, world, service }
  }

  it('waits for a model that cannot be used yet, says so once, and counts no failure', async () => {
    const { service, clock, outcomes, logger } = askingOf(async () => {
      throw new ProblemError('not in this epoch', { code: 'MODEL_NOT_USABLE', status: 503 })
    })
    await service.start(new AbortController().signal)
    await clock.advance(1_000)
    await service.stop()
    expect(outcomes.length).to.be.greaterThan(2)
    expect(new Set(outcomes)).to.deep.equal(new Set(['waiting']))
    expect(logger.lines.map(({ level, sentence }) => [level, sentence])).to.deep.equal([
      ['info', 'waits for the epoch from which the model can be used'],
    ])
  })

  it('takes in the answer to its last question when it stops', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<PaidCompletion>()
    const { service, world } = askingOf((_request, signal) => {
      signal?.addEventListener('abort', () => answer.reject(signal.reason), { once: true })
      asked.resolve()
      return answer.promise
    })
    await service.start(new AbortController().signal)
    await asked.promise
    const stopped = service.stop()
    answer.resolve({ chargedWei: 5n, worker: WORKER, completionTokens: 8 } as PaidCompletion)
    await stopped
    expect(world.paid).to.equal(1)
  })

  it('does not wait for ever for the last answer', async () => {
    const asked = Promise.withResolvers<void>()
    const { service, clock, world } = askingOf((_request, signal) => {
      asked.resolve()
      return new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    })
    await service.start(new AbortController().signal)
    await asked.promise
    const stopped = service.stop()
    await clock.advance(1_500)
    await stopped
    expect(world.paid).to.equal(0)
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
