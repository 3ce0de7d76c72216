/** What was measured, as figures, and which of the limits it keeps. */
import { median } from '../percentile.ts'
import { type Figure, figure } from '../result.ts'
import type { ClaimGas, SizeGas } from './measure.ts'
import { UNISWAP_CLAIM } from './peers.ts'

/** By how much settling may differ between few suppliers and many. */
const MAX_SPREAD = 200
/** Settling and activating one epoch together. */
const MAX_EPOCH = 300_000
const MAX_FIRST_CLAIM = 105_000
const MAX_LATER_CLAIM = 70_000
const TARGET = 'target of this benchmark'

/** @param sizes at least one, ascending */
export function figuresOf(sizes: readonly SizeGas[], atOnce: number): readonly Figure[] {
  const smallest = sizes[0]
  const base = {
    value: median(smallest?.settles ?? []),
    name: `with ${smallest?.size} suppliers`,
  }
  return [
    ...sizes.map(({ size, settles }) => figure(`settle_gas_${size}`, median(settles), 'gas', base)),
    figure('settle_gas_spread', spreadOf(sizes), 'gas', { value: MAX_SPREAD, name: TARGET }),
    ...sizes.map(({ size, activates }) => figure(`activate_gas_${size}`, median(activates), 'gas')),
    figure('settle_plus_activate_gas_max', epochMax(sizes), 'gas', { value: MAX_EPOCH, name: TARGET }),
    figure('settle_at_once_gas', atOnce, 'gas', { value: epochMax(sizes), name: 'in two transactions' }),
    ...sizes.flatMap(({ size, claims }) =>
      claims === undefined
        ? []
        : [...claimFigures('first', size, claims.first), ...claimFigures('later', size, claims.later)],
    ),
  ]
}

function claimFigures(
  which: 'first' | 'later',
  size: number,
  { plain, delegated, many }: ClaimGas,
): Figure[] {
  const name = `claim_${which}`
  return [
    figure(`${name}_gas_${size}`, plain, 'gas', UNISWAP_CLAIM),
    figure(`${name}_delegated_gas_${size}`, delegated, 'gas', UNISWAP_CLAIM),
    ...[...many].map(([count, gas]) =>
      figure(`${name}_of_${count}_gas_${size}`, gas / count, 'gas per claim', {
        value: plain,
        name: 'one by one',
      }),
    ),
  ]
}

/** A sentence for each limit that could be measured: what it says, and whether it holds. */
export function limitLines(sizes: readonly SizeGas[]): readonly string[] {
  const largest = sizes.at(-1)
  const claims = largest?.claims
  return [
    line(
      'the cost of settling does not depend on the number of suppliers: spread',
      spreadOf(sizes),
      MAX_SPREAD,
    ),
    line('settle and activate together', epochMax(sizes), MAX_EPOCH),
    ...(claims === undefined
      ? []
      : [
          line(`first claim, ${largest?.size} suppliers`, claims.first.plain, MAX_FIRST_CLAIM),
          line(`later claim, ${largest?.size} suppliers`, claims.later.plain, MAX_LATER_CLAIM),
        ]),
  ]
}

function line(what: string, gas: number, max: number): string {
  return `${what} ${gas} gas (at most ${max}): ${gas <= max ? 'holds' : 'DOES NOT HOLD'}`
}

/** Highest less lowest of the medians. */
function spreadOf(sizes: readonly SizeGas[]): number {
  const medians = sizes.map(({ settles }) => median(settles))
  return Math.max(...medians) - Math.min(...medians)
}

/** The dearest epoch of all, not a median. */
function epochMax(sizes: readonly SizeGas[]): number {
  return Math.max(
    ...sizes.flatMap(({ settles, activates }) => settles.map((gas, index) => gas + (activates[index] ?? 0))),
  )
}
