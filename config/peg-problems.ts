import type { SourcesProblem } from './sources-problems.ts'

/**
 * Coins that are meant to be worth a dollar. Closed, as venues are: a plan that converts by one of them without noticing
 * that it is not, or that expects a dollar of anything else, is wrong.
 */
const DOLLAR_COINS: ReadonlySet<string> = new Set([
  'USDT',
  'USDC',
  'DAI',
  'FDUSD',
  'PYUSD',
  'RLUSD',
  'TUSD',
  'USDE',
  'USDP',
  'USDS',
])

export function isDollarCoin(asset: string): boolean {
  return DOLLAR_COINS.has(asset)
}

/**
 * What is wrong with the peg of one leg, or with its having none.
 *
 * @param priced base of the feed
 * @param pairs of all legs
 */
export function pegProblems(
  leg: { readonly pair: string; readonly peg?: unknown },
  index: number,
  priced: string | undefined,
  pairs: ReadonlySet<string>,
  unit: string,
): SourcesProblem[] {
  const { pair, peg } = leg
  const [base = '', quote = ''] = pair.split('/')
  // Reported as what it is.
  if (base === quote) return []
  const problem = (key: string, message: string) => [{ path: ['legs', index, key], message }]
  if (peg === undefined) {
    if (quote === unit && base !== priced && isDollarCoin(base)) {
      return problem('peg', `${base} is meant to be worth a dollar: ${pair} needs a peg`)
    }
    // The reverse of a leg that is there is reported as that.
    if (base === unit && isDollarCoin(quote) && !pairs.has(`${quote}/${unit}`)) {
      return problem('pair', `${quote} is meant to be worth a dollar: take ${quote}/${unit}, with a peg`)
    }
    return []
  }
  if (quote !== unit)
    return problem('peg', `${pair} is not in ${unit}: a peg belongs to the leg ${base}/${unit}`)
  if (base === priced) return problem('peg', `${base} is what is priced, and has no peg`)
  if (isDollarCoin(base)) return []
  const known = [...DOLLAR_COINS].join(', ')
  return problem('peg', `${base} is not known to be worth a dollar; coins that are meant to be: ${known}`)
}
