/** The first checks of an auditor: the report and the inputs against the chain, cheapest first. */
import { equalBytes } from '../bytes.ts'
import { verifyCertifiedReport } from '../certificate.ts'
import type { CertificateCrypto } from '../identity.ts'
import { unpackReport } from '../report.ts'
import type { ChainView, OwnKnowledge, Refused } from './audit-types.ts'
import { refuse } from './audit-types.ts'
import { commitmentsRootOf, windowRootOf } from './availability.ts'
import type { EpochBundle } from './bundle.ts'
import { encodeDebit, encodeDeposit, encodeModel, encodeParameters, encodeReward } from './bundle-items.ts'
import type { DepositLine } from './deposits.ts'
import { firstDifference, type LineFormat } from './difference.ts'
import { type DebitLine, debitRootOf, type RewardLine, rewardRootOf } from './ledger.ts'
import { MAX_SKIPPED_ATTEMPTS } from './machine.ts'
import { type EpochReport, MAX_VALID_SEC } from './report.ts'
import { stateHash } from './state.ts'
import { epochEndSec, epochOf } from './time.ts'

export const DEPOSIT_LINE: LineFormat<DepositLine> = {
  encode: encodeDeposit,
  key: line => line.payer,
  text: line => `${line.io} IO, ${line.iosd} IOSD`,
}

export const REWARD_LINE: LineFormat<RewardLine> = {
  encode: encodeReward,
  key: line => line.account,
  text: line => String(line.cumulative),
}

export const DEBIT_LINE: LineFormat<DebitLine> = {
  encode: encodeDebit,
  key: line => line.payer,
  text: line => `${line.cumulativeIosd} IOSD, ${line.cumulativeIo} IO`,
}

/** Whether this is the epoch to settle, and stands on what was settled last. */
export function checkTurn(report: EpochReport, chain: ChainView): Refused | undefined {
  const { previous } = chain
  if (report.epoch !== chain.nextEpoch) return differs('WRONG_EPOCH', 'epoch', chain.nextEpoch, report.epoch)
  if (report.keyEpoch !== chain.keyEpoch)
    return differs('WRONG_KEY_EPOCH', 'keyEpoch', chain.keyEpoch, report.keyEpoch)
  const lastAttempt = chain.nextAttempt + MAX_SKIPPED_ATTEMPTS
  if (report.attempt < chain.nextAttempt || report.attempt > lastAttempt)
    return differs('WRONG_ATTEMPT', 'attempt', `${chain.nextAttempt} to ${lastAttempt}`, report.attempt)
  if (report.validUntil <= chain.nowSec)
    return differs('EXPIRED', 'validUntil', `above ${chain.nowSec}`, report.validUntil)
  const lastValidSec = chain.nowSec + 2 * MAX_VALID_SEC
  if (report.validUntil > lastValidSec)
    return differs('VALID_TOO_LONG', 'validUntil', `at most ${lastValidSec}`, report.validUntil)
  if (report.previousRewardRoot !== previous.rewardRoot)
    return differs('PREVIOUS_DIGEST', 'previousRewardRoot', previous.rewardRoot, report.previousRewardRoot)
  if (report.previousDebitRoot !== previous.debitRoot)
    return differs('PREVIOUS_DIGEST', 'previousDebitRoot', previous.debitRoot, report.previousDebitRoot)
  return undefined
}

/** Burns and deposits of an epoch are known only once a block at or after its end is final. */
export function checkSnapshot(report: EpochReport, chain: ChainView): Refused | undefined {
  const { snapshot } = chain
  if (snapshot === undefined || !snapshot.finalised || snapshot.number !== report.snapshotBlock)
    return differs('SNAPSHOT_NOT_FINAL', 'snapshotBlock', 'a finalised block', report.snapshotBlock)
  const clock = { startSec: chain.startSec, lengthSec: Number(chain.terms.epochLengthSec) }
  const endSec = epochEndSec(clock, report.epoch)
  if (snapshot.timestampSec < endSec)
    return differs('SNAPSHOT_BEFORE_END', 'snapshotBlock', `a block at ${endSec}`, snapshot.timestampSec)
  if (snapshot.hash !== report.snapshotHash)
    return differs('SNAPSHOT_HASH', 'snapshotHash', snapshot.hash, report.snapshotHash)
  return undefined
}

/** Whether the bundle starts from what the chain says. */
export function checkInputs(
  bundle: EpochBundle,
  report: EpochReport,
  chain: ChainView,
  own: OwnKnowledge,
): Refused | undefined {
  return (
    checkHeader(bundle, report, chain) ??
    checkParameters(bundle, report, chain) ??
    checkAmounts(bundle, chain) ??
    checkModels(bundle, chain) ??
    checkOpening(bundle, chain, own)
  )
}

function checkHeader({ header }: EpochBundle, report: EpochReport, chain: ChainView): Refused | undefined {
  const part = 'header'
  const pairs = [
    ['chainId', chain.domain.chainId, header.domain.chainId],
    ['registry', chain.domain.registry, header.domain.registry],
    ['epoch', report.epoch, header.epoch],
    ['snapshotBlock', report.snapshotBlock, header.snapshotBlock],
    ['snapshotHash', report.snapshotHash, header.snapshotHash],
  ] as const
  const wrong = pairs.find(([, expected, found]) => expected !== found)
  if (wrong === undefined) return undefined
  return refuse('HEADER', { part, key: wrong[0], expected: String(wrong[1]), found: String(wrong[2]) })
}

function checkParameters(
  { parameters }: EpochBundle,
  report: EpochReport,
  chain: ChainView,
): Refused | undefined {
  if (report.paramsVersion !== chain.parameters.version)
    return differs('PARAMETERS', 'paramsVersion', chain.parameters.version, report.paramsVersion)
  if (equalBytes(encodeParameters(parameters), encodeParameters(chain.parameters))) return undefined
  const names = Object.keys(chain.parameters) as (keyof typeof parameters)[]
  const name = names.find(key => parameters[key] !== chain.parameters[key])
  return refuse('PARAMETERS', {
    part: 'parameters',
    key: name ?? 'version',
    expected: String(name === undefined ? '' : chain.parameters[name]),
    found: String(name === undefined ? '' : parameters[name]),
  })
}

function checkAmounts({ header, deposits }: EpochBundle, chain: ChainView): Refused | undefined {
  const amount = (code: 'BURNED' | 'RESERVE', key: string, expected: bigint, found: bigint) =>
    refuse(code, { part: 'header', key, expected: String(expected), found: String(found) })
  if (header.burned !== chain.burned) return amount('BURNED', 'burned', chain.burned, header.burned)
  if (header.reserve !== chain.reserve) return amount('RESERVE', 'reserve', chain.reserve, header.reserve)
  const where = firstDifference('deposits', chain.deposits, deposits, DEPOSIT_LINE)
  return where === undefined ? undefined : refuse('DEPOSITS', where)
}

function checkModels({ models }: EpochBundle, chain: ChainView): Refused | undefined {
  for (const [index, model] of models.entries()) {
    const known = chain.modelOf(model.id, model.version)
    if (known !== undefined && equalBytes(encodeModel(known), encodeModel(model))) continue
    return refuse('MODELS', { part: 'models', index, key: `${model.id} version ${model.version}` })
  }
  return undefined
}

function checkOpening(bundle: EpochBundle, chain: ChainView, own: OwnKnowledge): Refused | undefined {
  const compare = (
    code: 'OPENING_STATE' | 'OPENING_REWARDS' | 'OPENING_DEBITS',
    part: 'channels' | 'openingRewards' | 'openingDebits',
    expected: string,
    found: string,
  ) => (expected === found ? undefined : refuse(code, { part, expected, found }))
  const { previous } = chain
  return (
    compare('OPENING_STATE', 'channels', own.openingStateHash, stateHash(bundle.opening)) ??
    compare('OPENING_REWARDS', 'openingRewards', previous.rewardRoot, rewardRootOf(bundle.openingRewards)) ??
    compare('OPENING_DEBITS', 'openingDebits', previous.debitRoot, debitRootOf(bundle.openingDebits))
  )
}

/** P_e is the highest certified price of the epoch: at any other, IOSD bought before a jump could be cashed. */
export function checkPrice(
  { price }: EpochBundle,
  chain: ChainView,
  own: OwnKnowledge,
  crypto: CertificateCrypto,
): Refused | undefined {
  if (price === undefined) {
    if (own.highestPrice === undefined) return undefined
    return refuse('HIGHER_PRICE_KNOWN', {
      part: 'price',
      expected: String(own.highestPrice),
      found: 'no price',
    })
  }
  const report = unpackReport(price.word)
  const membership = chain.membershipOf(price.keyEpoch)
  const certified =
    price.feedId === chain.feedId &&
    report.price > 0n &&
    membership !== undefined &&
    verifyCertifiedReport(chain.domain, membership, price, crypto)
  if (!certified) return refuse('BAD_PRICE_CERTIFICATE', { part: 'price', found: String(report.price) })
  const clock = { startSec: chain.startSec, lengthSec: Number(chain.terms.epochLengthSec) }
  if (epochOf(clock, report.observedAt) !== chain.nextEpoch) {
    const found = `observed at ${report.observedAt}`
    return refuse('PRICE_OUTSIDE_EPOCH', { part: 'price', expected: `epoch ${chain.nextEpoch}`, found })
  }
  if (own.highestPrice === undefined || own.highestPrice <= report.price) return undefined
  return refuse('HIGHER_PRICE_KNOWN', {
    part: 'price',
    expected: String(own.highestPrice),
    found: String(report.price),
  })
}

/** Every window's root as it came in time, every window that came, and its lines under it. */
export function checkCommitments(
  bundle: EpochBundle,
  report: EpochReport,
  own: OwnKnowledge,
): Refused | undefined {
  for (const [index, { window, root }] of bundle.windows.entries()) {
    const received = own.windowRoots.get(window)
    const lines = bundle.results.filter(result => result.window === window)
    const computed = windowRootOf(lines)
    if (received === root && computed === root) continue
    return refuse('COMMITMENTS_ROOT', {
      part: 'windows',
      index,
      key: String(window),
      expected: received ?? 'no root in time',
      found: received === root ? `lines under ${computed}` : root,
    })
  }
  const listed = new Set(bundle.windows.map(({ window }) => window))
  const omitted = [...own.windowRoots.keys()].find(window => !listed.has(window))
  if (omitted !== undefined)
    return refuse('COMMITMENTS_ROOT', { part: 'windows', key: String(omitted), found: 'no line' })
  const stray = bundle.results.findIndex(({ window }) => !listed.has(window))
  if (stray >= 0) return refuse('COMMITMENTS_ROOT', { part: 'results', index: stray })
  const root = commitmentsRootOf(bundle.windows)
  return report.commitmentsRoot === root
    ? undefined
    : differs('COMMITMENTS_ROOT', 'commitmentsRoot', root, report.commitmentsRoot)
}

function differs(
  code: Parameters<typeof refuse>[0],
  key: keyof EpochReport,
  expected: string | number | bigint,
  found: string | number | bigint,
): Refused {
  return refuse(code, { part: 'report', key, expected: String(expected), found: String(found) })
}
