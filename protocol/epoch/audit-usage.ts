/** What payers, workers and relayers signed: batches, holds and receipts of a bundle. */
import type { IdentityCrypto } from '../identity.ts'
import { type BatchIdentity, isBatchSigned, lastSequence, type SignedBatch } from '../usage/batch.ts'
import { acceptedBy, holdId, isSignedByPayer } from '../usage/hold.ts'
import { promisedBy } from '../usage/inclusion.ts'
import { channelKey, isReceiptSigned, type Receipt } from '../usage/receipt.ts'
import type { WorkRecord } from '../usage/record.ts'
import { isSequenceState, takeSequence } from '../usage/sequence.ts'
import { WORK_KIND } from '../usage/wire.ts'
import type { ChainView, OwnKnowledge, Refused } from './audit-types.ts'
import { refuse } from './audit-types.ts'
import type { EpochBundle } from './bundle.ts'
import type { EpochOutcome } from './compute.ts'
import { DepositBook } from './deposits.ts'
import { batchName, FreeNumbers } from './promised-batch.ts'
import { modelKey } from './settle-usage.ts'
import { UsageTables } from './state.ts'

type Crypto = Pick<IdentityCrypto, 'recover'>

/**
 * Every batch that was promised for this epoch, or for an emptied one before it, or forced, is in: as far as it could be. One whose numbers are taken,
 * by what was settled before or by what is in, can count nowhere.
 */
export function checkIncluded(
  bundle: EpochBundle,
  identities: readonly BatchIdentity[],
  chain: ChainView,
  own: OwnKnowledge,
  crypto: Crypto,
): Refused | undefined {
  const included = new Set(identities.map(batchName))
  const missing = (identity: BatchIdentity) =>
    !included.has(batchName(identity)) && chain.isWorker(identity.worker)
  const promised = own.inclusions.filter(inclusion => {
    if (!isOwed(inclusion.receipt.epoch, chain) || !missing(inclusion.receipt)) return false
    const relayer = promisedBy(chain.domain, inclusion, crypto)
    // Anybody can sign a promise; only a relayer's binds.
    return relayer !== undefined && chain.isRelayer(relayer)
  })
  const wanted = [...promised.map(({ receipt }) => receipt), ...own.forced.filter(missing)]
  if (wanted.length === 0) return undefined
  const free = new FreeNumbers(bundle.opening.sequences)
  for (const identity of identities) free.note(identity)
  const lacking = wanted.find(identity => free.admits(identity))
  if (lacking === undefined) return undefined
  return refuse('MISSING_BATCH', { part: 'batches', key: batchName(lacking), found: 'no line' })
}

/** Each batch of a registered worker, its numbers new, under the worker's signature (invariant 15). */
export function checkBatches(
  bundle: EpochBundle,
  identities: readonly BatchIdentity[],
  chain: ChainView,
  crypto: Crypto,
): Refused | undefined {
  const tables = new UsageTables(chain.domain, { ...bundle.opening, channels: [], holds: [] })
  for (const [index, identity] of identities.entries()) {
    const where = { part: 'batches', index, key: batchName(identity) } as const
    const signature = bundle.batches[index]?.signature ?? new Uint8Array()
    if (!chain.isWorker(identity.worker)) return refuse('UNKNOWN_WORKER', where)
    const range = { from: identity.seqFrom, to: identity.seqTo }
    // Batches came in another order than they are sorted in: only where they end is bounded.
    const decision = takeSequence(tables.sequenceOf(identity.worker), range, Number.POSITIVE_INFINITY)
    if ('refused' in decision) return refuse('REPEATED_SEQUENCE', { ...where, found: decision.refused })
    tables.sequences.set(identity.worker, decision.taken)
    if (!isBatchSigned(chain.domain, identity, signature, crypto))
      return refuse('BAD_WORKER_SIGNATURE', where)
  }
  const scattered = [...tables.sequences].find(([, sequence]) => !isSequenceState(sequence))
  if (scattered === undefined) return undefined
  return refuse('REPEATED_SEQUENCE', { part: 'batches', key: scattered[0], found: 'TOO_MANY_GAPS' })
}

/** An emptied epoch settled nothing: what came in it is settled by the next one that has a bundle. */
function isOwed(epoch: number, { owedFrom, nextEpoch }: ChainView): boolean {
  return owedFrom <= epoch && epoch <= nextEpoch
}

/** Each hold signed by its payer, accepted by a relayer in an epoch that is owed, and all covered by deposits. */
export function checkHolds(bundle: EpochBundle, chain: ChainView, crypto: Crypto): Refused | undefined {
  const { domain, nextEpoch, parameters } = chain
  const tables = new UsageTables(domain, bundle.opening)
  for (const [index, accepted] of bundle.acceptances.entries()) {
    const { hold } = accepted
    const id = holdId(domain, hold)
    const where = { part: 'acceptances', index, key: `${id} of ${hold.payer}` } as const
    const lasts = hold.expiresEpoch - accepted.epoch
    const fault =
      (!isOwed(accepted.epoch, chain) && 'accepted in another epoch') ||
      (hold.expiresEpoch < nextEpoch && 'expired') ||
      (lasts > parameters.longestHoldEpochs && 'lasts too long') ||
      (tables.holds.has(id) && 'accepted before')
    if (fault) return refuse('BAD_HOLD', { ...where, found: fault })
    if (!isSignedByPayer(domain, hold, accepted.payerSignature, crypto))
      return refuse('BAD_PAYER_SIGNATURE', where)
    const relayer = acceptedBy(domain, accepted, crypto)
    if (relayer === undefined || !chain.isRelayer(relayer)) return refuse('BAD_RELAYER_SIGNATURE', where)
    tables.holds.set(id, { hold, used: 0n })
  }
  return checkCover(bundle, tables, chain)
}

/**
 * Whether what is spoken for fits into what the payer had for it (invariant 10), withdrawals that the relayer knew of
 * left out. Judged once, in the epoch of the acceptance: a request that is made after it does not undo it, as the escrow
 * pays out only after the longest hold.
 */
function checkCover(bundle: EpochBundle, tables: UsageTables, chain: ChainView): Refused | undefined {
  const book = new DepositBook(bundle.deposits, bundle.openingDebits, tables, chain.nextEpoch)
  for (const [index, { hold, epoch }] of bundle.acceptances.entries()) {
    const { debited, open, unsettled } = book.of(hold.payer, hold.asset)
    const deposit = chain.countedOn(hold.payer, hold.asset, epoch) - debited
    if (open + unsettled <= deposit) continue
    return refuse('HOLD_OVER_ACCEPTED', {
      part: 'acceptances',
      index,
      key: `${hold.payer}, asset ${hold.asset}`,
      expected: `at most ${deposit}`,
      found: String(open + unsettled),
    })
  }
  return undefined
}

/** One receipt a channel, signed by its payer, not below what the channel has been charged (invariant 9). */
export function checkReceipts(bundle: EpochBundle, chain: ChainView, crypto: Crypto): Refused | undefined {
  const opening = new Map(bundle.opening.channels.map(state => [channelKey(state.channel), state]))
  const seen = new Set<string>()
  for (const [index, signed] of bundle.receipts.entries()) {
    const { receipt } = signed
    const key = channelKey(receipt)
    const where = { part: 'receipts', index, key: `${receipt.payer} to ${receipt.worker}` } as const
    if (seen.has(key)) return refuse('DUPLICATE_RECEIPT', where)
    seen.add(key)
    if (!isReceiptSigned(chain.domain, signed, crypto)) return refuse('BAD_PAYER_SIGNATURE', where)
    const before = opening.get(key)
    if (before !== undefined && isBelow(receipt, before)) {
      const expected = `at least ${before.claimed} for ${before.units}`
      const found = `${receipt.cumulativeCeiling} for ${receipt.cumulativeUnits}`
      return refuse('RECEIPT_FELL', { ...where, expected, found })
    }
  }
  return undefined
}

/**
 * Records that do not count for want of something the chain or this auditor has: the bundle leaves it out.
 *
 * Of two receipts of a channel neither may allow all that the other does. The one is due under which the highest charge
 * of the epoch stands, so that all auditors want the same one, whichever of them they know.
 */
export function checkNothingWithheld(
  bundle: EpochBundle,
  outcome: EpochOutcome,
  chain: ChainView,
  own: OwnKnowledge,
  crypto: Crypto,
): Refused | undefined {
  const known = knownReceipts(bundle, chain, own, crypto)
  const records = new RecordIndex(bundle.batches)
  let stated: StatedCharges | undefined
  for (const { worker, sequence, reason } of outcome.refused) {
    const record = records.find(worker, sequence)
    if (record === undefined || !('payer' in record)) continue
    const where = { key: `${worker} ${sequence}`, found: 'no line' }
    if (reason === 'UNKNOWN_MODEL' && chain.modelOf(record.id, record.version)?.active === true)
      return refuse('MISSING_MODEL', { part: 'models', ...where })
    if (reason !== 'NO_RECEIPT' && reason !== 'ABOVE_RECEIPT' && reason !== 'RECEIPT_EXPIRED') continue
    const key = channelKey({ ...record, worker })
    const receipt = known.get(key)
    if (receipt === undefined || !allows(receipt, record)) continue
    stated ??= new StatedCharges(bundle, chain.nextEpoch)
    if (record.cumulativeCharge > stated.highest(key))
      return refuse('MISSING_RECEIPT', { part: 'receipts', ...where })
  }
  return checkWaiting(bundle, outcome, chain)
}

/** A payment whose model is left out would wait for ever: a retired version, too, is paid what it is owed. */
function checkWaiting(bundle: EpochBundle, outcome: EpochOutcome, chain: ChainView): Refused | undefined {
  const listed = new Set(bundle.models.map(({ id, version }) => modelKey(id, version)))
  for (const { channel, claimed, settled } of outcome.closing.channels) {
    const { kind, id, version } = channel
    if (kind !== WORK_KIND.inference || settled === claimed || listed.has(modelKey(id, version))) continue
    if (chain.modelOf(id, version) === undefined) continue
    const key = `${id} version ${version}, owed by ${channel.payer} to ${channel.worker}`
    return refuse('MISSING_MODEL', { part: 'models', key, found: 'no line' })
  }
  return undefined
}

/** Receipts that this auditor was shown and that could be in: signed, still valid, not below what was charged before. */
function knownReceipts(
  bundle: EpochBundle,
  chain: ChainView,
  own: OwnKnowledge,
  crypto: Crypto,
): ReadonlyMap<string, Receipt> {
  const opening = new Map(bundle.opening.channels.map(state => [channelKey(state.channel), state]))
  const known = new Map<string, Receipt>()
  for (const signed of own.receipts) {
    const { receipt } = signed
    const key = channelKey(receipt)
    const before = opening.get(key)
    if (receipt.validUntilEpoch < chain.nextEpoch) continue
    if (before !== undefined && isBelow(receipt, before)) continue
    if (isReceiptSigned(chain.domain, signed, crypto)) known.set(key, receipt)
  }
  return known
}

function isBelow(receipt: Receipt, before: { readonly claimed: bigint; readonly units: bigint }): boolean {
  return receipt.cumulativeCeiling < before.claimed || receipt.cumulativeUnits < before.units
}

function allows(receipt: Receipt, record: WorkRecord): boolean {
  return (
    record.cumulativeCharge <= receipt.cumulativeCeiling && record.cumulativeUnits <= receipt.cumulativeUnits
  )
}

/** The highest charge of the epoch that each channel's receipt in the bundle allows. */
class StatedCharges {
  readonly #highest = new Map<string, bigint>()

  constructor(bundle: EpochBundle, epoch: number) {
    const receipts = new Map(bundle.receipts.map(({ receipt }) => [channelKey(receipt) as string, receipt]))
    for (const { batch } of bundle.batches) {
      for (const record of batch.records) {
        if (!('payer' in record)) continue
        const key = channelKey({ ...record, worker: batch.worker })
        const receipt = receipts.get(key)
        if (receipt === undefined || receipt.validUntilEpoch < epoch || !allows(receipt, record)) continue
        if (record.cumulativeCharge > this.highest(key)) this.#highest.set(key, record.cumulativeCharge)
      }
    }
  }

  /** Below any charge when there is none. */
  highest(channel: string): bigint {
    return this.#highest.get(channel) ?? -1n
  }
}

/** Records by worker and sequence, over batches that are sorted by both. */
class RecordIndex {
  readonly #byWorker = new Map<string, SignedBatch[]>()

  constructor(batches: readonly SignedBatch[]) {
    for (const signed of batches) {
      const list = this.#byWorker.get(signed.batch.worker) ?? []
      this.#byWorker.set(signed.batch.worker, list)
      list.push(signed)
    }
  }

  find(worker: string, sequence: number): SignedBatch['batch']['records'][number] | undefined {
    const found = this.#byWorker
      .get(worker)
      ?.find(({ batch }) => batch.seqFrom <= sequence && sequence <= lastSequence(batch))
    return found?.batch.records[sequence - found.batch.seqFrom]
  }
}
