/**
 * Which receipts of a channel are worth keeping. Normally one: the newest ceiling is the highest. But a payer can sign
 * receipts of which none is above the other (a higher ceiling for fewer units), and must not be able to push out the
 * one that its worker has worked for: so all of these are kept, and the one is chosen that lets most count.
 */
import type { Receipt, SignedReceipt } from '../../protocol/usage/receipt.ts'

/** An honest payer needs one. */
export const MAX_FRONT = 8

export type FrontChange =
  /** Nothing to write: what is kept already says as much. */
  | 'known'
  /** No room for one more that is neither above nor below the others. */
  | 'full'
  | { readonly drop: readonly SignedReceipt[] }

/** Whether `a` allows whatever `b` allows. */
export function covers(a: Receipt, b: Receipt): boolean {
  return (
    a.cumulativeCeiling >= b.cumulativeCeiling &&
    a.cumulativeUnits >= b.cumulativeUnits &&
    a.validUntilEpoch >= b.validUntilEpoch
  )
}

/**
 * Room for one that an epoch needs: of a full front the lowest ceiling goes, but for the one that counts.
 *
 * @param best of the front
 */
export function makeRoom(
  front: readonly SignedReceipt[],
  best: SignedReceipt | undefined,
): readonly SignedReceipt[] {
  const ceiling = ({ receipt }: SignedReceipt): bigint => receipt.cumulativeCeiling
  const others = front.filter(item => item !== best)
  return others.sort((a, b) => (ceiling(a) < ceiling(b) ? -1 : 1)).slice(0, 1)
}

export function addToFront(front: readonly SignedReceipt[], added: SignedReceipt): FrontChange {
  if (front.some(({ receipt }) => covers(receipt, added.receipt))) return 'known'
  const drop = front.filter(({ receipt }) => covers(added.receipt, receipt))
  return front.length - drop.length >= MAX_FRONT ? 'full' : { drop }
}

/** What a channel had been charged when the epoch began, or what a record states. */
export interface Charged {
  readonly units: bigint
  readonly charge: bigint
}

export function allows(receipt: Receipt, { units, charge }: Charged): boolean {
  return receipt.cumulativeUnits >= units && receipt.cumulativeCeiling >= charge
}

/** The highest charge of these that a receipt allows; below any when it allows none. */
export function highestAllowed({ receipt }: SignedReceipt, stated: readonly Charged[]): bigint {
  return stated.reduce(
    (most, charged) => (allows(receipt, charged) && charged.charge > most ? charged.charge : most),
    -1n,
  )
}

/**
 * The receipt that counts in an epoch: not below what has been charged before (auditors refuse the epoch for such a
 * one), and of these the one under which the highest charge counts, then the one with the highest ceiling.
 *
 * @param stated charges of the epoch's records on this channel
 */
export function chooseReceipt(
  front: readonly SignedReceipt[],
  before: Charged,
  epoch: number,
  stated: readonly Charged[],
): SignedReceipt | undefined {
  return front
    .filter(({ receipt }) => allows(receipt, before) && receipt.validUntilEpoch >= epoch)
    .map(signed => ({
      signed,
      counts: highestAllowed(signed, stated),
      ceiling: signed.receipt.cumulativeCeiling,
    }))
    .reduce<{ signed: SignedReceipt; counts: bigint; ceiling: bigint } | undefined>((best, item) => {
      if (best === undefined || item.counts > best.counts) return item
      return item.counts === best.counts && item.ceiling > best.ceiling ? item : best
    }, undefined)?.signed
}
