import { expect } from 'chai'
import { reportKeysOf } from '../../../cli/verify/report-trust.ts'

describe('the keys that a report is checked against', () => {
  it('each have the time from their own switch to that of the next one', () => {
    const installed = [1, 2, 3].map(keyEpoch => ({
      ...{ keyEpoch, px: BigInt(keyEpoch), memberSet: 1 },
      switchesAtSec: 100 * keyEpoch,
    }))
    expect(reportKeysOf(installed)).to.deep.equal([
      { keyEpoch: 1, x: 1n, fromMs: 100_000, untilMs: 200_000 },
      { keyEpoch: 2, x: 2n, fromMs: 200_000, untilMs: 300_000 },
      { keyEpoch: 3, x: 3n, fromMs: 300_000 },
    ])
  })
})
