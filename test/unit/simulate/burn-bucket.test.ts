import { expect } from 'chai'
import { BurnBucket } from '../../../cli/simulate/burn-bucket.ts'

describe("the burn contract's bucket, as simulated demand sees it", () => {
  it('holds 1% of the supply at once', () => {
    const bucket = new BurnBucket()
    expect(bucket.burnable(1_000_099n, 5n)).to.equal(10_000n)
    bucket.burn(10_000n, 1_000_099n, 5n)
    expect(bucket.burnable(1_000_099n, 5n)).to.equal(0n)
  })

  it('leaks out in an hour, linearly, rounded down', () => {
    const bucket = new BurnBucket()
    bucket.burn(10_000n, 1_000_000n, 0n)
    expect(bucket.burnable(1_000_000n, 1n)).to.equal(2n)
    expect(bucket.burnable(1_000_000n, 1_800n)).to.equal(5_000n)
    expect(bucket.burnable(1_000_000n, 3_600n)).to.equal(10_000n)
  })

  it('has room for nothing when the supply has shrunk below what it holds', () => {
    const bucket = new BurnBucket()
    bucket.burn(10_000n, 1_000_000n, 0n)
    expect(bucket.burnable(500_000n, 0n)).to.equal(0n)
  })
})
