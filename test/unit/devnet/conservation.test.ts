import { expect } from 'chai'
import {
  breachesOf,
  type ChainHoldings,
  type ConservationBreach,
  type EscrowedAsset,
} from '../../../devnet/conservation.ts'
import { MAINNET_EMISSION, poolOf } from '../../../protocol/epoch/emission.ts'
import { ONE } from '../../../protocol/units.ts'

const TERMS = { ...MAINNET_EMISSION, genesis: 1_000n * ONE }
const BURNED = [4n * ONE, 1_000n * ONE]
const HIRED = 2n * ONE
const AVAILABLE = 3n * ONE
const DEBIT_IO = ONE

/** Two epochs that each paid 5 IO of the pool, and 1 IO that payers spent. */
function holdings(changes: Partial<ChainHoldings> = {}): ChainHoldings {
  let reserve = 0n
  const pools = BURNED.map((burned, epoch) => {
    const pool = poolOf(TERMS, epoch, burned, reserve)
    reserve += pool.scheduled + pool.net - HIRED - AVAILABLE
    return { pool, reserve }
  })
  const posted = pools.map(({ pool, reserve: after }, epoch) => ({
    epoch,
    hiredPaid: HIRED,
    availabilityPaid: AVAILABLE,
    debitIo: DEBIT_IO,
    added: HIRED + AVAILABLE + DEBIT_IO,
    released: pool.released,
    reserve: after,
  }))
  const [scheduled, net] = [
    pools.reduce((sum, { pool }) => sum + pool.scheduled, 0n),
    pools.reduce((sum, { pool }) => sum + pool.net, 0n),
  ]
  const totalBurned = BURNED.reduce((sum, burned) => sum + burned, 7n)
  const funded = 12n * ONE
  const asset = (debited: bigint): EscrowedAsset => {
    const held = 90n * ONE - debited
    return { deposited: 100n * ONE, withdrawn: 10n * ONE, debited, held, balance: held }
  }
  return {
    terms: TERMS,
    epochCounts: [2, 2, 2],
    scheduled,
    net,
    burnedIn: BURNED,
    totalBurned,
    iosdMinted: 500n * ONE,
    ioSupply: TERMS.genesis + scheduled + net - totalBurned,
    iosdSupply: 480n * ONE,
    posted,
    reserve,
    // Somebody gave some: that changes nothing.
    reserveBalance: reserve + 5n,
    funded,
    claimed: ONE,
    distributorBalance: funded - ONE,
    io: asset(2n * DEBIT_IO),
    iosd: asset(20n * ONE),
    ...changes,
  }
}

describe('conservation, as the summary tells it', () => {
  const good = holdings()
  const [one, two] = good.posted
  if (one === undefined || two === undefined) throw new Error('there are two epochs')

  it('holds for a chain on which nothing was lost', () => {
    expect(breachesOf(good)).to.deep.equal([])
  })

  it('holds before the first epoch', () => {
    const none = { scheduled: 0n, net: 0n, burnedIn: [], posted: [], reserve: 0n, funded: 0n, claimed: 0n }
    const escrow = { io: good.io, iosd: { ...good.iosd, debited: 0n, held: 90n * ONE, balance: 90n * ONE } }
    const start = holdings({
      ...none,
      ...escrow,
      epochCounts: [0, 0, 0],
      ioSupply: TERMS.genesis - good.totalBurned,
      iosdSupply: good.iosdMinted,
    })
    expect(breachesOf(start)).to.deep.equal([])
  })

  const broken: readonly [string, Partial<ChainHoldings>, ConservationBreach[]][] = [
    ['an epoch that Emission has not minted', { epochCounts: [2, 1, 2] }, ['ORDER']],
    ['an epoch that was posted twice', { posted: [one, one] }, ['ORDER', 'EPOCH_IDENTITY', 'RESERVE']],
    ['a wei above the schedule', { scheduled: good.scheduled + 1n }, ['SCHEDULE', 'IO_SUPPLY']],
    ['a wei of net emission above the cap', { net: good.net + 1n }, ['NET_EMISSION', 'IO_SUPPLY']],
    ['a wei of IO too much', { ioSupply: good.ioSupply + 1n }, ['IO_SUPPLY']],
    ['a wei of IOSD too little', { iosdSupply: good.iosdSupply - 1n }, ['IOSD_SUPPLY']],
    [
      'an epoch that released more than its part',
      { posted: [one, { ...two, released: two.released + 1n }] },
      ['EPOCH_IDENTITY'],
    ],
    [
      'a root that adds more than was paid',
      { posted: [one, { ...two, added: two.added + 1n }] },
      ['EPOCH_IDENTITY', 'DISTRIBUTOR'],
    ],
    ['a reserve that is not there', { reserveBalance: good.reserve - 1n }, ['RESERVE']],
    ['more claims than rewards', { claimed: good.funded + 1n }, ['DISTRIBUTOR']],
    ['a distributor that was not funded', { distributorBalance: good.funded - ONE - 1n }, ['DISTRIBUTOR']],
    ['an escrow that owes more than it has', { io: { ...good.io, balance: good.io.held - 1n } }, ['ESCROW']],
    ['a deposit that was not counted', { io: { ...good.io, deposited: good.io.deposited + 1n } }, ['ESCROW']],
  ]
  for (const [what, change, breaches] of broken) {
    it(`is broken by ${what}`, () => {
      expect(breachesOf(holdings(change))).to.deep.equal(breaches)
    })
  }
})
