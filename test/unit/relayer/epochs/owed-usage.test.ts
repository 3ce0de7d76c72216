import { expect } from 'chai'
import type { SignedBatch } from '../../../../protocol/usage/batch.ts'
import type { AcceptedHold } from '../../../../protocol/usage/hold.ts'
import { owedAcceptances, owedBatches } from '../../../../relayer/epochs/owed-usage.ts'
import { acceptHold, signBatch } from '../../../support/epoch/cast.ts'
import { hire, ioHold, OTHER_WORKER, WORKER } from '../../../support/epoch/world.ts'

describe('what emptied epochs leave to the next one', () => {
  const batch = (worker: typeof WORKER, seqFrom: number, records = 1): SignedBatch =>
    signBatch({ worker, seqFrom, records: Array.from({ length: records }, () => hire()) }, 'worker')
  const [low = WORKER, high = WORKER] = [WORKER, OTHER_WORKER].sort()
  const namesOf = (byEpoch: Readonly<Record<number, SignedBatch[]>>, from: number, to: number) =>
    owedBatches({ batches: epoch => byEpoch[epoch] ?? [] }, { from, to }).map(
      ({ batch: { worker, seqFrom } }) => `${worker === low ? 'low' : 'high'} ${seqFrom}`,
    )

  it('are its batches, in one order with those of the epoch itself', () => {
    const byEpoch = {
      0: [batch(low, 1)],
      1: [batch(low, 2, 2), batch(high, 1)],
      2: [batch(low, 7)],
      3: [batch(low, 4, 3), batch(high, 2)],
    }
    expect(namesOf(byEpoch, 1, 3)).to.deep.equal(['low 2', 'low 4', 'low 7', 'high 1', 'high 2'])
    expect(namesOf(byEpoch, 3, 3)).to.deep.equal(['low 4', 'high 2'])
  })

  it('have no number twice, whatever a lost disk has let in', () => {
    const byEpoch = {
      1: [batch(low, 1, 5)],
      2: [batch(low, 3), batch(low, 5, 2), batch(low, 6), batch(high, 3)],
    }
    expect(namesOf(byEpoch, 1, 2)).to.deep.equal(['low 1', 'low 6', 'high 3'])
  })

  it('are its holds that last, sorted by their bytes', () => {
    const accepted = (nonce: bigint, expiresEpoch: number, epoch: number): AcceptedHold =>
      acceptHold(ioHold({ nonce, expiresEpoch }), 'payer', { epoch })
    const byEpoch = {
      1: [accepted(3n, 3, 1), accepted(5n, 2, 1)],
      2: [accepted(2n, 3, 2), accepted(9n, 3, 2)],
      3: [accepted(4n, 3, 3)],
    } as Readonly<Record<number, AcceptedHold[]>>
    const owed = owedAcceptances({ acceptances: epoch => byEpoch[epoch] ?? [] }, { from: 1, to: 3 })
    expect(owed.map(({ hold }) => hold.nonce)).to.deep.equal([2n, 3n, 4n, 9n])
  })
})
