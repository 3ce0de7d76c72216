/**
 * The trade in IOSD: burn IO at one price, hire oneself with the IOSD, be paid in IO at P_e. The trader sees the whole
 * future, and picks within the oracle's error what every report says.
 */
import { hirePayOf } from '../../../protocol/epoch/allocation.ts'
import { BPS, iosdForIo, type Price, type Wei } from '../../../protocol/units.ts'

/** How P_e follows from the prices of an epoch. Only `highest` is the network's. */
export const PRICE_RULES = {
  highest: (prices: readonly bigint[]) => prices.reduce((a, b) => (a > b ? a : b)),
  average: (prices: readonly bigint[]) => prices.reduce((a, b) => a + b) / BigInt(prices.length),
  closing: (prices: readonly bigint[]) => prices[prices.length - 1] ?? 0n,
}
export type PriceRule = keyof typeof PRICE_RULES

export interface TradeTerms {
  readonly rule: PriceRule
  readonly hireTaxBps: number
  /** The oracle's error bound: a report may be so far above the market where one burns, below where one is paid. */
  readonly errorBps: bigint
  /** One burns at the best report of so many minutes before, whatever the market has done since; 0: of now. */
  readonly reportMinutes: number
  readonly minutesPerEpoch: number
}

/** A stake with enough digits that no rounding is to be seen. */
const STAKE = 10n ** 30n

/** Profit in millionths of the stake, rounded up. */
function profitPpm(back: bigint, stake: bigint): bigint {
  const numerator = (back - stake) * 1_000_000n
  return numerator > 0n ? (numerator - 1n) / stake + 1n : numerator / stake
}

/**
 * The best trade in USD, in millionths: IO bought at the market and burned in one minute, IOSD spent at the end of
 * that epoch or of any later one, and what it pays sold at that moment's market. A price that merely moves while
 * one holds IOSD makes nothing: an IOSD is a dollar.
 */
export function bestTradeInUsd(path: readonly bigint[], terms: TradeTerms): bigint {
  const { minutesPerEpoch } = terms
  let cheapest = { iosd: 0n, usd: 1n }
  let best: bigint | undefined
  for (let start = 0; start + minutesPerEpoch <= path.length; start += minutesPerEpoch) {
    for (let minute = start; minute < start + minutesPerEpoch; minute++) {
      const bought = buyAt(path, minute, terms)
      if (bought.iosd * cheapest.usd > cheapest.iosd * bought.usd) cheapest = bought
    }
    const prices = path.slice(start, start + minutesPerEpoch)
    const epochPrice = reportedBelow(PRICE_RULES[terms.rule](prices), terms)
    const io = hirePayOf(cheapest.iosd, terms.hireTaxBps, epochPrice)
    const profit = profitPpm(io * PRICE_RULES.closing(prices), cheapest.usd)
    if (best === undefined || profit > best) best = profit
  }
  return best ?? 0n
}

/**
 * The best trade in IO within the epoch of the burn, in millionths: what the pool hands out above what was burned
 * for it. Here an exact oracle, as the error is not the point.
 */
export function bestTradeInIo(path: readonly bigint[], terms: TradeTerms): bigint {
  const { minutesPerEpoch } = terms
  let best: bigint | undefined
  for (let start = 0; start + minutesPerEpoch <= path.length; start += minutesPerEpoch) {
    const prices = path.slice(start, start + minutesPerEpoch)
    const iosd = iosdForIo(STAKE as Wei, PRICE_RULES.highest(prices) as Price)
    const io = hirePayOf(iosd, terms.hireTaxBps, PRICE_RULES[terms.rule](prices) as Price)
    const profit = profitPpm(io, STAKE)
    if (best === undefined || profit > best) best = profit
  }
  return best ?? 0n
}

/** What suppliers get less, on average over all epochs, in millionths: for being paid at the highest price. */
export function costOfHighest(path: readonly bigint[], minutesPerEpoch: number): bigint {
  let [sum, epochs] = [0n, 0n]
  for (let start = 0; start + minutesPerEpoch <= path.length; start += minutesPerEpoch) {
    const prices = path.slice(start, start + minutesPerEpoch)
    sum += 1_000_000n - (1_000_000n * PRICE_RULES.average(prices)) / PRICE_RULES.highest(prices)
    epochs++
  }
  return sum / epochs
}

/** IOSD for a stake of IO, and what the stake is worth at the market (·1e18). */
function buyAt(path: readonly bigint[], minute: number, { errorBps, reportMinutes }: TradeTerms) {
  const recent = path.slice(Math.max(0, minute - reportMinutes), minute + 1)
  const burnedAt = (PRICE_RULES.highest(recent) * (BPS + errorBps)) / BPS
  return { iosd: iosdForIo(STAKE as Wei, burnedAt as Price), usd: STAKE * (path[minute] ?? 0n) }
}

function reportedBelow(price: bigint, { errorBps }: TradeTerms): Price {
  return ((price * BPS + (BPS + errorBps) - 1n) / (BPS + errorBps)) as Price
}
