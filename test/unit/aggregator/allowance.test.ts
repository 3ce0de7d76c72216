import { expect } from 'chai'
import { Allowance, addressKey, DEFAULT_ALLOWANCE } from '../../../aggregator/feed/allowance.ts'
import { Readers } from '../../../aggregator/feed/readers.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

describe('what readers of a feed get of an aggregator', () => {
  let clock: FakeClock
  beforeEach(() => {
    clock = new FakeClock()
  })
  const taken = (allowance: Allowance, address: string, times: number): number =>
    Array.from({ length: times }, () => allowance.request(address)).filter(refused => refused === undefined)
      .length

  it('is so many requests at once and a second for each address, and says when to come back', () => {
    const allowance = new Allowance(DEFAULT_ALLOWANCE, clock)
    expect(taken(allowance, '192.0.2.1', 50)).to.equal(40)
    expect(allowance.request('192.0.2.1')).to.deep.equal({ problem: 'TOO_MANY_REQUESTS', retryAfterSec: 1 })
    expect(taken(allowance, '192.0.2.2', 50)).to.equal(40)
    clock.busy(1_000)
    expect(taken(allowance, '192.0.2.1', 50)).to.equal(20)
  })

  it('is so many bytes of pages for each address, and for all together', () => {
    const rate = { perSec: 100, burst: 1_000 }
    const allowance = new Allowance({ ...DEFAULT_ALLOWANCE, bytes: rate, allPages: rate }, clock)
    expect(allowance.page('192.0.2.1')).to.equal(undefined)
    allowance.spent('192.0.2.1', 600)
    allowance.spent('192.0.2.2', 600)
    expect(allowance.page('192.0.2.3')).to.deep.equal({ problem: 'BUSY', retryAfterSec: 3 })
    allowance.spent('192.0.2.1', 600)
    expect(allowance.page('192.0.2.1')?.problem).to.equal('TOO_MANY_REQUESTS')
    clock.busy(10_000)
    expect(allowance.page('192.0.2.1')).to.equal(undefined)
  })

  it('is remembered of a bounded number of addresses; the others share while all are busy', () => {
    const allowance = new Allowance({ ...DEFAULT_ALLOWANCE, maxAddresses: 10 }, clock)
    const others = Array.from({ length: 1_000 }, (_, index) => `198.51.100.${index}`)
    const served = others.map(address => taken(allowance, address, 1)).filter(Boolean).length
    expect(served).to.equal(10 + 40)
    expect(allowance.addresses).to.be.at.most(11)
    clock.busy(60_000)
    for (const address of others.slice(500)) allowance.request(address)
    expect(allowance.addresses).to.be.at.most(11)
  })

  it('is one for all addresses that somebody with one of IPv6 has, and for both notations of IPv4', () => {
    expect(addressKey('::ffff:192.0.2.1')).to.equal(addressKey('192.0.2.1'))
    expect(addressKey('2001:db8:0:5::1')).to.equal(addressKey('2001:db8:0:5:ffff::9'))
    expect(addressKey('2001:db8::1')).to.equal(addressKey('2001:db8:0:0:1::'))
    expect(addressKey('2001:db8:0:5::1')).not.to.equal(addressKey('2001:db8:0:6::1'))
    expect(addressKey('::1')).to.equal('0:0:0:0::/64')
  })

  it('is one look into the store in a turn of the event loop, however many are behind', async () => {
    let looks = 0
    const report = { round: 1 } as never
    const store = {
      ascending: () => {
        looks++
        return Array.from({ length: 8 }, () => report)
      },
      highestRound: () => 0,
      oldestRound: () => 1,
      prunedUpTo: () => 0,
    }
    const budget = { waitMs: () => 0, spend: () => {} }
    const options = {
      ...{ maxReaders: 256, maxReadersOfAddress: 256, highWater: 1_000_000 },
      ...{ stallMs: 1_000, pingMs: 1_000 },
    }
    const readers = new Readers(options, { store, budget, clock, logger: recordLogger() })
    readers.start()
    const line = { write: () => {}, ping: () => true, end: () => {} }
    for (let index = 0; index < 100; index++) readers.add(line, '192.0.2.1').begin(0)
    expect(looks).to.equal(0)
    const seen: number[] = []
    for (let turn = 0; turn < 20; turn++) {
      const before = looks
      await new Promise(resolve => setImmediate(resolve))
      seen.push(looks - before)
    }
    readers.stop()
    expect(Math.max(...seen)).to.equal(1)
  })
})
