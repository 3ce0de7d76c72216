import { expect } from 'chai'
import fc from 'fast-check'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { type Action, type EpochScript, History, LONGEST } from '../../support/economics/history.ts'
import { SEED } from '../../support/economics/market-arbitraries.ts'

const payer = fc.nat(1)
const asset = fc.constantFrom(ASSET.io, ASSET.iosd)
const part = fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 100 }))
const whose = { payer, asset }

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constantFrom('deposit' as const, 'request' as const), ...whose, part }),
  fc.record({ type: fc.constant('request' as const), ...whose, part }),
  fc.record({ type: fc.constant('cancel' as const), ...whose }),
  fc.record({ type: fc.constant('finish' as const), ...whose }),
  fc.record({ type: fc.constant('finish' as const), ...whose }),
  fc.record({
    type: fc.constant('hold' as const),
    ...whose,
    worker: fc.nat(1),
    part,
    lasts: fc.nat(LONGEST),
    behind: fc.nat(100),
  }),
  fc.record({ type: fc.constant('charge' as const), hold: fc.nat(4), part }),
  fc.record({ type: fc.constant('charge' as const), hold: fc.nat(4), part }),
)
const settle: Action = { type: 'settle' }

/** So often an epoch is proposed or made active in each: twice is what it takes to keep up. */
const paces = { prompt: 4, lagging: 2, rare: 1 }

function script(settles: fc.Arbitrary<number>, hasPrice: fc.Arbitrary<boolean>) {
  const epoch: fc.Arbitrary<EpochScript> = fc
    .record({
      hasPrice,
      actions: fc.array(action, { minLength: 2, maxLength: 12, size: 'max' }),
      settles,
      offset: fc.nat(10),
    })
    .map(({ hasPrice: priced, actions, settles: times, offset }) => {
      const all = [...actions]
      // Where in the epoch it happens is a matter of chance, too.
      for (let i = 0; i < times; i++) all.splice((offset * (i + 1)) % (all.length + 1), 0, settle)
      return { hasPrice: priced, actions: all }
    })
  return fc.array(epoch, { minLength: 5, maxLength: 14, size: 'max' })
}

const anyScript = fc.oneof(
  script(fc.constant(paces.prompt), fc.boolean()),
  script(fc.nat(paces.lagging), fc.boolean()),
  script(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constant(4)), fc.boolean()),
  script(fc.nat(paces.rare), fc.constant(true)),
)

describe('any history of deposits, holds, withdrawals and outages', () => {
  it('is settled to its end, and nobody is debited what it has not, when the relayer keeps to the rules', () => {
    let [withdrawn, late] = [0, 0]
    fc.assert(
      fc.property(anyScript, epochs => {
        const history = new History(true).play(epochs).settleAll()
        for (const { answer } of history.judged) expect(answer).to.have.property('ok')
        expect(history.settledEpochs).to.equal(history.epochs)
        expect(history.overdrawn).to.equal(false)
        withdrawn += history.paidOut > 0n ? 1 : 0
        late += history.judged.some(({ isLate }) => isLate) ? 1 : 0
      }),
      { seed: SEED, numRuns: 80 },
    )
    expect([withdrawn > 10, late > 10]).to.deep.equal([true, true])
  }).timeout(60_000)

  it('leaves no charge waiting that was priced in its epoch and settled in time', () => {
    let charged = 0
    fc.assert(
      fc.property(script(fc.integer({ min: 2, max: 4 }), fc.constant(true)), epochs => {
        const history = new History(true).play(epochs).settleAll()
        if (history.judged.some(({ isLate }) => isLate)) return
        for (const { waiting } of history.judged) expect(waiting).to.equal(0n)
        charged += history.judged.some(({ answer }) => 'ok' in answer && answer.ok.debitIosd > 0n) ? 1 : 0
      }),
      { seed: SEED, numRuns: 80 },
    )
    expect(charged).to.be.greaterThan(10)
  }).timeout(60_000)

  it('is refused in the epoch of an acceptance that counts on too much, or settles as harmlessly as any other', () => {
    let [refused, signed] = [0, 0]
    fc.assert(
      fc.property(anyScript, epochs => {
        const history = new History(false).play(epochs).settleAll()
        for (const { answer } of history.judged) {
          if ('ok' in answer) signed++
          else {
            expect(answer.refused).to.equal('HOLD_OVER_ACCEPTED')
            refused++
          }
        }
        expect(history.settledEpochs).to.equal(history.epochs)
        expect(history.overdrawn).to.equal(false)
      }),
      { seed: SEED, numRuns: 80 },
    )
    expect([refused > 10, signed > 10]).to.deep.equal([true, true])
  }).timeout(60_000)
})
