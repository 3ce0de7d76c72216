/** What may be changed by vote, one version an epoch, with bounds that no vote can pass. */
import { BPS } from '../units.ts'

export interface EpochParameters {
  readonly version: number
  /** τ: what a worker leaves of an IOSD hire. Self-hire must cost something. */
  readonly hireTaxBps: number
  /** Share of the pool, net emission aside, that IOSD hires may take; of net emission they may take all. */
  readonly hiredBps: number
  /** φ: network fee on payments in IO, paid in IOSD and burned. */
  readonly feeBps: number
  /** A gateway's share of payments in IO that came through it. */
  readonly gatewayBps: number
  /** The most of an asset in escrow that one epoch may take; what is above it waits. */
  readonly maxDebitBps: number
  /** W_target: proven weight in an epoch at which availability takes the whole launch pool. */
  readonly targetWeight: bigint
  /** Epochs that a hold may last at most. Fixed in the escrow; it stands here for readers of a bundle. */
  readonly longestHoldEpochs: number
}

export const MAX_ROYALTY_BPS = 5_000

/**
 * How far the oracle's price may be from the market, basis points. Self-hire with IOSD bought at a price that is
 * wrong by this much, and cashed at one wrong the other way, must not pay.
 */
const PRICE_ERROR_BPS = 250n

/** Whether the values can hold together at all. The contract's own bounds are narrower. */
export function areBounded(parameters: EpochParameters): boolean {
  const { hireTaxBps, hiredBps, feeBps, gatewayBps, maxDebitBps, targetWeight, longestHoldEpochs } =
    parameters
  const shares = [hireTaxBps, hiredBps, feeBps, gatewayBps, maxDebitBps]
  if (shares.some(bps => bps < 0 || bps > Number(BPS))) return false
  // A payment is shared among owner, gateway and worker: it cannot be shared out twice.
  if (MAX_ROYALTY_BPS + gatewayBps > Number(BPS)) return false
  if (targetWeight < 1n || longestHoldEpochs < 0) return false
  return (BPS - BigInt(hireTaxBps)) * (BPS + PRICE_ERROR_BPS) ** 2n <= BPS ** 3n
}
