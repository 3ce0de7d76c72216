/** Payers, workers and relayers whose keys a test holds, and what they sign. */
import type { Domain } from '../../../protocol/domain.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE } from '../../../protocol/units.ts'
import { type AcceptedHold, acceptanceDigest, type Hold, holdDigest } from '../../../protocol/usage/hold.ts'
import { type Receipt, receiptDigest, type SignedReceipt } from '../../../protocol/usage/receipt.ts'
import { encodeSignedStatement, type Statement, statementDigest } from '../../../protocol/usage/statement.ts'
import { ASSET, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { createPayerBook, type PayerBook } from '../../../sdk/payer.ts'
import { addressOf, hash } from '../epoch/cast.ts'
import { DOMAIN } from '../protocol/network.ts'
import { seeded } from '../protocol/seeded.ts'

export const MODEL = { id: hash('model'), version: 1 }
export const PAYER = addressOf('payer')
export const WORKER = addressOf('worker')
export const GATEWAY = addressOf('gateway')

export function signWith(name: string, digest: Uint8Array): Uint8Array {
  return nobleIdentityCrypto.sign(digest, seeded(name))
}

export function bookOf(name: string, domain: Domain = DOMAIN, state?: unknown): PayerBook {
  let nonce = 0n
  return createPayerBook({
    domain,
    payer: addressOf(name),
    sign: digest => signWith(name, digest),
    nonce: () => ++nonce,
    ...(state === undefined ? {} : { state }),
  })
}

export function aReceipt(changes: Partial<Receipt> = {}): Receipt {
  return {
    payer: PAYER,
    worker: WORKER,
    gateway: GATEWAY,
    kind: WORK_KIND.inference,
    ...MODEL,
    cumulativeUnits: 10_000n,
    cumulativeCeiling: ONE,
    validUntilEpoch: 3,
    ...changes,
  }
}

export function signedReceipt(changes: Partial<Receipt> = {}, by = 'payer'): SignedReceipt {
  const receipt = aReceipt(changes)
  return { receipt, signature: signWith(by, receiptDigest(DOMAIN, receipt)) }
}

export function aHold(changes: Partial<Hold> = {}): Hold {
  return {
    payer: PAYER,
    payee: GATEWAY,
    kind: WORK_KIND.inference,
    asset: ASSET.io,
    maxAmount: 5n * ONE,
    expiresEpoch: 3,
    nonce: 1n,
    ...changes,
  }
}

export function acceptedHold(
  changes: Partial<Hold> = {},
  by: { readonly payer?: string; readonly relayer?: string; readonly domain?: Domain } = {},
): AcceptedHold {
  const { payer = 'payer', relayer = 'relayer', domain = DOMAIN } = by
  const hold = aHold(changes)
  return accept(hold, signWith(payer, holdDigest(domain, hold)), domain, relayer)
}

/** What a relayer answers to a hold. */
export function accept(
  hold: Hold,
  payerSignature: Uint8Array,
  domain: Domain,
  relayer = 'relayer',
): AcceptedHold {
  const unsigned = { hold, epoch: 0, snapshotBlock: 1, openTotal: hold.maxAmount, payerSignature }
  return { ...unsigned, relayerSignature: signWith(relayer, acceptanceDigest(domain, unsigned)) }
}

export function statementBytes(statement: Statement, by = 'worker', domain: Domain = DOMAIN): Uint8Array {
  return encodeSignedStatement({ statement, signature: signWith(by, statementDigest(domain, statement)) })
}
