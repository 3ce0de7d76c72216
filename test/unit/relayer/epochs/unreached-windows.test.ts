import { expect } from 'chai'
import { describeRefusal, refuse } from '../../../../protocol/epoch/audit-types.ts'
import { unreachedWindows, withoutWindows } from '../../../../relayer/epochs/unreached-windows.ts'
import { inputsOf } from '../../../support/epoch/world.ts'

describe('windows that did not reach every node', () => {
  /** As a node says it. */
  const refusal = (window: number, attempt = 0, code: 'COMMITMENTS_ROOT' | 'TOTALS' = 'COMMITMENTS_ROOT') => {
    const refused = refuse(code, {
      part: 'windows',
      index: 2,
      key: `window ${window}`,
      expected: 'no root in time',
    })
    return { attempt, slot: 1, code, text: describeRefusal(refused) }
  }

  it('are those that any node has refused in an attempt before', () => {
    const refusals = [refusal(21), refusal(24, 1), refusal(25, 2), refusal(26, 0, 'TOTALS')]
    expect([...unreachedWindows(refusals, 2)]).to.deep.equal([21, 24])
    expect(unreachedWindows(refusals, 0).size).to.equal(0)
  })

  it('are left out with all their results, and the others are not', () => {
    const taken = inputsOf()
    const without = withoutWindows(taken, new Set([7]))
    expect([without.windows, without.results]).to.deep.equal([[], []])
    expect(without.batches).to.equal(taken.batches)
    expect(withoutWindows(taken, new Set([8])).results).to.deep.equal(taken.results)
  })

  it('are none where a refusal names none', () => {
    expect(unreachedWindows([{ ...refusal(3), text: 'COMMITMENTS_ROOT: report' }], 1).size).to.equal(0)
  })
})
