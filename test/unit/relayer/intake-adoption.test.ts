import { expect } from 'chai'
import type { PromisedBatch } from '../../../protocol/epoch/promised-batch.ts'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { ONE } from '../../../protocol/units.ts'
import { encodeSignedBatch, type UsageBatch } from '../../../protocol/usage/batch.ts'
import { channelKey, type Receipt, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { makeRoom } from '../../../relayer/intake/receipt-front.ts'
import { addressOf, promised, signBatch, signReceipt } from '../../support/epoch/cast.ts'
import { inference, inferenceReceipt, WORKER } from '../../support/epoch/world.ts'
import { IntakeWorld } from '../../support/relayer/intake-world.ts'

describe('what oracle nodes were shown for a sealed epoch', () => {
  let world: IntakeWorld
  const batch = (seqFrom: number, ...charges: bigint[]): UsageBatch => ({
    worker: WORKER,
    seqFrom,
    records: (charges.length === 0 ? [3n] : charges).map(charge =>
      inference({ cumulativeCharge: charge * ONE, cumulativeUnits: 10n }),
    ),
  })
  const send = (given: UsageBatch) => world.post('/v1/batches', encodeSignedBatch(signBatch(given, 'worker')))
  const adopt = (...batches: PromisedBatch[]) =>
    world.intake
      .adoption({ from: 0, to: 0 }, [])
      .batches(batches)
      .map(answer => ('refused' in answer ? answer.refused : 'adopted' in answer ? 'adopted' : 'known'))
  const ranges = (epoch: number) =>
    world.intake.batches(epoch).map(({ batch: { seqFrom, records } }) => [seqFrom, records.length])

  beforeEach(async () => {
    world = await new IntakeWorld().start()
    world.register(WORKER)
    // As a relayer that lost what came before goes on: with a gap.
    await send(batch(3))
    await world.goToEpoch(1)
    await send(batch(4))
    world.intake.seal(0)
  })
  afterEach(() => world.stop())

  it('comes into the epoch that it was promised for, once, and its numbers are taken', () => {
    expect(adopt(promised(batch(1, 1n, 2n)))).to.deep.equal(['adopted'])
    expect(adopt(promised(batch(1, 1n, 2n)), promised(batch(3)))).to.deep.equal(['known', 'known'])
    expect(ranges(0)).to.deep.equal([
      [1, 2],
      [3, 1],
    ])
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 5, gaps: [] })
    expect(world.intake.recordsAccepted(0)).to.equal(3)
  })

  it('is left where nobody bound promised it, or it contradicts what is in', () => {
    const refused = [
      promised(batch(1), 1),
      promised(batch(1), 0, { relayer: 'stranger' }),
      promised(batch(1), 0, { worker: 'stranger' }),
      { ...promised(batch(1)), batch: promised(batch(1, 7n)).batch },
      promised({ ...batch(1), worker: addressOf('payer') }, 0, { worker: 'payer' }),
      promised(batch(3, 9n)),
      promised(batch(2, 1n, 2n)),
    ]
    expect(adopt(...refused)).to.deep.equal([
      'OTHER_EPOCH',
      'NOT_PROMISED',
      'BAD_SIGNATURE',
      'OTHER_BATCH',
      'UNKNOWN_WORKER',
      'CONTRADICTS',
      'CONTRADICTS',
    ])
    const settled = [{ worker: WORKER, sequence: { next: 3, gaps: [] } }]
    expect(
      world.intake.adoption({ from: 0, to: 0 }, settled).batches([promised(batch(1))]),
    ).to.have.nested.property('[0].refused', 'CONTRADICTS')
    expect(ranges(0)).to.deep.equal([[3, 1]])
  })

  it('wins against what came under its numbers for a later epoch, which then counts nowhere', () => {
    expect(adopt(promised(batch(4, 8n)))).to.deep.equal(['adopted'])
    const sequences = [{ worker: WORKER, sequence: { next: 5, gaps: [] } }]
    world.intake.rebase({ epoch: 0, closing: { ...EMPTY_STATE, sequences }, debits: [] })
    expect(ranges(1)).to.deep.equal([])
  })

  it('comes in with the next epoch where its own was emptied, unless that one has its numbers', () => {
    world.intake.seal(1)
    const adoption = world.intake.adoption({ from: 0, to: 1 }, [])
    const answers = adoption.batches([
      promised(batch(2)),
      promised(batch(4, 8n)),
      promised(batch(5), 1),
      promised(batch(6), 2),
    ])
    expect(answers.map(answer => ('refused' in answer ? answer.refused : 'adopted'))).to.deep.equal([
      'adopted',
      'CONTRADICTS',
      'adopted',
      'OTHER_EPOCH',
    ])
    expect([ranges(0), ranges(1)]).to.deep.equal([
      [
        [2, 1],
        [3, 1],
      ],
      [
        [4, 1],
        [5, 1],
      ],
    ])
  })

  it('never comes into an epoch that is still taken into', () => {
    expect(() => world.intake.adoption({ from: 1, to: 1 }, [])).to.throw(RangeError)
  })

  describe('by payers', () => {
    const receipt = (changes: Partial<Receipt>, payer = 'payer'): SignedReceipt =>
      signReceipt(inferenceReceipt({ cumulativeUnits: 10n, ...changes }), payer)
    const key = new Set([channelKey(inferenceReceipt())])
    const keep = (...shown: SignedReceipt[]) => world.intake.adoption({ from: 0, to: 0 }, []).receipts(shown)

    it('is kept when more of the epoch counts under it, holds or none', () => {
      const enough = receipt({ cumulativeCeiling: 3n * ONE })
      expect(keep(receipt({ cumulativeCeiling: 3n * ONE - 1n }))).to.equal(0)
      expect(keep(receipt({ cumulativeCeiling: 3n * ONE }, 'thief'))).to.equal(0)
      expect(
        keep(
          receipt({ cumulativeCeiling: 3n * ONE, validUntilEpoch: 0, gateway: addressOf('other gateway') }),
          enough,
        ),
      ).to.equal(1)
      expect(world.intake.receipts(key, { from: 0, to: 0 })).to.deep.equal([enough])
      expect(keep(receipt({ cumulativeCeiling: 9n * ONE })), 'nothing more counts').to.equal(0)
    })

    it('is chosen by what counts under it, whichever was shown first', () => {
      adopt(promised(batch(1, 1n, 2n)))
      const one = receipt({ cumulativeCeiling: ONE })
      const three = receipt({ cumulativeCeiling: 3n * ONE })
      expect([keep(one), keep(three), keep(one)]).to.deep.equal([1, 1, 0])
      expect(world.intake.receipts(key, { from: 0, to: 0 })).to.deep.equal([three])
    })

    it('finds room among receipts of which none is above the other: the lowest goes, never the one that counts', () => {
      const front = [5n, 2n, 9n].map(ceiling => receipt({ cumulativeCeiling: ceiling }))
      expect(makeRoom(front, front[0])).to.deep.equal([front[1]])
      expect(makeRoom(front, front[1])).to.deep.equal([front[0]])
    })
  })
})
