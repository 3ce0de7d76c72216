import { expect } from 'chai'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { admitBatch, BATCH_REFUSALS } from '../../../protocol/usage/admit.ts'
import { encodeSignedBatch } from '../../../protocol/usage/batch.ts'
import {
  FIRST_SEQUENCE,
  isSequenceState,
  MAX_GAPS,
  MAX_SEQUENCE_JUMP,
  type SequenceState,
  takeSequence,
} from '../../../protocol/usage/sequence.ts'
import { signBatch } from '../../support/epoch/cast.ts'
import { hire, WORKER } from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

/** Takes ranges one after the other; every one must be takeable. */
function taken(...ranges: [from: number, to: number][]): SequenceState {
  return ranges.reduce((state, [from, to]) => {
    const decision = takeSequence(state, { from, to })
    if ('refused' in decision) throw new Error(`${from} to ${to}: ${decision.refused}`)
    return decision.taken
  }, FIRST_SEQUENCE)
}

function refusal(state: SequenceState, from: number, to: number): string | undefined {
  const decision = takeSequence(state, { from, to })
  return 'refused' in decision ? decision.refused : undefined
}

describe('sequence numbers', () => {
  it('are taken in order, and leave nothing behind', () => {
    expect(taken([1, 10], [11, 20])).to.deep.equal({ next: 21, gaps: [] })
  })

  it('that were overtaken are remembered as a gap, which closes from any side', () => {
    const state = taken([1, 10], [21, 30])
    expect(state).to.deep.equal({ next: 31, gaps: [{ from: 11, to: 20 }] })
    expect(taken([1, 10], [21, 30], [14, 16])).to.deep.equal({
      next: 31,
      gaps: [
        { from: 11, to: 13 },
        { from: 17, to: 20 },
      ],
    })
    expect(taken([1, 10], [21, 30], [11, 20])).to.deep.equal({ next: 31, gaps: [] })
  })

  it('that have all been taken are told from those that overlap', () => {
    const state = taken([1, 10], [21, 30])
    expect(refusal(state, 1, 10)).to.equal('ALREADY_TAKEN')
    expect(refusal(state, 22, 23)).to.equal('ALREADY_TAKEN')
    for (const [from, to] of [
      [5, 15],
      [15, 25],
      [25, 35],
      [1, 40],
    ] as const) {
      expect(refusal(state, from, to)).to.equal('OVERLAPS')
    }
  })

  it('far ahead are refused', () => {
    expect(refusal(FIRST_SEQUENCE, 1 + MAX_SEQUENCE_JUMP, 2 + MAX_SEQUENCE_JUMP)).to.equal(undefined)
    expect(refusal(FIRST_SEQUENCE, 2 + MAX_SEQUENCE_JUMP, 2 + MAX_SEQUENCE_JUMP)).to.equal('TOO_FAR_AHEAD')
  })

  it('leave at most 64 gaps, by jumping or by splitting', () => {
    const jumps = Array.from({ length: MAX_GAPS }, (_, i): [number, number] => [10 + i * 10, 10 + i * 10])
    const state = taken(...jumps)
    expect(state.gaps).to.have.length(MAX_GAPS)
    expect(refusal(state, 1_000, 1_001)).to.equal('TOO_MANY_GAPS')
    expect(refusal(state, 5, 5)).to.equal('TOO_MANY_GAPS')
    expect(refusal(state, 1, 9)).to.equal(undefined)
  })

  it('have states that can be told from impossible ones', () => {
    expect(isSequenceState(taken([3, 4], [6, 6]))).to.equal(true)
    for (const state of [
      { next: 0, gaps: [] },
      { next: 5, gaps: [{ from: 2, to: 4 }] },
      { next: 9, gaps: [{ from: 3, to: 2 }] },
      {
        next: 9,
        gaps: [
          { from: 1, to: 2 },
          { from: 3, to: 4 },
        ],
      },
    ]) {
      expect(isSequenceState(state)).to.equal(false)
    }
  })
})

describe('the door for batches', () => {
  const signed = signBatch({ worker: WORKER, seqFrom: 1, records: [hire()] }, 'worker')
  const context = {
    domain: DOMAIN,
    isWorker: (address: string) => address === WORKER,
    sequenceOf: () => FIRST_SEQUENCE,
    crypto: nobleIdentityCrypto,
  }
  const bytes = encodeSignedBatch(signed)
  const code = (input: Uint8Array, changes: Partial<typeof context> = {}) => {
    const decision = admitBatch(input, { ...context, ...changes })
    return 'refused' in decision ? decision.refused : 'accepted'
  }

  it('takes a batch of a registered worker with its signature, once', () => {
    const decision = admitBatch(bytes, context)
    if ('refused' in decision) throw new Error(decision.refused)
    expect(decision.accepted).to.deep.equal(signed)
    expect(decision.identity.seqTo).to.equal(1)
    expect(code(bytes, { sequenceOf: () => decision.sequence })).to.equal('ALREADY_TAKEN')
  })

  it('refuses bytes, strangers and signatures with their own codes, and looks at the signature last', () => {
    const forged = encodeSignedBatch({ ...signed, signature: signBatch(signed.batch, 'thief').signature })
    expect(code(bytes.subarray(1))).to.equal('MALFORMED')
    expect(code(forged)).to.equal('BAD_SIGNATURE')
    expect(code(forged, { isWorker: () => false })).to.equal('UNKNOWN_WORKER')
    expect(BATCH_REFUSALS.at(-1)).to.equal('BAD_SIGNATURE')
  })
})
