/**
 * What a worker's statement says was charged for one request. The statement is signed and the answer beside it is not,
 * so the hold book goes by the difference of two statements, and the answer must say the same. Pure.
 */
import type { Hash } from '../../protocol/bytes.ts'
import type { Statement } from '../../protocol/usage/statement.ts'

/** The figures of the last statement of a channel. */
export type LastStatement = Pick<Statement, 'cumulativeCharge' | 'cumulativeUnits' | 'workHash'>

export interface ChannelAccount {
  /** undefined before the first statement that this gateway has seen. */
  readonly last: LastStatement | undefined
  /** Wei set aside for requests whose answers never came: the worker may have charged for them. */
  readonly lostWei: bigint
}

/** What the worker says of one answer, and what was set aside for it. Wei. */
export interface StatedAnswer {
  readonly statement: LastStatement & { readonly workHash: Hash }
  readonly units: bigint
  readonly chargedWei: bigint
  readonly reservedWei: bigint
}

/**
 * ABOVE_RESERVED: more than the request can cost. BELOW_LAST: less in all than the statement before. BELOW_ANSWER,
 * ABOVE_ANSWER: the difference is less than the answer says, or more, and lost answers do not explain it.
 */
export type AccountFault = 'ABOVE_RESERVED' | 'BELOW_LAST' | 'BELOW_ANSWER' | 'ABOVE_ANSWER'

/** `keptWei` takes the place of the reservation in the hold. */
export type Settlement =
  | { readonly ok: true; readonly keptWei: bigint; readonly lostWei: bigint }
  | { readonly ok: false; readonly keptWei: bigint; readonly code: AccountFault }

export function settleAnswer({ last, lostWei }: ChannelAccount, answer: StatedAnswer): Settlement {
  const { statement, units, chargedWei, reservedWei } = answer
  const { cumulativeCharge, cumulativeUnits, workHash } = statement
  const differenceWei = cumulativeCharge - (last?.cumulativeCharge ?? 0n)
  const moreUnits = cumulativeUnits - (last?.cumulativeUnits ?? 0n)
  const fault = (code: AccountFault): Settlement => ({
    ok: false,
    code,
    // Signed for, so it may well be paid: no other worker is to count on it.
    keptWei: last !== undefined && differenceWei > reservedWei ? differenceWei : reservedWei,
  })

  // The same statement again: the worker remembers an answer whose connection broke, and charged for it once.
  const isRepeated = last !== undefined && differenceWei === 0n && moreUnits === 0n
  if (isRepeated && workHash === last.workHash) return { ok: true, keptWei: 0n, lostWei }
  if (chargedWei > reservedWei) return fault('ABOVE_RESERVED')
  if (differenceWei < 0n || moreUnits < 0n) return fault('BELOW_LAST')
  if (differenceWei < chargedWei || moreUnits < units) return fault('BELOW_ANSWER')
  const isEqual = differenceWei === chargedWei && moreUnits === units
  if (isEqual) return { ok: true, keptWei: chargedWei, lostWei }
  // A channel older than this book: nothing to compare with yet, so nothing is given back.
  if (last === undefined) return { ok: true, keptWei: reservedWei, lostWei }
  const unexplainedWei = differenceWei - chargedWei
  if (unexplainedWei > lostWei || lostWei === 0n) return fault('ABOVE_ANSWER')
  return { ok: true, keptWei: chargedWei, lostWei: lostWei - unexplainedWei }
}
