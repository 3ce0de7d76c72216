/** Whoever works, pays and passes on: parts that the test plays itself, with keys of its own, over HTTP. */
import { keccak256, toHex } from 'viem'
import { type Address, ByteWriter, type Hash } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/domain.ts'
import { encodePromised, type PromisedBatch } from '../../../protocol/epoch/promised-batch.ts'
import { ONE } from '../../../protocol/units.ts'
import {
  batchDigest,
  batchIdentity,
  encodeSignedBatch,
  type SignedBatch,
  type UsageBatch,
} from '../../../protocol/usage/batch.ts'
import { type AcceptedHold, type Hold, holdDigest, holdId, writeHold } from '../../../protocol/usage/hold.ts'
import type { SignedInclusion } from '../../../protocol/usage/inclusion.ts'
import { encodeSignedReceipt, type Receipt, receiptDigest } from '../../../protocol/usage/receipt.ts'
import type { WorkRecord } from '../../../protocol/usage/record.ts'
import { ASSET, NOBODY, WORK_KIND } from '../../../protocol/usage/wire.ts'
import { createRelayerClient, type RelayerClient } from '../../../sdk/relayer-client.ts'
import { type Party, party } from '../network/cast.ts'

const ANSWER_WITHIN_MS = 10_000
/** Later than any epoch of these tests. */
const LAST_EPOCH = 20

export const PAYER = party('payer')
export const GATEWAY = party('gateway')
export const MODEL_OWNER = party('model owner')
export const WORKER = party('worker')
export const OTHER_WORKER = party('other worker')

/** What has been charged on a channel by now. */
export interface Charge {
  readonly units: bigint
  readonly wei: bigint
}

/** A channel and the hold that its charges are taken from. */
export interface Deal {
  readonly hold: AcceptedHold
  readonly channel: Pick<Receipt, 'payer' | 'gateway' | 'kind' | 'id' | 'version'>
}

export class Customers {
  readonly relayer: RelayerClient
  readonly #domain: Domain
  readonly #oracleUrls: readonly string[]
  readonly #sequences = new Map<Address, number>()
  #nonce = 0n

  constructor(domain: Domain, relayerUrl: string, oracleUrls: readonly string[]) {
    this.#domain = domain
    this.#oracleUrls = oracleUrls
    this.relayer = createRelayerClient({ url: relayerUrl, timeoutMs: ANSWER_WITHIN_MS })
  }

  /** Hires a worker by the second, paid in IOSD. */
  async hire(worker: Party, maxAmount: bigint): Promise<Deal> {
    const { kind, asset } = { kind: WORK_KIND.hire, asset: ASSET.iosd }
    const hold = await this.#open({ payee: worker.identity, kind, asset, maxAmount })
    const id = keccak256(toHex(`lease of ${worker.identity}, ${hold.hold.nonce}`))
    return { hold, channel: { payer: PAYER.identity, gateway: NOBODY, kind, id, version: 0 } }
  }

  /** Sets IO aside for inferences of whichever worker the gateway picks. */
  async subscribe(model: Hash, maxAmount: bigint): Promise<Deal> {
    const { kind, asset } = { kind: WORK_KIND.inference, asset: ASSET.io }
    const hold = await this.#open({ payee: GATEWAY.identity, kind, asset, maxAmount })
    const channel = { payer: PAYER.identity, gateway: GATEWAY.identity, kind, id: model, version: 1 }
    return { hold, channel }
  }

  /**
   * The payer lets a worker charge so much.
   *
   * @param to who is told: the relayer unless a worker shows it to the oracle nodes instead
   */
  async allow(
    { channel }: Deal,
    worker: Party,
    { units, wei }: Charge,
    to: 'relayer' | 'oracles' = 'relayer',
  ): Promise<void> {
    const receipt: Receipt = {
      ...channel,
      worker: worker.identity,
      cumulativeUnits: units,
      cumulativeCeiling: wei,
      validUntilEpoch: LAST_EPOCH,
    }
    const signature = PAYER.sign(receiptDigest(this.#domain, receipt))
    const signed = { receipt, signature }
    if (to === 'relayer') await this.relayer.postReceipt(signed)
    else
      await Promise.all(this.#oracleUrls.map(url => post(url, '/v1/receipts', encodeSignedReceipt(signed))))
  }

  /**
   * A worker hands in what it has charged, in one batch, and gets the relayer's promise.
   *
   * @param options.shown whether the oracle nodes hear of the promise
   */
  async charge(
    deal: Deal,
    worker: Party,
    charges: readonly Charge[],
    options: { readonly shown: boolean } = { shown: true },
  ): Promise<SignedInclusion> {
    const batch = this.sign(deal, worker, charges)
    const promise = await this.relayer.postBatch(encodeSignedBatch(batch))
    const promised = { inclusion: promise, batch }
    if (options.shown) await Promise.all(this.#oracleUrls.map(url => show(url, promised)))
    return promise
  }

  /** The next batch of a worker, handed to nobody. */
  sign(deal: Deal, worker: Party, charges: readonly Charge[]): SignedBatch {
    const seqFrom = this.#sequences.get(worker.identity) ?? 1
    this.#sequences.set(worker.identity, seqFrom + charges.length)
    const batch = {
      worker: worker.identity,
      seqFrom,
      records: charges.map(charge => this.#record(deal, charge)),
    }
    return this.signBatch(batch, worker)
  }

  signBatch(batch: UsageBatch, worker: Party): SignedBatch {
    return { batch, signature: worker.sign(batchDigest(this.#domain, batchIdentity(batch))) }
  }

  /** What each oracle node answers to who shows it these bytes as a promise: 204, or the code of its refusal. */
  showAll(bytes: Uint8Array): Promise<(number | string)[]> {
    return Promise.all(
      this.#oracleUrls.map(async url => {
        const response = await send(url, '/v1/inclusions', bytes)
        return response.ok ? response.status : String(((await response.json()) as { code: unknown }).code)
      }),
    )
  }

  /** The bytes of a hold that has been signed and handed to nobody. */
  signHold(fields: Pick<Hold, 'payee' | 'kind' | 'asset' | 'maxAmount'>): Uint8Array {
    const { hold, signature } = this.#sign(fields)
    return writeHold(new ByteWriter(), hold).fixed(signature, signature.length).done()
  }

  /** All that an account has ever earned, as the relayer proves it. */
  async earned(account: Party): Promise<bigint> {
    return (await this.relayer.account(account.identity))?.cumulative ?? 0n
  }

  async #open(fields: Pick<Hold, 'payee' | 'kind' | 'asset' | 'maxAmount'>): Promise<AcceptedHold> {
    const { hold, signature } = this.#sign(fields)
    return this.relayer.acceptHold(hold, signature)
  }

  #sign(fields: Pick<Hold, 'payee' | 'kind' | 'asset' | 'maxAmount'>) {
    const hold: Hold = {
      ...fields,
      payer: PAYER.identity,
      expiresEpoch: LAST_EPOCH,
      nonce: ++this.#nonce,
    }
    return { hold, signature: PAYER.sign(holdDigest(this.#domain, hold)) }
  }

  #record({ hold, channel }: Deal, { units, wei }: Charge): WorkRecord {
    return {
      ...channel,
      hold: holdId(this.#domain, hold.hold),
      cumulativeUnits: units,
      cumulativeCharge: wei,
      workHash: keccak256(toHex(`work of ${units} units`)),
    }
  }
}

/** Wei of so many whole tokens. */
export function tokens(amount: number): bigint {
  return BigInt(amount) * ONE
}

async function show(oracleUrl: string, promised: PromisedBatch): Promise<void> {
  await post(oracleUrl, '/v1/inclusions', encodePromised(promised))
}

async function post(oracleUrl: string, path: string, body: Uint8Array): Promise<void> {
  const response = await send(oracleUrl, path, body)
  if (response.status !== 204)
    throw new Error(`an oracle node does not take it at ${path}: ${await response.text()}`)
}

function send(oracleUrl: string, path: string, body: Uint8Array): Promise<Response> {
  return fetch(oracleUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(body),
  })
}
