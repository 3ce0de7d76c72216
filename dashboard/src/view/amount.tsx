import { NOTHING, shown } from '../model/format.ts'

/** An amount with two decimals; all eighteen on hover. */
export function Amount({ value, digits = 2 }: { value: bigint | null | undefined; digits?: number }) {
  if (value === null || value === undefined) return <span class="dim">{NOTHING}</span>
  return <span title={shown(value, 18)}>{shown(value, digits)}</span>
}
