/**
 * What settled epochs came to. The chain names each epoch's bundle by its hash; from the bundle everything follows
 * again, whoever proposed it: what the next epoch starts from, everybody's lines, and their proofs.
 */
import type { SettledEpoch, SettlementReader } from '../../chain/settlement/types.ts'
import { lastSettledBefore } from '../../chain/settlement/view.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import { describeFault } from '../../protocol/epoch/bundle-reader.ts'
import { computeEpoch, type EpochOutcome } from '../../protocol/epoch/compute.ts'
import { debitRootOf, rewardRootOf } from '../../protocol/epoch/ledger.ts'
import type { RefusedRecord } from '../../protocol/epoch/meter.ts'
import { EMPTY_STATE } from '../../protocol/epoch/state.ts'
import { activeMembers, type Membership, type PeerKey } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import { fetchBlob } from '../../runtime/p2p/blobs.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import { BadBundleError, type BundleStore } from './bundle-store.ts'
import { type EpochFigures, figuresOf } from './figures.ts'
import type { Opening } from './inputs.ts'
import { type ProvenWork, provenWorkOf } from './proven-work.ts'

/** What remains of an epoch once its bundle has been read. */
export interface EpochResult extends Opening {
  readonly epoch: number
  readonly bundleHash: Hash
  readonly figures: EpochFigures
  readonly refused: readonly RefusedRecord[]
  /** What each worker's devices proved in the epoch. */
  readonly proven: ReadonlyMap<Address, ProvenWork>
}

/** Nobody that is connected has the bundle of an active epoch. A retry helps once a node that signed it is back. */
export class BundleUnavailableError extends Error {
  readonly code = 'BUNDLE_UNAVAILABLE'
  constructor(epoch: number, hash: Hash) {
    super(
      `nobody connected serves the bundle ${hash} of epoch ${epoch}: wait for an oracle node that signed it`,
    )
    this.name = 'BundleUnavailableError'
  }
}

/** A settled epoch's bundle does not lead to the roots on chain: a quorum has signed what is false, or rules differ. */
export class BundleContradictsChainError extends Error {
  readonly code = 'BUNDLE_CONTRADICTS_CHAIN'
  constructor(epoch: number, hash: Hash) {
    super(
      `the bundle ${hash} does not lead to the roots of epoch ${epoch} on chain: compare the versions of the nodes`,
    )
    this.name = 'BundleContradictsChainError'
  }
}

export interface OutcomesDeps {
  readonly logger: Logger
  readonly chain: Pick<SettlementReader, 'findSettled' | 'terms'>
  readonly bundles: BundleStore
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly membership: () => Membership | undefined
}

/** What oracle nodes copy at most: no epoch that they signed is larger. */
const MAX_FETCHED_BYTES = 256 * 2 ** 20
/** The epoch being settled and the one before. */
const KEPT_RESULTS = 2

export class Outcomes {
  readonly #deps: OutcomesDeps
  #results: readonly EpochResult[] = []

  constructor(deps: OutcomesDeps) {
    this.#deps = deps
  }

  /**
   * What an epoch starts from: what the last one with a bundle left.
   *
   * @throws {UnknownEpochError} before the epoch before it is over on chain
   */
  async openingOf(epoch: number, signal: AbortSignal): Promise<Opening> {
    const settled = await lastSettledBefore(epoch, this.#deps.chain)
    if (settled === undefined) return { closing: EMPTY_STATE, rewards: [], debits: [] }
    return this.of(settled, signal)
  }

  /**
   * @throws {BundleUnavailableError}
   * @throws {BundleContradictsChainError}
   */
  async of({ report }: Pick<SettledEpoch, 'report'>, signal: AbortSignal): Promise<EpochResult> {
    const { epoch, bundleHash } = report
    const result =
      this.#results.find(item => item.bundleHash === bundleHash) ??
      (await this.#read(epoch, bundleHash, signal))
    // A computation of our own may have been made by a builder that was not honest.
    const found = { reward: rewardRootOf(result.rewards), debit: debitRootOf(result.debits) }
    if (found.reward !== report.rewardRoot || found.debit !== report.debitRoot)
      throw new BundleContradictsChainError(epoch, bundleHash)
    this.#keep(result)
    return result
  }

  /** Remembers what has just been computed, so that it need not be computed again once it is active. */
  remember(bundleHash: Hash, bundle: EpochBundle, outcome: EpochOutcome, bytes: number): EpochResult {
    const result = resultOf(bundleHash, bundle, outcome, bytes)
    this.#keep(result)
    return result
  }

  /** Makes sure that a bundle is on this disk; asks everybody for it. @throws {BundleUnavailableError} */
  async require(epoch: number, hash: Hash, signal: AbortSignal): Promise<void> {
    if (this.#deps.bundles.has(hash)) return
    for (const peer of this.#sources()) {
      try {
        const chunks = fetchBlob(this.#deps.network, peer, CHANNELS.blob, hash, {
          maxBytes: MAX_FETCHED_BYTES,
          signal,
        })
        await this.#deps.bundles.receive(hash, chunks)
        this.#deps.logger.info('a bundle has been fetched', { epoch, hash, peer })
        return
      } catch (error) {
        signal.throwIfAborted()
        this.#deps.logger.debug('a peer does not serve a bundle', { epoch, hash, peer, error })
      }
    }
    throw new BundleUnavailableError(epoch, hash)
  }

  async #read(epoch: number, hash: Hash, signal: AbortSignal): Promise<EpochResult> {
    await this.require(epoch, hash, signal)
    const read = await this.#deps.bundles.read(hash)
    if ('fault' in read) throw new BadBundleError(hash, describeFault(read.fault))
    if (read.hash !== hash) throw new BadBundleError(hash, `its hash is ${read.hash}`)
    return resultOf(hash, read.bundle, computeEpoch(read.bundle, this.#deps.chain.terms), read.bytes)
  }

  #sources(): PeerKey[] {
    const membership = this.#deps.membership()
    if (membership === undefined) return []
    const connected = new Set(this.#deps.network.connected())
    return [...activeMembers(membership), ...membership.relayers]
      .map(({ peerKey }) => peerKey)
      .filter(peerKey => connected.has(peerKey))
  }

  #keep(result: EpochResult): void {
    const others = this.#results.filter(item => item.bundleHash !== result.bundleHash)
    this.#results = [result, ...others].slice(0, KEPT_RESULTS)
  }
}

function resultOf(bundleHash: Hash, bundle: EpochBundle, outcome: EpochOutcome, bytes: number): EpochResult {
  const { closing, rewards, debits, refused } = outcome
  return {
    epoch: bundle.header.epoch,
    bundleHash,
    closing,
    rewards,
    debits,
    refused,
    figures: figuresOf(bundle, outcome, bytes),
    proven: provenWorkOf(bundle, outcome),
  }
}
