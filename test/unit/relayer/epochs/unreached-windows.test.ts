import { expect } from 'chai'
import { describeRefusal, placeOf, refuse } from '../../../../protocol/epoch/audit-types.ts'
import { unreachedWindows, withoutWindows } from '../../../../relayer/epochs/unreached-windows.ts'
import { inputsOf } from '../../../support/epoch/world.ts'

describe('windows that did not reach every node', () => {
  /** As a node says it. */
  const refusal = (
    window: number,
    attempt = 0,
    slot = 1,
    code: 'COMMITMENTS_ROOT' | 'TOTALS' = 'COMMITMENTS_ROOT',
  ) => {
    const refused = refuse(code, {
      part: 'windows',
      index: 2,
      key: String(window),
      expected: 'no root in time',
    })
    return { attempt, slot, code, where: placeOf(refused.where), text: describeRefusal(refused) }
  }

  it('are those that more nodes than may lie have refused in attempts before', () => {
    const both = (window: number, attempt: number) => [refusal(window, attempt), refusal(window, attempt, 3)]
    const totals = [refusal(26, 0, 1, 'TOTALS'), refusal(26, 0, 3, 'TOTALS')]
    const refusals = [...both(21, 0), ...both(24, 1), ...both(25, 2), ...totals]
    expect([...unreachedWindows(refusals, 2, 1)]).to.deep.equal([21, 24])
    expect(unreachedWindows(refusals, 0, 1).size).to.equal(0)
  })

  it('are none that one node names, however often', () => {
    const refusals = [refusal(21), refusal(21, 1), refusal(24), refusal(24, 1, 3)]
    expect([...unreachedWindows(refusals, 2, 1)]).to.deep.equal([24])
  })

  it('are left out with all their results, and the others are not', () => {
    const taken = inputsOf()
    const without = withoutWindows(taken, new Set([7]))
    expect([without.windows, without.results]).to.deep.equal([[], []])
    expect(without.batches).to.equal(taken.batches)
    expect(withoutWindows(taken, new Set([8])).results).to.deep.equal(taken.results)
  })

  it('are none where a refusal names none', () => {
    const elsewhere = [
      { part: 'report', key: 'commitmentsRoot' },
      { part: 'results', index: 3 },
      { part: 'windows', key: 'of my house' },
    ] as const
    const refusals = elsewhere.map(where => ({ ...refusal(3), where }))
    expect(unreachedWindows(refusals, 1, 0).size).to.equal(0)
  })
})
