import { expect } from 'chai'
import { chainEpochsOf } from '../../../dashboard/src/model/chain-epochs.ts'
import { type ClaimedReward, MAX_CLAIMS, rewardBars } from '../../../dashboard/src/model/claims.ts'
import {
  chainTimeSec,
  progressOf,
  runningEpoch,
  runningNow,
} from '../../../dashboard/src/model/epoch-clock.ts'
import { percentOf, shownBytes } from '../../../dashboard/src/model/format.ts'
import { parsePageConfig } from '../../../dashboard/src/model/page-config.ts'
import { initialState, step } from '../../../dashboard/src/model/state.ts'
import type { Wei } from '../../../protocol/units.ts'
import { aConfig } from '../../support/dashboard/a-config.ts'
import { ECONOMY_CONTRACTS, WORKERS } from '../../support/dashboard/economy.ts'
import { settledChain } from '../../support/dashboard/epochs.ts'

const claim = (block: number, amount: bigint): ClaimedReward => ({
  id: `${block}/0`,
  block,
  account: WORKERS[0] ?? '0x',
  amount: amount as Wei,
})

describe('the bars of rewards', () => {
  const { events, figures } = settledChain(3)
  const epochs = chainEpochsOf(events)
  // Epochs 0, 1 and 2 are posted in blocks 100, 101 and 102.
  const bars = (claims: ClaimedReward[], max = 24) => rewardBars(epochs, claims, max)

  it('are postings, oldest first, split by what they pay for', () => {
    const [first, ...others] = bars([])
    expect(others.map(bar => bar.epoch)).to.deep.equal([1, 2])
    expect(first).to.deep.equal({
      epoch: 0,
      hired: figures.hired,
      availability: figures.availability,
      passed: figures.debitIo,
      posted: figures.hired + figures.availability + figures.debitIo,
      claimed: 0n,
    })
  })

  it('have the claims from one posting to the next', () => {
    const claims = [claim(150, 7n), claim(102, 3n), claim(101, 2n), claim(99, 9n)]
    expect(bars(claims).map(bar => bar.claimed)).to.deep.equal([0n, 2n, 10n])
  })

  it('say nothing of claims where not all are known', () => {
    const many = Array.from({ length: MAX_CLAIMS }, () => claim(101, 1n))
    expect(bars(many).map(bar => bar.claimed)).to.deep.equal([null, null, 0n])
  })

  it('are bounded', () => {
    expect(bars([], 2).map(bar => bar.epoch)).to.deep.equal([1, 2])
  })
})

describe('the running epoch', () => {
  const clock = { startSec: 1_000, lengthSec: 40 }

  it('is told by the time of the newest block and what has passed since it was seen', () => {
    const timeSec = chainTimeSec({ blockSec: 1_090, seenAtMs: 5_000 }, 6_500)
    expect(timeSec).to.equal(1_091.5)
    const running = runningEpoch(clock, timeSec)
    expect(running).to.deep.equal({ epoch: 2, elapsedSec: 11.5, leftSec: 28.5, lengthSec: 40 })
    expect(running === undefined ? '' : progressOf(running)).to.equal('28.8%')
  })

  it('stands still with a chain that makes no blocks', () => {
    const newest = { blockSec: 1_090, seenAtMs: 5_000 }
    expect(chainTimeSec(newest, 90_000)).to.equal(1_094)
    expect(chainTimeSec(newest, 1_000)).to.equal(1_090)
  })

  it('is none before the first one', () => {
    expect(runningEpoch(clock, 999)).to.equal(undefined)
  })

  it('is told by the epochs of a relayer where the page does not know the clock', () => {
    const chain = { blockSec: 1_090, seenAtMs: 0 } as never
    const relayer = (epoch: object) => ({ epochs: [epoch] }) as never
    const config = aConfig()
    const known = { epoch: 1, startSec: 1_040, endSec: 1_080 }
    expect(runningNow({ chain, config, relayer: relayer(known) }, 0)?.epoch).to.equal(2)
    expect(runningNow({ chain, config, relayer: relayer({ ...known, endSec: 1_040 }) }, 0)).to.equal(
      undefined,
    )
    expect(runningNow({ chain, config, relayer: null }, 0)).to.equal(undefined)
  })

  it('goes on counting from when a block was seen first', () => {
    const look = {
      block: 5,
      blockSec: 1_000,
      ioSupply: 0n,
      economy: null,
      groupKeys: new Map(),
    } as never as object
    const seen = (seenAtMs: number, block = 5) => ({
      type: 'chain' as const,
      look: { ...look, block, seenAtMs } as never,
      fromBlock: 0,
      burns: [],
      settlements: [],
      claims: [],
    })
    const twice = step(step(initialState(aConfig()), seen(100)), seen(2_100))
    expect(twice.chain?.seenAtMs).to.equal(100)
    expect(step(twice, seen(4_100, 6)).chain?.seenAtMs).to.equal(4_100)
  })
})

describe('the configuration of the page', () => {
  const { economy: _economy, epochs: _epochs, relayer: _relayer, gateway: _gateway, ...prices } = aConfig()

  it('may be of a network with prices only', () => {
    expect(parsePageConfig(prices)).to.deep.equal(aConfig())
  })

  it('names the economy, its epochs, a relayer and a gateway', () => {
    const full = {
      ...prices,
      contracts: { ...prices.contracts, ...ECONOMY_CONTRACTS },
      epochs: { startSec: 1_000, lengthSec: 40 },
      relayer: 'http://127.0.0.1:4670/',
      gateway: 'http://127.0.0.1:4680',
    }
    expect(parsePageConfig(full)).to.deep.equal(
      aConfig({
        economy: ECONOMY_CONTRACTS,
        epochs: { startSec: 1_000, lengthSec: 40 },
        relayer: 'http://127.0.0.1:4670',
        gateway: 'http://127.0.0.1:4680',
      }),
    )
  })

  it('is refused with half an economy, or epochs of no length', () => {
    const { escrow: _escrow, ...half } = ECONOMY_CONTRACTS
    expect(() => parsePageConfig({ ...prices, contracts: { ...prices.contracts, ...half } })).to.throw(
      'escrow',
    )
    expect(() => parsePageConfig({ ...prices, epochs: { startSec: 1, lengthSec: 0 } })).to.throw('lengthSec')
  })
})

describe('sizes on the page', () => {
  it('are parts of a whole, cut at a hundredth of a percent and never outside it', () => {
    expect([percentOf(1n, 3n), percentOf(5n, 3n), percentOf(0n, 3n), percentOf(1n, 0n)]).to.deep.equal([
      '33.33%',
      '100.00%',
      '0%',
      '0%',
    ])
  })

  it('are bytes in the unit that one would say', () => {
    expect([412, 48_211, 3_100_000].map(shownBytes)).to.deep.equal(['412 B', '48.2 kB', '3.1 MB'])
  })
})
