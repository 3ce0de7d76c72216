import { expect } from 'chai'
import { BrokenClaimError, type Claim, checkEpoch, type Facts } from '../../../cli/simulate/checks.ts'
import { Tokens } from '../../../cli/simulate/tokens.ts'
import { allocate } from '../../../protocol/epoch/allocation.ts'
import { MAINNET_EMISSION, scheduledIn } from '../../../protocol/epoch/emission.ts'
import type { EpochParameters } from '../../../protocol/epoch/parameters.ts'
import { ONE, type Price } from '../../../protocol/units.ts'

const WORKER = `0x${'a0'.repeat(20)}` as const
const PARAMETERS: EpochParameters = {
  version: 1,
  hireTaxBps: 500,
  hiredBps: 7_000,
  feeBps: 200,
  gatewayBps: 500,
  maxDebitBps: 5_000,
  targetWeight: 1_000n,
  longestHoldEpochs: 0,
}

/** Epoch 0, in which everything holds: 3 IO were there, 1 was burned for 2 IOSD, and 1 IOSD went for a hire. */
function facts(): Facts {
  const price = (2n * ONE) as Price
  const hires = new Map([[WORKER, ONE]])
  const allocation = allocate({
    terms,
    parameters: PARAMETERS,
    epoch: 0,
    burned: ONE,
    reserve: 0n,
    price,
    hires,
    weights: new Map([[WORKER, 10n]]),
  })
  const tokens = new Tokens(terms.genesis)
  tokens.burn(ONE, 2n * ONE, 'escrow')
  const usage = {
    payments: new Map(),
    hires,
    debits: new Map(),
    debitIo: 0n,
    debitIosd: ONE,
  }
  const history = {
    epoch: 0,
    burned: ONE,
    iosdMinted: 2n * ONE,
    price,
    deposits: [],
    claimed: [],
    weights: new Map(),
    gpus: 0n,
  }
  const settled = { history, allocation, usage, reserveBefore: 0n }
  tokens.activate(settled)
  const earned = allocation.hiredPaid + allocation.availabilityPaid
  const totals = { scheduled: allocation.pool.scheduled, net: allocation.pool.net, burned: ONE }
  return {
    settled,
    tokens,
    rewardsBefore: [{ account: WORKER, cumulative: 5n }],
    rewards: [{ account: WORKER, cumulative: 5n + earned }],
    totals,
  }
}

const terms = { ...MAINNET_EMISSION, genesis: 3n * ONE }

function brokenBy(change: (facts: Facts) => Facts): Claim | undefined {
  try {
    checkEpoch(change(facts()), terms, PARAMETERS)
  } catch (error) {
    if (error instanceof BrokenClaimError) return error.claim
    throw error
  }
  return undefined
}

function withAllocation(change: (allocation: Facts['settled']['allocation']) => object) {
  return (given: Facts): Facts => ({
    ...given,
    settled: {
      ...given.settled,
      allocation: { ...given.settled.allocation, ...change(given.settled.allocation) },
    },
  })
}

function withTokens(change: (tokens: Tokens) => void) {
  return (given: Facts): Facts => {
    change(given.tokens)
    return given
  }
}

const FALSIFIED: readonly (readonly [string, Claim, (facts: Facts) => Facts])[] = [
  [
    'a wei more than the curve says is scheduled',
    'schedule',
    given => ({ ...given, totals: { ...given.totals, scheduled: scheduledIn(terms, 0) + 1n } }),
  ],
  [
    'net emission is above its cap',
    'net',
    withAllocation(({ pool }) => ({ pool: { ...pool, net: pool.net + 1n } })),
  ],
  [
    'net emission is above what was burned',
    'net',
    given => ({ ...given, totals: { ...given.totals, burned: given.totals.net - 1n } }),
  ],
  [
    'IO was minted beside the schedule',
    'supply',
    withTokens(tokens => {
      tokens.ioSupply += 1n
    }),
  ],
  [
    'somebody has IO that was never minted',
    'supply',
    withTokens(tokens => {
      tokens.free += 1n
    }),
  ],
  [
    'the escrow has given out more than it had',
    'supply',
    withTokens(tokens => {
      tokens.escrowIo -= 1n
      tokens.free += 1n
    }),
  ],
  [
    'IOSD was spent and is still there',
    'iosd',
    withTokens(tokens => {
      tokens.iosdSupply += 1n
    }),
  ],
  [
    'the reserve has a wei that nobody left to it',
    'identity',
    withAllocation(({ reserveAfter }) => ({ reserveAfter: reserveAfter + 1n })),
  ],
  [
    'Settlement has less than the reserve',
    'identity',
    withTokens(tokens => {
      tokens.settlement -= 1n
      tokens.free += 1n
    }),
  ],
  [
    'a line of the rewards falls',
    'rewards',
    given => ({ ...given, rewards: [{ account: WORKER, cumulative: 4n }] }),
  ],
  ['a line of the rewards is gone', 'rewards', given => ({ ...given, rewards: [] })],
  [
    'a hire is paid a wei more than what was spent on it less the tax',
    'hirePay',
    withAllocation(({ hires, availability }) => ({
      hires: new Map([...hires].map(([worker, paid]) => [worker, paid + 1n])),
      availability: new Map([...availability].map(([worker, paid]) => [worker, paid - 1n])),
    })),
  ],
]

describe('the checks of a simulated epoch', () => {
  it('pass where everything holds', () => {
    expect(brokenBy(given => given)).to.equal(undefined)
  })

  for (const [title, claim, change] of FALSIFIED) {
    it(`notice when ${title}`, () => {
      expect(brokenBy(change)).to.equal(claim)
    })
  }

  it('name the epoch, what was claimed and both figures', () => {
    const { settled, ...rest } = facts()
    const late = { ...settled, history: { ...settled.history, epoch: 41 } }
    expect(() => checkEpoch({ ...rest, settled: late }, terms, PARAMETERS)).to.throw(
      /^epoch 41: invariant 1: .*; \S+ is not \S+$/,
    )
  })
})
