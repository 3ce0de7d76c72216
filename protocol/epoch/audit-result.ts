/** The last checks of an auditor: what the bundle and the report claim against its own computation. */
import type { Address } from '../bytes.ts'
import type { BatchIdentity } from '../usage/batch.ts'
import { holdId } from '../usage/hold.ts'
import { ASSET } from '../usage/wire.ts'
import { DEBIT_LINE, REWARD_LINE } from './audit-chain.ts'
import { type ChainView, type OwnKnowledge, type Refused, refuse } from './audit-types.ts'
import type { EpochBundle } from './bundle.ts'
import { type EpochOutcome, reportOf } from './compute.ts'
import { firstDifference } from './difference.ts'
import { type EpochReport, REPORT_FIELDS } from './report.ts'
import { drawSample } from './sample.ts'
import { UsageTables } from './state.ts'

/** The openings that this auditor asked for are there, and true. */
export function checkOpenings(bundle: EpochBundle, own: OwnKnowledge): Refused | undefined {
  for (const result of drawSample(own.sampleSeed, bundle.results)) {
    const verdict = own.verdictOf(result)
    if (verdict === 'true') continue
    const index = bundle.results.indexOf(result)
    const key = `${result.worker}, device ${result.device}, window ${result.window}`
    return refuse('CHALLENGE_OPENING', { part: 'results', index, key, expected: 'true', found: verdict })
  }
  return undefined
}

/** No payer is debited more IO than its holds and waiting charges allow (invariant 10). */
export function checkHoldLimits(bundle: EpochBundle): Refused | undefined {
  const limits = ioLimits(bundle)
  const before = new Map(bundle.openingDebits.map(line => [line.payer, line.cumulativeIo]))
  for (const [index, line] of bundle.debits.entries()) {
    const debit = line.cumulativeIo - (before.get(line.payer) ?? 0n)
    const limit = limits.get(line.payer) ?? 0n
    if (debit <= limit) continue
    return refuse('RECEIPT_ABOVE_HOLD', {
      part: 'debits',
      index,
      key: line.payer,
      expected: `at most ${limit}`,
      found: String(debit),
    })
  }
  return undefined
}

function ioLimits(bundle: EpochBundle): ReadonlyMap<Address, bigint> {
  const { domain, epoch } = bundle.header
  const tables = new UsageTables(domain, bundle.opening)
  for (const { hold } of bundle.acceptances) tables.holds.set(holdId(domain, hold), { hold, used: 0n })
  const limits = new Map<Address, bigint>()
  const allow = (payer: Address, amount: bigint) => limits.set(payer, (limits.get(payer) ?? 0n) + amount)
  for (const { hold, used } of tables.holds.values()) {
    if (hold.asset === ASSET.io && hold.expiresEpoch >= epoch) allow(hold.payer, hold.maxAmount - used)
  }
  for (const { channel, asset, claimed, settled } of tables.channels.values()) {
    if (asset === ASSET.io) allow(channel.payer, claimed - settled)
  }
  return limits
}

/** Lines, roots and totals are those of the auditor's own computation, and the sums agree to the wei. */
export function checkResult(
  bundle: EpochBundle,
  report: EpochReport,
  outcome: EpochOutcome,
  identities: readonly BatchIdentity[],
  chain: ChainView,
): Refused | undefined {
  const own = reportOf(bundle, outcome, { ...report, previous: chain.previous }, identities)
  const rewardLine = firstDifference('rewards', outcome.rewards, bundle.rewards, REWARD_LINE)
  if (rewardLine !== undefined) return refuse('REWARD_ROOT', rewardLine)
  if (own.rewardRoot !== report.rewardRoot) return field('REWARD_ROOT', 'rewardRoot', own, report)
  const debitLine = firstDifference('debits', outcome.debits, bundle.debits, DEBIT_LINE)
  if (debitLine !== undefined) return refuse('DEBIT_ROOT', debitLine)
  if (own.debitRoot !== report.debitRoot) return field('DEBIT_ROOT', 'debitRoot', own, report)
  const wrong = REPORT_FIELDS.find(name => own[name] !== report[name])
  if (wrong !== undefined) return field('TOTALS', wrong, own, report)
  return checkSums(bundle, report)
}

function field(
  code: 'REWARD_ROOT' | 'DEBIT_ROOT' | 'TOTALS',
  key: keyof EpochReport,
  own: EpochReport,
  report: EpochReport,
): Refused {
  return refuse(code, { part: 'report', key, expected: String(own[key]), found: String(report[key]) })
}

/** The lines add up to the totals: what was settled before this epoch may itself have been wrong. */
function checkSums(bundle: EpochBundle, report: EpochReport): Refused | undefined {
  let [rewards, iosd, io] = [0n, 0n, 0n]
  for (const { cumulative } of bundle.rewards) rewards += cumulative
  for (const line of bundle.debits) {
    iosd += line.cumulativeIosd
    io += line.cumulativeIo
  }
  const sums = [
    ['cumulativeRewards', rewards],
    ['cumulativeDebitIosd', iosd],
    ['cumulativeDebitIo', io],
  ] as const
  const wrong = sums.find(([name, sum]) => report[name] !== sum)
  if (wrong !== undefined) {
    const [key, sum] = wrong
    return refuse('CONSERVATION', {
      part: 'report',
      key,
      expected: String(sum),
      found: String(report[key]),
    })
  }
  return undefined
}
