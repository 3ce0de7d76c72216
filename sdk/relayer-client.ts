/**
 * A relayer, as workers, gateways, payers and pages call it. Answers are parsed and bounded; whether what they say is
 * true (signatures, proofs) is the caller's to check, who knows the registry and the chain.
 */
import { type Address, ByteWriter, type Hash, type Hex } from '../protocol/bytes.ts'
import { type AcceptedHold, decodeAcceptedHold, type Hold, writeHold } from '../protocol/usage/hold.ts'
import { decodeInclusion, type SignedInclusion } from '../protocol/usage/inclusion.ts'
import { encodeSignedReceipt, type SignedReceipt } from '../protocol/usage/receipt.ts'
import { OCTETS, parseAnswer, request, requestJson } from './http.ts'
import {
  addressField,
  countField,
  hashField,
  integerField,
  type JsonObject,
  listField,
  objectOf,
  proofField,
  textField,
} from './json.ts'
import { ProblemError } from './problem.ts'

/** What a relayer answers instead of doing what it was asked; `code` is one of its closed unions. */
export { ProblemError as RelayerError }

/** A closed window, and the way of one commitment to its root. */
export interface WindowAnswer {
  readonly window: number
  readonly root: Hash
  /** Commitments under the root. */
  readonly count: number
  readonly index: number
  readonly proof: readonly Hex[]
}

/** All that an account has ever earned, under the root of an active epoch. */
export interface AccountAnswer {
  readonly account: Address
  readonly epoch: number
  readonly cumulative: bigint
  readonly root: Hash
  readonly proof: readonly Hex[]
}

export interface AssetAnswer {
  /** Wei: deposits less debits; of these, set aside by open holds; and charged but not yet debited. */
  readonly deposit: bigint
  readonly open: bigint
  readonly unsettled: bigint
}

export interface DebitAnswer {
  readonly epoch: number
  readonly cumulativeIosd: bigint
  readonly cumulativeIo: bigint
  readonly root: Hash
  readonly proof: readonly Hex[]
}

export interface PayerAnswer {
  readonly payer: Address
  readonly io: AssetAnswer
  readonly iosd: AssetAnswer
  /** What a withdrawal needs; undefined before an epoch knew the payer. */
  readonly debit: DebitAnswer | undefined
}

export interface WorkerAnswer {
  readonly worker: Address
  /** The first sequence number above all that were taken in. */
  readonly nextSequence: number
  /** Records that did not count, and why. */
  readonly refused: readonly { readonly epoch: number; readonly sequence: number; readonly reason: string }[]
}

export interface RelayerClient {
  readonly url: string
  /** @param batch bytes of a signed batch */
  postBatch(batch: Uint8Array, signal?: AbortSignal): Promise<SignedInclusion>
  /** @param signature the payer's, 64 bytes */
  acceptHold(hold: Hold, signature: Uint8Array, signal?: AbortSignal): Promise<AcceptedHold>
  postReceipt(receipt: SignedReceipt, signal?: AbortSignal): Promise<void>
  /** @param commitment bytes of a signed challenge commitment */
  postCommitment(commitment: Uint8Array, signal?: AbortSignal): Promise<void>
  /** The beacon of a slot, as the relayer says it; undefined when it is not there within the wait. */
  beacon(slot: number, waitMs: number, signal?: AbortSignal): Promise<Hash | undefined>
  /** Bytes of the proof of a slot's beacon, or of the draw for a root; undefined while there is none. */
  beaconProof(slot: number, root: Hash | undefined, signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** Bytes of the transcript of a key epoch's keys; undefined when the relayer has not got it. */
  transcript(keyEpoch: number, signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** undefined while the window is not closed. @throws code NO_COMMITMENT, and WINDOW_MISSED: it never will be */
  windowOf(
    window: number,
    of: { readonly worker: Address; readonly device: Hash },
    signal?: AbortSignal,
  ): Promise<WindowAnswer | undefined>
  /** @param openings bytes of the openings, and the worker's signature behind them */
  postOpenings(
    window: number,
    of: { readonly worker: Address; readonly device: Hash },
    openings: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void>
  /** undefined for who has never earned anything. */
  account(address: Address, signal?: AbortSignal): Promise<AccountAnswer | undefined>
  payer(address: Address, signal?: AbortSignal): Promise<PayerAnswer>
  worker(address: Address, signal?: AbortSignal): Promise<WorkerAnswer>
}

export interface RelayerClientOptions {
  readonly url: string
  /** For one request, the reading of its answer included. */
  readonly timeoutMs: number
}

/** More refused records than this are not read: a relayer names recent ones. */
const MAX_REFUSED = 10_000

/** Every method throws {@link ProblemError} when the relayer refuses or cannot be reached. */
export function createRelayerClient(options: RelayerClientOptions): RelayerClient {
  const target = { url: options.url.replace(/\/+$/, ''), timeoutMs: options.timeoutMs }

  const post = (path: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> =>
    request(target, { method: 'POST', path, body, headers: { 'content-type': OCTETS }, signal })
  const get = async <T>(
    path: string,
    signal: AbortSignal | undefined,
    read: (from: JsonObject) => T,
  ): Promise<T> => {
    const value = await requestJson(target, { method: 'GET', path, signal })
    return parseAnswer(() => read(objectOf(value)))
  }
  const getBytes = (path: string, signal: AbortSignal | undefined): Promise<Uint8Array> =>
    request(target, { method: 'GET', path, signal })
  const deviceQuery = (of: { readonly worker: Address; readonly device: Hash }): string =>
    `worker=${of.worker}&device=${of.device}`

  return {
    url: target.url,
    postBatch: async (batch, signal) => {
      const answer = await post('/v1/batches', batch, signal)
      return parseAnswer(() => decodeInclusion(answer))
    },
    acceptHold: async (hold, signature, signal) => {
      const body = writeHold(new ByteWriter(), hold).fixed(signature, signature.length).done()
      const answer = await post('/v1/holds', body, signal)
      return parseAnswer(() => decodeAcceptedHold(answer))
    },
    postReceipt: async (receipt, signal) => {
      await post('/v1/receipts', encodeSignedReceipt(receipt), signal)
    },
    postCommitment: async (commitment, signal) => {
      await post('/v1/commitments', commitment, signal)
    },
    beacon: (slot, waitMs, signal) =>
      orUndefined(get(`/v1/beacons/${slot}?waitMs=${waitMs}`, signal, from => hashField(from, 'value'))),
    beaconProof: (slot, root, signal) =>
      orUndefined(getBytes(`/v1/beacons/${slot}/${root === undefined ? 'proof' : `draws/${root}`}`, signal)),
    transcript: (keyEpoch, signal) => orUndefined(getBytes(`/v1/transcripts/${keyEpoch}`, signal)),
    windowOf: (window, of, signal) =>
      orUndefined(get(`/v1/windows/${window}?${deviceQuery(of)}`, signal, readWindow)),
    postOpenings: async (window, of, openings, signal) => {
      await post(`/v1/windows/${window}/openings?${deviceQuery(of)}`, openings, signal)
    },
    account: (address, signal) => orUndefined(get(`/v1/accounts/${address}`, signal, readAccount)),
    payer: (address, signal) => get(`/v1/payers/${address}`, signal, readPayer),
    worker: (address, signal) => get(`/v1/workers/${address}`, signal, readWorker),
  }
}

/** What is asked for is not there and will not come: whoever waits for it is to know. */
const NEVER_THERE: ReadonlySet<string> = new Set(['NO_COMMITMENT', 'WINDOW_MISSED'])

async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    const missing = error instanceof ProblemError && error.status === 404
    if (missing && !NEVER_THERE.has(error.code)) return undefined
    throw error
  }
}

function readWindow(from: JsonObject): WindowAnswer {
  return {
    window: countField(from, 'window'),
    root: hashField(from, 'root'),
    count: countField(from, 'count'),
    index: countField(from, 'index'),
    proof: proofField(from, 'proof'),
  }
}

function readAccount(from: JsonObject): AccountAnswer {
  return {
    account: addressField(from, 'account'),
    epoch: countField(from, 'epoch'),
    cumulative: integerField(from, 'cumulativeWei'),
    root: hashField(from, 'root'),
    proof: proofField(from, 'proof'),
  }
}

function readPayer(from: JsonObject): PayerAnswer {
  const debit = from['debit']
  return {
    payer: addressField(from, 'payer'),
    io: readAsset(objectOf(from['io'])),
    iosd: readAsset(objectOf(from['iosd'])),
    debit: debit === null || debit === undefined ? undefined : readDebit(objectOf(debit)),
  }
}

function readAsset(from: JsonObject): AssetAnswer {
  return {
    deposit: integerField(from, 'depositWei'),
    open: integerField(from, 'openWei'),
    unsettled: integerField(from, 'unsettledWei'),
  }
}

function readDebit(from: JsonObject): DebitAnswer {
  return {
    epoch: countField(from, 'epoch'),
    cumulativeIosd: integerField(from, 'cumulativeIosdWei'),
    cumulativeIo: integerField(from, 'cumulativeIoWei'),
    root: hashField(from, 'root'),
    proof: proofField(from, 'proof'),
  }
}

function readWorker(from: JsonObject): WorkerAnswer {
  return {
    worker: addressField(from, 'worker'),
    nextSequence: countField(from, 'nextSequence'),
    refused: listField(from, 'refused', MAX_REFUSED, item => {
      const line = objectOf(item)
      return {
        epoch: countField(line, 'epoch'),
        sequence: countField(line, 'sequence'),
        reason: textField(line, 'reason'),
      }
    }),
  }
}
