/** Whether an epoch that a quorum emptied did what emptying does: mint what the curve says, and keep all of it. */
import type { SettledEpoch } from '../../chain/settlement/types.ts'
import { type EmissionTerms, poolOf } from '../../protocol/epoch/emission.ts'
import { formatDecimal } from '../../protocol/units.ts'
import type { ComparedLine } from './comparison.ts'

export interface EmptiedVerification {
  readonly epoch: number
  readonly lines: readonly ComparedLine[]
  readonly isEqual: boolean
}

/** @param burned wei of IO burned in the epoch */
export function verifyEmptied(
  emptied: SettledEpoch,
  { terms, burned }: { readonly terms: EmissionTerms; readonly burned: bigint },
): EmptiedVerification {
  const { epoch } = emptied.report
  const pool = poolOf(terms, epoch, burned, emptied.reserveBefore)
  const line = (name: string, recomputed: bigint, onChain: bigint): ComparedLine => ({
    ...{ name, recomputed, onChain },
    equal: recomputed === onChain,
  })
  const lines = [
    line('scheduled', pool.scheduled, emptied.scheduled),
    line('net emission', pool.net, emptied.net),
    line('released', pool.released, emptied.released),
    // What is released goes straight back.
    line('reserve after', emptied.reserveBefore + pool.scheduled + pool.net, emptied.reserveAfter),
  ]
  return { epoch, lines, isEqual: lines.every(({ equal }) => equal) }
}

/** One string a line. */
export function renderEmptied(
  { epoch, lines, isEqual }: EmptiedVerification,
  emptied: SettledEpoch,
): string[] {
  return [
    `epoch ${epoch}, emptied by a quorum in block ${emptied.blockNumber} (transaction ${emptied.txHash})`,
    'it has no bundle: what was promised for it is owed in the next epoch that has one',
    '',
    ...lines.map(
      ({ name, recomputed, onChain, equal }) =>
        `  ${name.padEnd(26)} ${amount(recomputed)} ${equal ? '= on chain' : `≠ on chain ${amount(onChain)}`}`,
    ),
    'checked by the contract: the signatures of a quorum of the members in force; that roots and debits stayed',
    '',
    isEqual
      ? `epoch ${epoch}: nobody was paid or debited, and its whole pool is in the reserve`
      : `epoch ${epoch} DIFFERS`,
  ]
}

function amount(value: string | bigint): string {
  return typeof value === 'string' ? value : formatDecimal(value)
}
