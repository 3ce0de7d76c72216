import { expect } from 'chai'
import { participantsOf, withFound } from '../../../aggregator/keygen/exclusions.ts'
import type { Exclusion } from '../../../protocol/keygen/blame.ts'

const PRESENT = [0, 1, 2, 3]
const Q = 3
const silent = (slot: number): Exclusion => ({ slot, fault: 'SILENT', what: 'report' })
const proven = (slot: number): Exclusion => ({
  slot,
  fault: 'BAD_PROOF',
  proof: { fault: 'BAD_PROOF', slot, commitment: new Uint8Array() },
})

describe('the participants of the next attempt', () => {
  it('are all that are not excluded', () => {
    expect(participantsOf([silent(1)], PRESENT, Q).participants).to.deep.equal([0, 2, 3])
    expect(participantsOf([], PRESENT, Q).participants).to.deep.equal(PRESENT)
  })

  it('are never fewer than a quorum: what is not proven is forgiven first', () => {
    expect(participantsOf([silent(1), proven(2)], PRESENT, Q)).to.deep.equal({
      participants: [0, 1, 3],
      excluded: [proven(2)],
    })
    expect(participantsOf([silent(1), silent(2)], PRESENT, Q)).to.deep.equal({
      participants: PRESENT,
      excluded: [],
    })
  })

  it('are all again when more are proven to lie than the network can bear', () => {
    expect(participantsOf([proven(1), proven(2)], PRESENT, Q).participants).to.deep.equal(PRESENT)
  })

  it('are found without one member once, with its proof', () => {
    expect(withFound([silent(1)], [proven(1), silent(2)])).to.deep.equal([proven(1), silent(2)])
    expect(withFound([proven(1)], [silent(1)])).to.deep.equal([proven(1)])
  })
})
