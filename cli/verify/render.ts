/** A verification for people. */
import { formatDecimal } from '../../protocol/units.ts'
import type { SettledFacts } from './settled-facts.ts'
import type { Verification } from './verify-epoch.ts'

export interface BundleOrigin {
  readonly from: string
  /** Undefined when the bundle is damaged. */
  readonly hash: string | undefined
  readonly bytes: number | undefined
  readonly complaints: readonly string[]
}

/** One string a line. */
export function renderVerification(
  verification: Verification,
  { settled }: Pick<SettledFacts, 'settled'>,
  origin: BundleOrigin,
): string[] {
  const { epoch, lines, figures, difference, notChecked } = verification
  const size = origin.bytes === undefined ? 'damaged' : `${origin.bytes} bytes`
  return [
    `epoch ${epoch}, attempt ${settled.report.attempt}, active since block ${settled.blockNumber} (transaction ${settled.txHash})`,
    `bundle ${settled.report.bundleHash}`,
    `  from ${origin.from}, ${size}`,
    ...origin.complaints.map(complaint => `  ${complaint}`),
    '',
    ...lines.flatMap(({ name, recomputed, onChain, equal }) =>
      equal
        ? [`  ${name.padEnd(26)} ${shown(recomputed)} = on chain`]
        : [`  ${name.padEnd(26)} ${shown(recomputed)} ≠ on chain`, `${' '.repeat(29)}${shown(onChain)}`],
    ),
    ...(figures === undefined
      ? []
      : [
          `  ${'records counted'.padEnd(26)} ${figures.recordsCounted} of ${figures.recordsCounted + figures.recordsRefused}, in ${figures.batches} batches`,
          `  ${'workers'.padEnd(26)} ${figures.workers}; ${figures.earners} accounts have ever earned`,
          `  ${'payers'.padEnd(26)} ${figures.payersDebited} debited of ${figures.payers}`,
          `  ${'price'.padEnd(26)} ${figures.priceUsd === undefined ? 'none certified' : `$${formatDecimal(figures.priceUsd)}`}`,
          '',
        ]),
    'checked by the contract when the epoch was staged: the certificate, by the group key or a quorum of identities',
    ...notChecked.map(sentence => `not checked: ${sentence}`),
    '',
    difference === undefined
      ? `epoch ${epoch}: all that was paid and debited follows from the bundle and the chain`
      : `epoch ${epoch} DIFFERS: ${difference.sentence}`,
  ]
}

function shown(value: string | bigint): string {
  return typeof value === 'string' ? value : formatDecimal(value)
}
