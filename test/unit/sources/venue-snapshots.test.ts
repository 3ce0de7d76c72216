import { expect } from 'chai'
import {
  DEFAULT_FILE,
  evaluateFile,
  MOVED_BOUND_BPS,
  PLAIN_BOUND_BPS,
  type SnapshotResult,
} from '../../../scripts/venue-snapshots.ts'

describe('against recorded venue quotes', () => {
  let results: readonly SnapshotResult[] = []

  before(function () {
    const found = evaluateFile(DEFAULT_FILE)
    if (found !== null) {
      results = found
      return
    }
    process.stderr.write(`    ${DEFAULT_FILE} is not there: skipping the comparison with recorded quotes\n`)
    this.skip()
  })

  it('every price is within 10 bps of the published one', () => {
    for (const { asset, bps } of results) expect(bps, asset).to.be.at.most(PLAIN_BOUND_BPS)
  })

  it('every price is within 20 bps when any two venues are moved by 35%', () => {
    for (const { asset, worstBps } of results) expect(worstBps, asset).to.be.at.most(MOVED_BOUND_BPS)
  })

  it('no honest venue is lost', () => {
    for (const { asset, venues, kept } of results) expect(kept, asset).to.equal(venues)
  })
})

describe('without recorded venue quotes', () => {
  it('there is nothing to compare, and no error', () => {
    expect(evaluateFile('/nonexistent/venue-snapshots.json')).to.equal(null)
  })
})
