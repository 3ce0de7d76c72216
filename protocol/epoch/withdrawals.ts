/**
 * When a withdrawal can be paid, and so what of a payer's deposits an epoch may still take, and a hold count on. The
 * escrow's rule (`Escrow.finish`), in one place.
 *
 * A request of epoch r is paid once epoch r + longest hold + 1 is active. So an epoch leaves out all that may be paid
 * before it is active: what it takes is there then, whatever has waited. Without any activation for {@link STALE_SEC},
 * requests of that age are paid by the last active root. They matter for an epoch only when it is settled that late.
 */
import type { Address } from '../bytes.ts'
import { ASSET, type Asset } from '../usage/wire.ts'
import type { DepositLine } from './deposits.ts'
import { type EpochClock, epochStartSec } from './time.ts'

/** The escrow's: see IEscrow. */
export const STALE_SEC = 30 * 86_400

/** What a payer has of one asset after a block, wei, before all debits. */
export interface EscrowBalance {
  /** Deposited and not withdrawn. */
  readonly deposited: bigint
  /** The open request; 0 when there is none. */
  readonly requested: bigint
  /** The epoch in which it was made; means nothing when there is none. */
  readonly requestEpoch: number
}

export interface PayerBalances {
  readonly payer: Address
  readonly io: EscrowBalance
  readonly iosd: EscrowBalance
}

export const NO_BALANCE: EscrowBalance = { deposited: 0n, requested: 0n, requestEpoch: 0 }

export function balanceOf({ io, iosd }: PayerBalances, asset: Asset): EscrowBalance {
  return asset === ASSET.io ? io : iosd
}

/** Whether the escrow pays a request by the root of an epoch before this one. */
export function isPaidBefore(epoch: number, requestEpoch: number, longestHoldEpochs: number): boolean {
  return requestEpoch + longestHoldEpochs + 2 <= epoch
}

/** What is there of a balance whichever of the requests that `mayGo` names are paid. */
export function remaining(
  { deposited, requested, requestEpoch }: EscrowBalance,
  mayGo: (requestEpoch: number) => boolean,
): bigint {
  return requested > 0n && mayGo(requestEpoch) ? deposited - requested : deposited
}

/**
 * What a hold that was accepted in an epoch could count on. A relayer reads final blocks, which are of the epoch before
 * at least: it saw every request that was open then from two epochs before or earlier. Who counted on a later one loses
 * nothing by it: such a hold is over before the request can be paid.
 *
 * @param balance at the end of the epoch that is settled
 */
export function countedOn(balance: EscrowBalance, acceptedIn: number): bigint {
  return remaining(balance, requestEpoch => requestEpoch + 2 <= acceptedIn)
}

export interface WithdrawalTerms {
  readonly clock: EpochClock
  readonly longestHoldEpochs: number
}

/** Deposits as an epoch counts them that is settled in time. @param balances at the last block before its end */
export function depositLines(
  balances: readonly PayerBalances[],
  epoch: number,
  { longestHoldEpochs }: WithdrawalTerms,
): DepositLine[] {
  return linesOf(balances, requestEpoch => isPaidBefore(epoch, requestEpoch, longestHoldEpochs))
}

/** When a report of an epoch may be staged at the latest, and when the epoch before it became active, unix seconds. */
export interface SettlingTimes {
  readonly validUntilSec: number
  /** Of the last epoch that has a root; undefined before the first one. */
  readonly activatedSec: number | undefined
}

/** Whether requests that have only grown old may be paid of what the epoch counts, or have been. */
export function isLate(epoch: number, validUntilSec: number, terms: WithdrawalTerms): boolean {
  // Older requests are left out anyway.
  const oldest = epoch - terms.longestHoldEpochs - 1
  return validUntilSec >= epochStartSec(terms.clock, oldest) + STALE_SEC
}

/**
 * The second up to which a late epoch looks at withdrawals. Whoever is paid for its age alone, by the time at which the
 * report is staged, asked STALE_SEC before; and nobody is since the last activation if that was later.
 */
export function lastLookSec({ validUntilSec, activatedSec }: SettlingTimes): number {
  const asked = validUntilSec - STALE_SEC
  return activatedSec === undefined || activatedSec <= asked ? asked : activatedSec
}

/**
 * Deposits as a late epoch counts them: what was there at its end, as far as it is still there.
 *
 * @param atLook balances after the last block up to {@link lastLookSec}, or to the epoch's end if that is later
 */
export function lateDepositLines(
  atEnd: readonly PayerBalances[],
  atLook: readonly PayerBalances[],
  epoch: number,
  times: SettlingTimes,
  terms: WithdrawalTerms,
): DepositLine[] {
  const askedSec = times.validUntilSec - STALE_SEC
  const isQuiet = lastLookSec(times) === askedSec
  const left = linesOf(
    atLook,
    requestEpoch =>
      isPaidBefore(epoch, requestEpoch, terms.longestHoldEpochs) ||
      // Asked in the first second of its epoch, for all that is known.
      (isQuiet && epochStartSec(terms.clock, requestEpoch) <= askedSec),
  )
  const byPayer = new Map(left.map(line => [line.payer, line]))
  return depositLines(atEnd, epoch, terms).map(({ payer, io, iosd }) => {
    const line = byPayer.get(payer)
    return { payer, io: lesser(io, line?.io ?? 0n), iosd: lesser(iosd, line?.iosd ?? 0n) }
  })
}

function linesOf(
  balances: readonly PayerBalances[],
  mayGo: (requestEpoch: number) => boolean,
): DepositLine[] {
  return balances.map(({ payer, io, iosd }) => ({
    payer,
    io: remaining(io, mayGo),
    iosd: remaining(iosd, mayGo),
  }))
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
