import { expect } from 'chai'
import { RateLimit } from '../../../oracle-node/auditing/rate-limit.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

describe('the limit of requests', () => {
  const EACH = { perSec: 2, burst: 5 }
  let clock: FakeClock
  let limit: RateLimit

  beforeEach(() => {
    clock = new FakeClock(1_000)
    limit = new RateLimit({ each: EACH }, clock)
  })

  /** How many of so many requests it lets through. */
  const allowed = (count: number, addressOf: (index: number) => string, by = limit): number =>
    Array.from({ length: count }, (_, index) => by.allows(addressOf(index))).filter(Boolean).length

  it('lets a burst through, and then so many a second', () => {
    expect(allowed(9, () => '10.0.0.1')).to.equal(5)
    expect(allowed(9, () => '10.0.0.2')).to.equal(5)
    clock.busy(1_500)
    expect(allowed(9, () => '10.0.0.1')).to.equal(3)
    clock.busy(3_600_000)
    expect(allowed(9, () => '10.0.0.1')).to.equal(5)
    expect([
      limit.allows('10.0.0.3', 6),
      limit.allows('10.0.0.3', 5),
      limit.allows('10.0.0.3'),
    ]).to.deep.equal([...[false, true, false]])
  })

  it('takes all addresses of a /64 for one, however they are written, and no others', () => {
    expect(allowed(200, index => `2001:db8::${(index + 1).toString(16)}`)).to.equal(5)
    for (const same of ['2001:db8::', '2001:db8::1:0:0:5', '2001:db8:0:0:ffff:1:2:3'])
      expect(limit.allows(same), same).to.equal(false)
    const others = ['2001:db8:0:1::5', '2001:db8:1::5', '2001:db9::5', '::5', '1::', 'fe80::1%eth0']
    for (const other of others) expect(limit.allows(other), other).to.equal(true)
    expect(allowed(9, index => `::${index + 1}`)).to.equal(4)
  })

  it('takes an IPv4 address for one, also where it is written as an IPv6 address', () => {
    expect(allowed(5, () => '10.0.0.1')).to.equal(5)
    expect(limit.allows('::ffff:10.0.0.1')).to.equal(false)
    expect(limit.allows('::ffff:10.0.0.2')).to.equal(true)
    expect(allowed(20, index => `::ffff:10.0.1.${index}`)).to.equal(20)
  })

  it('lets so many through of all together, without a charge to those that it keeps out', () => {
    const both = new RateLimit({ each: EACH, all: { perSec: 10, burst: 20 } }, clock)
    expect(allowed(500, index => `10.0.${index >> 8}.${index & 255}`, both)).to.equal(20)
    expect(allowed(9, () => '10.9.9.9', both)).to.equal(0)
    clock.busy(1_000)
    expect(allowed(9, () => '10.9.9.9', both)).to.equal(5)
    expect(allowed(500, index => `10.1.${index >> 8}.${index & 255}`, both)).to.equal(5)
  })

  it('forgets who has been away longest, and nobody else, when there are too many', () => {
    const crowd = (from: number, count: number) =>
      allowed(count, index => `10.1.${(from + index) >> 8}.${(from + index) & 255}`)
    expect(allowed(9, () => '10.0.0.1')).to.equal(5)
    expect(allowed(9, () => '10.0.0.2')).to.equal(5)
    crowd(0, 4_000)
    expect(limit.allows('10.0.0.2')).to.equal(false)
    crowd(4_000, 1_000)
    expect(limit.allows('10.0.0.2')).to.equal(false)
    expect(allowed(9, () => '10.0.0.1')).to.equal(5)
  })
})
