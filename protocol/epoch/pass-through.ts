/**
 * Payments in IO pass through: from the payer to the model's owner, the gateway and the worker. Step 7.
 *
 * Shares are taken of the cumulative amount and then differenced, so that rounding never accumulates however
 * small the steps are.
 */
import { BPS, mulDivUp, ONE, type Price } from '../units.ts'

export interface ShareRates {
  readonly royaltyBps: number
  readonly gatewayBps: number
}

/** Wei of IO. */
export interface PaymentShares {
  readonly owner: bigint
  readonly gateway: bigint
  readonly worker: bigint
}

/** Shares of a cumulative amount: owner and gateway rounded down, the worker gets the rest. */
export function sharesOf(cumulative: bigint, { royaltyBps, gatewayBps }: ShareRates): PaymentShares {
  const owner = (cumulative * BigInt(royaltyBps)) / BPS
  const gateway = (cumulative * BigInt(gatewayBps)) / BPS
  return { owner, gateway, worker: cumulative - owner - gateway }
}

/**
 * Shares of the step from one cumulative amount to the next, or undefined when the step has to wait.
 *
 * A step of a wei or two can complete a wei of the owner's and one of the gateway's at once, at the worker's
 * expense. As nobody's total may ever fall (invariant 9), such a step waits until the channel has grown.
 */
export function stepShares(before: bigint, after: bigint, rates: ShareRates): PaymentShares | undefined {
  const [was, is] = [sharesOf(before, rates), sharesOf(after, rates)]
  if (is.worker < was.worker) return undefined
  return { owner: is.owner - was.owner, gateway: is.gateway - was.gateway, worker: is.worker - was.worker }
}

/** The network's fee on a payment in IO: ⌈Δg·φ·P_e/(BPS·1e18)⌉ wei of IOSD, burned. */
export function networkFee(paid: bigint, feeBps: number, price: Price): bigint {
  return mulDivUp(paid * BigInt(feeBps), price, BPS * ONE)
}
