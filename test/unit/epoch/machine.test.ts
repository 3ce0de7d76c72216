import { expect } from 'chai'
import {
  EPOCH_PHASES,
  EPOCH_WAY,
  type EpochContext,
  type EpochEvent,
  type EpochPhase,
  type EpochState,
  openEpoch,
  stepEpoch,
} from '../../../protocol/epoch/machine.ts'
import { hash } from '../../support/epoch/cast.ts'

const context: EpochContext = { endSec: 1_000, graceSec: 30, quorum: 3, previousActive: true }
const bundleHash = hash('bundle')

function at(phase: EpochPhase, changes: Partial<EpochState> = {}): EpochState {
  const made = EPOCH_PHASES.indexOf(phase)
  return {
    ...openEpoch(4),
    phase,
    bundleHash: made >= 2 ? bundleHash : undefined,
    validUntilSec: made >= 4 ? 2_000 : undefined,
    ...changes,
  }
}

/** `phase attempt: effects` after an event. */
function stepped(state: EpochState, event: EpochEvent, changes: Partial<EpochContext> = {}): string {
  const step = stepEpoch(state, event, { ...context, ...changes })
  const effects = step.effects.map(({ type }) => type).join(', ')
  return `${step.state.phase} ${step.state.attempt}: ${effects}`
}

const tick = (finalSec: number): EpochEvent => ({ type: 'tick', finalSec })
const copied = (copies: number): EpochEvent => ({ type: 'copied', copies })
const certified: EpochEvent = { type: 'certified', validUntilSec: 2_000 }

describe('the epoch machine', () => {
  it('goes from open to final, one effect a phase', () => {
    const events: EpochEvent[] = [
      tick(1_030),
      { type: 'computed', bundleHash },
      copied(3),
      certified,
      { type: 'staged' },
      { type: 'activated' },
      { type: 'finalised' },
    ]
    const trace: string[] = []
    events.reduce((state, event) => {
      trace.push(stepped(state, event))
      return stepEpoch(state, event, context).state
    }, openEpoch(4))
    expect(trace).to.deep.equal([
      'sealed 0: compute',
      'computed 0: publish',
      'published 0: collect-signatures',
      'certified 0: stage',
      'staged 0: activate',
      'active 0: announce',
      'final 0: prune',
    ])
  })

  it('stays open until a finalised block is past the end and the grace', () => {
    expect(stepped(at('open'), tick(1_029))).to.equal('open 0: ')
    expect(stepped(at('open'), tick(1_030))).to.equal('sealed 0: compute')
  })

  it('repeats what a phase needs on every tick', () => {
    const repeated = EPOCH_WAY.slice(1).map(phase => stepped(at(phase), tick(1_500)))
    expect(repeated).to.deep.equal([
      'sealed 0: compute',
      'computed 0: publish',
      'published 0: collect-signatures',
      'certified 0: stage',
      'staged 0: activate',
      'active 0: announce',
      'final 0: prune',
    ])
  })

  it('computes again what was lost before anybody could sign it, under the same attempt', () => {
    const event: EpochEvent = { type: 'lost' }
    expect(stepped(at('computed', { attempt: 2 }), event)).to.equal('sealed 2: compute')
    expect(stepEpoch(at('computed'), event, context).state).to.deep.equal({
      ...openEpoch(4),
      phase: 'sealed',
    })
    expect(stepped(at('published'), event)).to.equal('published 0: ')
    expect(stepped(at('certified'), event)).to.equal('certified 0: ')
  })

  it('lets a certificate expire only until it is staged', () => {
    expect(stepped(at('staged'), tick(3_000))).to.equal('staged 0: activate')
  })

  it('does not count as published with fewer copies than a quorum', () => {
    expect(stepped(at('computed'), copied(2))).to.equal('computed 0: ')
  })

  it('stages strictly in order', () => {
    expect(stepped(at('published'), certified, { previousActive: false })).to.equal('certified 0: ')
    expect(stepped(at('certified'), tick(1_500), { previousActive: false })).to.equal('certified 0: ')
  })

  it('makes another attempt after refusal, veto or expiry, and forgets the report of the last', () => {
    expect(stepped(at('published'), { type: 'refused' })).to.equal('sealed 1: compute')
    expect(stepped(at('staged'), { type: 'vetoed', nextAttempt: 1 })).to.equal('sealed 1: compute')
    expect(stepped(at('certified'), tick(2_000))).to.equal('sealed 1: compute')
    const { state } = stepEpoch(at('staged'), { type: 'vetoed', nextAttempt: 1 }, context)
    expect(state).to.deep.equal({ ...openEpoch(4), phase: 'sealed', attempt: 1 })
  })

  it('follows the chain when somebody else stages or activates', () => {
    for (const phase of EPOCH_PHASES.slice(0, 5)) {
      expect(stepped(at(phase), { type: 'staged' })).to.equal('staged 0: activate')
      expect(stepped(at(phase), { type: 'activated' })).to.equal('active 0: announce')
    }
    expect(stepped(at('active'), { type: 'staged' })).to.equal('active 0: ')
    expect(stepped(at('final'), { type: 'activated' })).to.equal('final 0: ')
  })

  it('goes on after a veto with the first attempt that the chain takes, wherever it stands', () => {
    const event: EpochEvent = { type: 'vetoed', nextAttempt: 5 }
    expect(stepped(at('open'), event)).to.equal('open 5: ')
    for (const phase of EPOCH_PHASES.slice(1, 6))
      expect(stepped(at(phase, { attempt: 2 }), event), phase).to.equal('sealed 5: compute')
    for (const phase of ['active', 'final', 'emptied'] as const)
      expect(stepped(at(phase), event), phase).to.equal(`${phase} 0: `)
  })

  it('keeps an attempt that the chain takes, whatever was vetoed before it', () => {
    for (const phase of EPOCH_PHASES)
      expect(stepped(at(phase, { attempt: 5 }), { type: 'vetoed', nextAttempt: 5 })).to.equal(`${phase} 5: `)
  })

  it('has no report once a quorum has emptied it, and does nothing more', () => {
    for (const phase of EPOCH_PHASES.filter(phase => phase !== 'final'))
      expect(stepped(at(phase, { attempt: 2 }), { type: 'emptied' }), phase).to.equal('emptied 2: ')
    expect(stepEpoch(at('certified'), { type: 'emptied' }, context).state).to.deep.equal({
      ...openEpoch(4),
      phase: 'emptied',
    })
    expect(stepped(at('final'), { type: 'emptied' })).to.equal('final 0: ')
    expect(stepped(at('emptied'), tick(3_000))).to.equal('emptied 0: ')
    expect(stepped(at('emptied'), { type: 'staged' })).to.equal('emptied 0: ')
  })

  it('begins again after a reorganisation that undoes that, under another attempt, or follows the chain', () => {
    expect(stepped(at('emptied'), { type: 'reorganised' })).to.equal('sealed 1: compute')
    expect(stepped(at('emptied'), { type: 'activated' })).to.equal('active 0: announce')
  })

  it('goes back after a reorganisation to what it still has', () => {
    const event: EpochEvent = { type: 'reorganised' }
    expect(stepped(at('active'), event)).to.equal('certified 0: stage')
    expect(stepped(at('staged', { validUntilSec: undefined }), event)).to.equal('computed 0: publish')
    const foreign = at('staged', { validUntilSec: undefined, bundleHash: undefined })
    expect(stepped(foreign, event)).to.equal('sealed 0: compute')
    expect(stepped(at('final'), event)).to.equal('final 0: ')
  })

  it('changes nothing on events that come out of turn', () => {
    const late: EpochEvent[] = [
      { type: 'computed', bundleHash },
      copied(4),
      { type: 'lost' },
      certified,
      { type: 'refused' },
      { type: 'vetoed', nextAttempt: 0 },
      { type: 'finalised' },
    ]
    for (const event of late) expect(stepped(at('open'), event)).to.equal('open 0: ')
    for (const event of late) expect(stepped(at('final'), event)).to.equal('final 0: ')
  })
})
