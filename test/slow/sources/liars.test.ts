import { expect } from 'chai'
import { LIARS_CASES, runLiars } from '../../support/sources/check-liars.ts'

describe('liars, as many as can be borne', function () {
  this.timeout(600_000)

  it('never move the price in the cases that are not run with every test either', () => {
    const cases = LIARS_CASES.all - LIARS_CASES.everyTime
    const startedAtMs = performance.now()
    const { priced, broken } = runLiars(LIARS_CASES.everyTime, cases)
    const seconds = (performance.now() - startedAtMs) / 1_000
    process.stdout.write(`      ${cases} cases, ${priced} with a price, in ${seconds.toFixed(1)} s\n`)
    expect(broken).to.deep.equal([])
    expect(priced).to.be.above(cases / 2)
  })
})
