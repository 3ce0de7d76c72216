import { expect } from 'chai'
import { MAINNET_EMISSION, scheduledIn, YEAR_SEC } from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'

describe('the schedule of epochs of a minute', () => {
  it('adds up to 22,300,000 IO to the wei over the 26,280,000 epochs of fifty years', () => {
    const terms = { ...MAINNET_EMISSION, epochLengthSec: 60n }
    const epochs = Number((50n * YEAR_SEC) / terms.epochLengthSec)
    expect(epochs).to.equal(26_280_000)
    let total = 0n
    for (let epoch = 0; epoch < epochs; epoch++) total += scheduledIn(terms, epoch)
    expect(total).to.equal(22_300_000n * ONE)
  }).timeout(600_000)
})
