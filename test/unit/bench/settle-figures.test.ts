import { expect } from 'chai'
import { figuresOf, limitLines } from '../../../bench/settle/figures.ts'
import type { ClaimGas, SizeGas } from '../../../bench/settle/measure.ts'

const CLAIM: ClaimGas = { plain: 100_000, delegated: 150_000, many: new Map([[10, 700_000]]) }

const FEW: SizeGas = {
  size: 10,
  settles: [99_990, 100_000, 100_020],
  activates: [150_000, 150_010, 150_000],
  claims: undefined,
}

const MANY: SizeGas = {
  size: 1_000_000,
  settles: [100_100, 100_200, 100_150],
  activates: [150_000, 150_020, 199_000],
  claims: { first: { ...CLAIM, plain: 105_000 }, later: { ...CLAIM, plain: 70_000 } },
}

function figureNamed(metric: string, sizes: readonly SizeGas[] = [FEW, MANY]): number | undefined {
  return figuresOf(sizes, 200_000).find(item => item.metric === metric)?.value
}

describe('the figures of the settlement benchmark', () => {
  it('have these names, whatever is measured', () => {
    expect(figuresOf([FEW, MANY], 200_000).map(({ metric }) => metric)).to.deep.equal([
      'settle_gas_10',
      'settle_gas_1000000',
      'settle_gas_spread',
      'activate_gas_10',
      'activate_gas_1000000',
      'settle_plus_activate_gas_max',
      'settle_at_once_gas',
      'claim_first_gas_1000000',
      'claim_first_delegated_gas_1000000',
      'claim_first_of_10_gas_1000000',
      'claim_later_gas_1000000',
      'claim_later_delegated_gas_1000000',
      'claim_later_of_10_gas_1000000',
    ])
  })

  it('are medians, but the dearest epoch counts for what settle and activate cost together', () => {
    expect(figureNamed('settle_gas_1000000')).to.equal(100_150)
    expect(figureNamed('activate_gas_1000000')).to.equal(150_020)
    expect(figureNamed('settle_plus_activate_gas_max')).to.equal(100_150 + 199_000)
  })

  it('say how far apart the medians of the sizes are', () => {
    expect(figureNamed('settle_gas_spread')).to.equal(150)
  })

  it('divide one transaction for many accounts by their number', () => {
    expect(figureNamed('claim_later_of_10_gas_1000000')).to.equal(70_000)
  })
})

describe('the limits of the settlement benchmark', () => {
  it('hold up to and including the limit', () => {
    const lines = limitLines([{ ...FEW, settles: [99_950] }, MANY])
    expect(lines).to.have.length(4)
    for (const line of lines) expect(line).to.match(/ holds$/)
  })

  it('do not hold one above it', () => {
    const dear = {
      ...MANY,
      activates: [150_000, 150_020, 199_851],
      claims: { first: { ...CLAIM, plain: 105_001 }, later: { ...CLAIM, plain: 70_001 } },
    }
    const lines = limitLines([{ ...FEW, settles: [99_949] }, dear])
    expect(lines).to.have.length(4)
    for (const line of lines) expect(line).to.match(/ DOES NOT HOLD$/)
  })

  it('say nothing of claims where there were none', () => {
    expect(limitLines([FEW]).join('\n')).not.to.include('claim')
  })
})
