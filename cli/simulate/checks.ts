/**
 * What has to hold after every settled epoch, to the wei. The numbers are those of the invariants of the network's
 * economics; 8 of the identity is told apart by its name.
 */
import { type EmissionTerms, netCapOf, scheduledBy } from '../../protocol/epoch/emission.ts'
import type { RewardLine } from '../../protocol/epoch/ledger.ts'
import type { EpochParameters } from '../../protocol/epoch/parameters.ts'
import { sumOf } from '../../protocol/epoch/shares.ts'
import { BPS, formatDecimal, ONE } from '../../protocol/units.ts'
import type { SettledEpoch } from './settled-state.ts'
import type { Tokens } from './tokens.ts'

/** What is claimed, by the number or name that documents know it by. */
export const CLAIMS = {
  schedule: 'invariant 1: genesis and schedule are at most the maximum, and as much as the curve says',
  net: 'invariant 2: net emission is at most what was burned, and at most its cap',
  supply: 'invariant 3: the supply of IO is genesis + scheduled + net − burned, all of it with somebody',
  iosd: 'invariant 4: the supply of IOSD is minted − spent, all of it with somebody',
  identity: 'invariant 5: the pool and the payments are paid out or in the reserve',
  late: 'invariant 7: a late settlement gives the same state',
  rewards: 'invariant 9: no line of the rewards falls',
  hirePay: 'invariant 13: hire pay is at most (1 − τ)·spent/P',
} as const
export type Claim = keyof typeof CLAIMS

/** The rules or this program are wrong: no input can cause it. */
export class BrokenClaimError extends Error {
  readonly code = 'BROKEN_CLAIM'
  readonly epoch: number
  readonly claim: Claim
  constructor(epoch: number, claim: Claim, found: string) {
    super(`epoch ${epoch}: ${CLAIMS[claim]}; ${found}`)
    this.name = 'BrokenClaimError'
    this.epoch = epoch
    this.claim = claim
  }
}

/** Everything a check looks at, after an epoch was settled and its tokens booked. */
export interface Facts {
  readonly settled: SettledEpoch
  readonly tokens: Tokens
  readonly rewardsBefore: readonly RewardLine[]
  readonly rewards: readonly RewardLine[]
  /** Sums of all epochs so far, this one among them. */
  readonly totals: { readonly scheduled: bigint; readonly net: bigint; readonly burned: bigint }
}

/** Of those that are made once an epoch; {@link CLAIMS.late} is made where epochs are settled late. */
export function checkEpoch(facts: Facts, terms: EmissionTerms, parameters: EpochParameters): void {
  const { settled, tokens, totals } = facts
  const { allocation, usage, history, reserveBefore } = settled
  const { pool } = allocation
  const { epoch } = history
  const expect = new Expect(epoch)

  const elapsedSec = (BigInt(epoch) + 1n) * terms.epochLengthSec
  expect.atMost('schedule', terms.genesis + totals.scheduled, terms.maxSupply)
  expect.equal('schedule', totals.scheduled, scheduledBy(terms, elapsedSec))
  expect.atMost('net', pool.net, history.burned)
  expect.atMost('net', pool.net, netCapOf(terms, epoch))
  expect.atMost('net', totals.net, totals.burned)

  expect.equal('supply', tokens.ioSupply, terms.genesis + totals.scheduled + totals.net - tokens.burnedIo)
  expect.equal('supply', tokens.ioSupply, tokens.free + tokens.escrowIo + tokens.settlement)
  expect.atMost('supply', tokens.ioSupply, terms.maxSupply)
  for (const held of [tokens.free, tokens.escrowIo, tokens.escrowIosd]) expect.atMost('supply', 0n, held)
  expect.equal('iosd', tokens.iosdSupply, tokens.mintedIosd - tokens.spentIosd)
  expect.equal('iosd', tokens.iosdSupply, tokens.escrowIosd + tokens.keptIosd)

  expect.equal('identity', pool.total, pool.scheduled + pool.net + pool.released)
  expect.equal(
    'identity',
    pool.total + usage.debitIo,
    sumOf(allocation.hires) +
      sumOf(allocation.availability) +
      sumOf(usage.payments) +
      (allocation.reserveAfter - reserveBefore + pool.released),
  )
  expect.equal('identity', tokens.settlement, allocation.reserveAfter)

  const before = new Map(facts.rewardsBefore.map(({ account, cumulative }) => [account, cumulative]))
  for (const { account, cumulative } of facts.rewards) {
    before.has(account) && expect.atMost('rewards', before.get(account) ?? 0n, cumulative)
    before.delete(account)
  }
  expect.equal('rewards', BigInt(before.size), 0n)

  const left = BPS - BigInt(parameters.hireTaxBps)
  for (const [worker, paid] of allocation.hires) {
    const spent = usage.hires.get(worker) ?? 0n
    expect.atMost('hirePay', paid * BPS * (history.price ?? 0n), spent * left * ONE)
  }
}

class Expect {
  readonly #epoch: number
  constructor(epoch: number) {
    this.#epoch = epoch
  }
  equal(claim: Claim, left: bigint, right: bigint): void {
    if (left === right) return
    const found = `${formatDecimal(left)} is not ${formatDecimal(right)}`
    throw new BrokenClaimError(this.#epoch, claim, found)
  }
  atMost(claim: Claim, left: bigint, right: bigint): void {
    if (left <= right) return
    const found = `${formatDecimal(left)} is more than ${formatDecimal(right)}`
    throw new BrokenClaimError(this.#epoch, claim, found)
  }
}
