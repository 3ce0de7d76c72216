/** Sharing an amount by weight, to the wei. */
import type { Address } from '../bytes.ts'

/** Accounts and what belongs to each. */
export type Amounts = ReadonlyMap<Address, bigint>

export function sumOf(amounts: Amounts): bigint {
  let sum = 0n
  for (const amount of amounts.values()) sum += amount
  return sum
}

/** Adds to an account's amount. Nothing is noted for nothing. */
export function credit(amounts: Map<Address, bigint>, account: Address, amount: bigint): void {
  if (amount !== 0n) amounts.set(account, (amounts.get(account) ?? 0n) + amount)
}

/**
 * Shares `total` in proportion to `weights` by largest remainder; ties go to the lower address.
 *
 * The shares add up to `total` exactly. While `total` is at most the sum of the weights, nobody gets more than
 * its weight: a share is rounded up only where it has a fraction. Shares of zero are left out.
 */
export function shareByLargestRemainder(total: bigint, weights: Amounts): Map<Address, bigint> {
  const sum = sumOf(weights)
  const shares = new Map<Address, bigint>()
  if (sum === 0n || total === 0n) return shares

  const exact = [...weights].map(([account, weight]) => {
    const product = total * weight
    return { account, share: product / sum, remainder: product % sum }
  })
  let left = exact.reduce((rest, { share }) => rest - share, total)
  exact.sort((a, b) => {
    if (a.remainder !== b.remainder) return a.remainder > b.remainder ? -1 : 1
    return a.account < b.account ? -1 : 1
  })
  for (const { account, share } of exact) {
    const extra = left > 0n ? 1n : 0n
    left -= extra
    credit(shares, account, share + extra)
  }
  return shares
}
