import { expect } from 'chai'
import { ReportCounter } from '../../../devnet/report-counter.ts'

describe('report counter', () => {
  it('counts each round once, in whatever order and however often it is told', () => {
    const counter = new ReportCounter()
    for (const round of [30, 10, 20, 10, 30]) counter.add(round)
    expect(counter.count).to.equal(3)
  })

  it('goes on counting rightly when it has forgotten the oldest rounds', () => {
    const counter = new ReportCounter()
    for (let round = 0; round < 5_000; round += 1) counter.add(round)
    for (let round = 0; round < 5_000; round += 1) counter.add(round)
    expect(counter.count).to.equal(5_000)
  })
})
