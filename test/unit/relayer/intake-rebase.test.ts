import { expect } from 'chai'
import { EMPTY_STATE } from '../../../protocol/epoch/state.ts'
import { encodeSignedBatch, type UsageBatch } from '../../../protocol/usage/batch.ts'
import { decodeInclusion } from '../../../protocol/usage/inclusion.ts'
import { signBatch } from '../../support/epoch/cast.ts'
import { hire, WORKER } from '../../support/epoch/world.ts'
import { IntakeWorld } from '../../support/relayer/intake-world.ts'

describe('sequence numbers at the relayer', () => {
  let world: IntakeWorld
  const batch = (seqFrom: number): UsageBatch => ({ worker: WORKER, seqFrom, records: [hire(), hire()] })
  const send = (seqFrom: number) =>
    world.post('/v1/batches', encodeSignedBatch(signBatch(batch(seqFrom), 'worker')))
  const left = (next: number) => ({
    epoch: 0,
    closing: { ...EMPTY_STATE, sequences: [{ worker: WORKER, sequence: { next, gaps: [] } }] },
    debits: [],
  })

  beforeEach(async () => {
    world = await new IntakeWorld().start()
    world.register(WORKER)
    await send(1)
    await world.goToEpoch(1)
    await send(3)
  })
  afterEach(() => world.stop())

  it('stay as they are when an epoch was the relayer’s own work', () => {
    world.intake.rebase(left(3))
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 5, gaps: [] })
    expect(world.intake.batches(1)).to.have.length(1)
  })

  it('that another relayer has taken count as taken, and what overlaps with them is gone', async () => {
    world.intake.rebase(left(11))
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 11, gaps: [] })
    expect(world.intake.batches(1)).to.deep.equal([])
    expect(world.logger.lines.map(({ level, fields }) => [level, fields])).to.deep.include([
      'warn',
      { epoch: 0, dropped: 1 },
    ])
    expect((await send(3)).json['code']).to.equal('ALREADY_TAKEN')
    expect((await send(11)).status).to.equal(200)
  })

  it('that an epoch has left out can be sent again, for a later one', async () => {
    world.intake.rebase({ epoch: 0, closing: EMPTY_STATE, debits: [] })
    expect(world.intake.sequenceOf(WORKER)).to.deep.equal({ next: 5, gaps: [{ from: 1, to: 2 }] })
    expect(decodeInclusion((await send(1)).bytes).receipt.epoch).to.equal(1)
    expect(world.intake.batches(1)).to.have.length(2)
  })

  it('are remembered when the batches are forgotten', async () => {
    world.intake.rebase(left(3))
    world.intake.prune(1)
    expect(world.intake.batches(0)).to.deep.equal([])
    expect((await send(1)).json['code']).to.equal('ALREADY_TAKEN')
    expect(world.intake.recordsAccepted(0)).to.equal(2)
  })
})
