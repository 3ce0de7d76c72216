/**
 * What a dishonest relayer proposes. Each lie is carried through: lines, roots, totals and bundle agree with one
 * another, so that only who knows better can tell.
 */
import { compareBytes } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import type { EpochInputs } from '../../../protocol/epoch/bundle.ts'
import { computeEpoch, reportOf } from '../../../protocol/epoch/compute.ts'
import type { SignedBatch } from '../../../protocol/usage/batch.ts'
import { acceptanceDigest, encodeAcceptedHold, type Hold } from '../../../protocol/usage/hold.ts'
import { channelKey, encodeSignedReceipt } from '../../../protocol/usage/receipt.ts'
import { AVAILABILITY_KIND, channelOf, type WorkRecord } from '../../../protocol/usage/record.ts'
import { type ProposalBuilder, proposeEpoch, UNSET_HASH } from '../../../relayer/epochs/proposal.ts'

export const FAULTS = [
  'adds-a-wei',
  'drops-a-batch',
  'invents-a-record',
  'borrows-a-receipt',
  'burns-more',
  'accepts-too-much',
] as const
export type Fault = (typeof FAULTS)[number]

/** What the liar has besides the inputs. */
export interface FaultTools {
  readonly domain: Domain
  readonly sign: (digest: Uint8Array) => Uint8Array
  /** One that its payer has signed, and that nobody has accepted. */
  readonly hold: { readonly hold: Hold; readonly payerSignature: Uint8Array } | undefined
}

export function dishonestly(fault: Fault, tools: FaultTools): ProposalBuilder {
  switch (fault) {
    case 'adds-a-wei':
      return addWei
    case 'drops-a-batch':
      return (inputs, terms, frame) =>
        proposeEpoch({ ...inputs, batches: inputs.batches.slice(0, -1) }, terms, frame)
    case 'invents-a-record':
      return (inputs, terms, frame) =>
        proposeEpoch({ ...inputs, batches: withInventedRecord(inputs.batches) }, terms, frame)
    case 'borrows-a-receipt':
      return (inputs, terms, frame) => proposeEpoch(withBorrowedReceipt(inputs), terms, frame)
    case 'burns-more':
      return (inputs, terms, frame) => {
        const header = { ...inputs.header, burned: inputs.header.burned + 1n }
        return proposeEpoch({ ...inputs, header }, terms, frame)
      }
    case 'accepts-too-much':
      return (inputs, terms, frame) => proposeEpoch(withAcceptance(inputs, tools), terms, frame)
    default:
      return fault satisfies never
  }
}

/** To the first that has earned anything, and to the totals. */
const addWei: ProposalBuilder = (inputs, terms, frame) => {
  const outcome = computeEpoch(inputs, terms)
  const rewards = outcome.rewards.map((line, index) =>
    index === 0 ? { ...line, cumulative: line.cumulative + 1n } : line,
  )
  const allocation = { ...outcome.allocation, hiredPaid: outcome.allocation.hiredPaid + 1n }
  const lie = { ...outcome, rewards, allocation }
  return {
    bundle: { ...inputs, rewards, debits: outcome.debits },
    report: reportOf(inputs, lie, { ...frame, bundleHash: UNSET_HASH }),
    outcome: lie,
  }
}

/** One more wei for one more unit, at the end of the last batch, under the signature that there is. */
function withInventedRecord(batches: readonly SignedBatch[]): SignedBatch[] {
  return batches.map((signed, index) => {
    if (index < batches.length - 1) return signed
    const { batch, signature } = signed
    const last = batch.records.findLast(isWork)
    if (last === undefined) throw new Error('there is no record to go on from')
    const invented = {
      ...last,
      cumulativeUnits: last.cumulativeUnits + 1n,
      cumulativeCharge: last.cumulativeCharge + 1n,
    }
    return { batch: { ...batch, records: [...batch.records, invented] }, signature }
  })
}

/** A charge that its payer never agreed to gets the receipt that the payer gave to another worker. */
function withBorrowedReceipt(inputs: EpochInputs): EpochInputs {
  const agreed = new Set(inputs.receipts.map(({ receipt }) => channelKey(receipt)))
  for (const { batch } of inputs.batches) {
    for (const record of batch.records.filter(isWork)) {
      const channel = channelOf(batch.worker, record)
      const lender = inputs.receipts.find(
        ({ receipt }) => channelKey({ ...receipt, worker: batch.worker }) === channelKey(channel),
      )
      if (agreed.has(channelKey(channel)) || lender === undefined) continue
      const borrowed = { ...lender, receipt: { ...lender.receipt, worker: batch.worker } }
      return { ...inputs, receipts: sortedBy([...inputs.receipts, borrowed], encodeSignedReceipt) }
    }
  }
  throw new Error('there is no charge without a receipt')
}

function withAcceptance(inputs: EpochInputs, { domain, sign, hold: signed }: FaultTools): EpochInputs {
  if (signed === undefined) throw new Error('there is no hold to accept')
  const { epoch, snapshotBlock } = inputs.header
  const unsigned = { hold: signed.hold, epoch, snapshotBlock, openTotal: 0n }
  const accepted = {
    ...unsigned,
    payerSignature: signed.payerSignature,
    relayerSignature: sign(acceptanceDigest(domain, unsigned)),
  }
  return { ...inputs, acceptances: sortedBy([...inputs.acceptances, accepted], encodeAcceptedHold) }
}

function isWork(record: { readonly kind: number }): record is WorkRecord {
  return record.kind !== AVAILABILITY_KIND
}

function sortedBy<T>(items: readonly T[], encode: (item: T) => Uint8Array): T[] {
  return items.toSorted((a, b) => compareBytes(encode(a), encode(b)))
}
