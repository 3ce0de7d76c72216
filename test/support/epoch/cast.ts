import { type Address, type Hash, hexOf } from '../../../protocol/bytes.ts'
import type { CertifiedReport } from '../../../protocol/certificate.ts'
import type { PromisedBatch } from '../../../protocol/epoch/promised-batch.ts'
import { addressOfSecret, nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { packReport, reportDigest } from '../../../protocol/report.ts'
import { roundAt } from '../../../protocol/rounds.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import {
  batchDigest,
  batchIdentity,
  type SignedBatch,
  type UsageBatch,
} from '../../../protocol/usage/batch.ts'
import { type AcceptedHold, acceptanceDigest, type Hold, holdDigest } from '../../../protocol/usage/hold.ts'
import { inclusionDigest, type SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import { type Receipt, receiptDigest, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { DOMAIN, FEED_ID, KEY_EPOCH, ProtocolNetwork } from '../protocol/network.ts'
import { seeded } from '../protocol/seeded.ts'

export const network = new ProtocolNetwork(4)

/** Somebody whose key a test holds. */
export function addressOf(name: string): Address {
  return addressOfSecret(seeded(name))
}

export function signAs(name: string, digest: Uint8Array): Uint8Array {
  return nobleIdentityCrypto.sign(digest, seeded(name))
}

export function hash(name: string): Hash {
  return hexOf(seeded(name))
}

export function acceptHold(hold: Hold, payer: string, changes: Partial<AcceptedHold> = {}): AcceptedHold {
  const unsigned = {
    hold,
    epoch: 0,
    snapshotBlock: 90,
    openTotal: hold.maxAmount,
    payerSignature: signAs(payer, holdDigest(DOMAIN, hold)),
    ...changes,
  }
  return { relayerSignature: signAs('relayer', acceptanceDigest(DOMAIN, unsigned)), ...unsigned }
}

export function signReceipt(receipt: Receipt, payer: string): SignedReceipt {
  return { receipt, signature: signAs(payer, receiptDigest(DOMAIN, receipt)) }
}

export function signBatch(batch: UsageBatch, worker: string): SignedBatch {
  return { batch, signature: signAs(worker, batchDigest(DOMAIN, batchIdentity(batch))) }
}

/** What the relayer (or somebody else) promises for a batch. */
export function promise(batch: UsageBatch, epoch: number, relayer = 'relayer'): SignedInclusion {
  const receipt = { epoch, ...batchIdentity(batch) }
  return { receipt, signature: signAs(relayer, inclusionDigest(DOMAIN, receipt)) }
}

/** A batch of `worker` as an oracle node is shown it. */
export function promised(
  batch: UsageBatch,
  epoch = 0,
  by: { relayer?: string; worker?: string } = {},
): PromisedBatch {
  return { inclusion: promise(batch, epoch, by.relayer), batch: signBatch(batch, by.worker ?? 'worker') }
}

/** A price certified by three of four identities. */
export function certifiedPrice(usd: bigint, observedAt: number): CertifiedReport {
  const round = roundAt(observedAt * 1_000, 1_000)
  const word = packReport({ price: (usd * ONE) as Price, confidence: 5, observedAt, round })
  const digest = reportDigest(DOMAIN, FEED_ID, word)
  const slots = [0, 1, 2].sort((a, b) => (network.identityOf(a) < network.identityOf(b) ? -1 : 1))
  const signatures = slots.map(slot => network.signerOf(slot)(digest))
  return { keyEpoch: KEY_EPOCH, feedId: FEED_ID, word, certificate: { kind: 'quorum', signatures } }
}
