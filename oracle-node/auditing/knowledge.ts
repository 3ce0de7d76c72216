/** Puts together what this node has seen for itself of an epoch, for the audit, which asks nobody. */
import { createHash } from 'node:crypto'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { lastSettledBefore } from '../../chain/settlement/view.ts'
import { maxTranscriptBytes } from '../../compute/challenge/transcript.ts'
import type { VerifyingKernel } from '../../compute/challenge/verify.ts'
import type { MatrixSize } from '../../compute/matrix/size.ts'
import { createWasmKernel } from '../../compute/matrix/wasm-kernel.ts'
import type { Beacons } from '../../member/beacons/beacons.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { OpeningVerdict, OwnKnowledge } from '../../protocol/epoch/audit-types.ts'
import { type ChallengeResult, OPENING } from '../../protocol/epoch/availability.ts'
import type { EpochBundle } from '../../protocol/epoch/bundle.ts'
import { computeEpoch } from '../../protocol/epoch/compute.ts'
import type { EpochReport } from '../../protocol/epoch/report.ts'
import { drawSample } from '../../protocol/epoch/sample.ts'
import { EMPTY_STATE, stateHash } from '../../protocol/epoch/state.ts'
import { epochEndSec, epochStartSec } from '../../protocol/epoch/time.ts'
import { slotOf, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { unpackReport } from '../../protocol/report.ts'
import { BlobError, fetchBlob } from '../../runtime/p2p/blobs.ts'
import { type PeerKey, type PeerNetwork, PeerRequestError } from '../../runtime/p2p/peer-network.ts'
import type { AuditStore } from './audit-store.ts'
import type { BeaconMaker } from './beacon-maker.ts'
import type { BundleCopies } from './bundle-copies.ts'
import { judgeOpening } from './openings.ts'

/** Something is not known yet that may be in a moment: the audit has to wait for it. */
export class NotReadyError extends Error {
  readonly code = 'NOT_READY'
  constructor(what: string) {
    super(what)
    this.name = 'NotReadyError'
  }
}

/** A node that was away asks members for draws that its own eyes have missed; no more than these for curiosity. */
const MAX_ASKED_DRAWS = 8

export interface KnowledgeOptions {
  readonly domain: Domain
  readonly windows: WindowTerms
  readonly size: MatrixSize
}

export interface KnowledgeDeps {
  readonly store: AuditStore
  readonly copies: BundleCopies
  readonly chain: Pick<SettlementReader, 'terms' | 'findSettled' | 'workerOfDevice'>
  readonly beacons: Pick<Beacons, 'ask' | 'value'>
  readonly maker: Pick<BeaconMaker, 'adopt'>
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  /** The root of a window that f + 1 others had in time. */
  readonly witnessed: (window: number, signal: AbortSignal) => Promise<Hash | undefined>
  readonly crypto: IdentityCrypto
}

export class Knowledge {
  readonly #options: KnowledgeOptions
  readonly #deps: KnowledgeDeps
  #kernel: Promise<VerifyingKernel> | undefined

  constructor(options: KnowledgeOptions, deps: KnowledgeDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * @param owedFrom the first epoch whose promises are due in this one
   * @param relayer who proposes, and serves what was opened
   * @throws {NotReadyError} when beacons, or the bundle that this epoch starts from, cannot be had now
   */
  async of(
    report: EpochReport,
    owedFrom: number,
    bundle: EpochBundle,
    relayer: PeerKey,
    signal: AbortSignal,
  ): Promise<OwnKnowledge> {
    const { store } = this.#deps
    const { epoch } = report
    const certified = store.highestPrice(epoch)
    const windowRoots = await this.#rootsOf(epoch, bundle, signal)
    const sampleSeed = this.#seedOf(report)
    const verdicts = await this.#verdicts(
      drawSample(sampleSeed, bundle.results),
      windowRoots,
      relayer,
      signal,
    )
    return {
      openingStateHash: await this.#openingOf(epoch, relayer, signal),
      highestPrice: certified === undefined ? undefined : unpackReport(certified.word).price,
      windowRoots,
      inclusions: store.inclusionsOf(owedFrom, epoch),
      forced: [],
      receipts: store.receipts(),
      sampleSeed,
      verdictOf: result => verdicts.get(result) ?? 'missing',
    }
  }

  /**
   * Windows of which the bundle says that nothing was drawn, although the draw can be had. No reason to refuse it: an
   * honest relayer may have got it after its seal. But one that does so often looks before it decides.
   */
  async withheldDraws(
    { windows, results }: Pick<EpochBundle, 'windows' | 'results'>,
    signal: AbortSignal,
  ): Promise<number[]> {
    const { beacons } = this.#deps
    const undrawn = new Set(
      results.filter(({ opening }) => opening === OPENING.notDrawn).map(({ window }) => window),
    )
    const withheld: number[] = []
    let asked = 0
    for (const { window, root } of windows) {
      if (!undrawn.has(window)) continue
      const input = { kind: 'draw', slot: window, root } as const
      let value = beacons.value(input)
      if (value === undefined && asked++ < MAX_ASKED_DRAWS) value = await beacons.ask(input, signal)
      if (value !== undefined) withheld.push(window)
    }
    return withheld
  }

  /**
   * What came in time, and for windows of the bundle of which nothing came, what enough others had in time. A window
   * whose root is here can never be left out: a relayer would do so once it has seen what was drawn.
   */
  async #rootsOf(
    epoch: number,
    bundle: EpochBundle,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Hash>> {
    const { windows } = this.#options
    const [from, to] = [epochStartSec(windows.clock, epoch), epochEndSec(windows.clock, epoch)]
    const range = { from: slotOf(windows, from), to: slotOf(windows, to) }
    const roots = new Map(this.#deps.store.rootsBetween(range.from, range.to))
    for (const { window } of bundle.windows) {
      if (roots.has(window) || window < range.from || window >= range.to) continue
      const root = await this.#deps.witnessed(window, signal)
      if (root === undefined) continue
      roots.set(window, root)
      this.#deps.maker.adopt(window, root)
    }
    return roots
  }

  /** Another sample for each node and bundle, which no relayer can foresee. */
  #seedOf({ epoch, bundleHash }: EpochReport): Hash {
    const hash = createHash('sha256')
    hash.update(`${this.#deps.store.sampleSecret()} ${epoch} ${bundleHash}`)
    return `0x${hash.digest('hex')}`
  }

  /** Hash of what the last bundle before an epoch left: remembered, or computed from it, whose hash is on chain. */
  async #openingOf(epoch: number, relayer: PeerKey, signal: AbortSignal): Promise<Hash> {
    const { store, copies, chain, network } = this.#deps
    const before = await lastSettledBefore(epoch, chain)
    if (before === undefined) return stateHash(EMPTY_STATE)
    const { bundleHash, epoch: settled } = before.report
    const known = store.closingOf(bundleHash)
    if (known !== undefined) return known
    const others = network.connected().filter(peer => peer !== relayer)
    for (const peer of [relayer, ...others]) {
      if (copies.has(bundleHash)) break
      // Whoever has it will do: the hash says whether it is the one.
      await copies.fetch(settled, bundleHash, peer, signal).catch(() => {})
    }
    const read = await copies.read(bundleHash)
    if (read === undefined || 'fault' in read || read.hash !== bundleHash)
      throw new NotReadyError(`the bundle of epoch ${settled} cannot be had from anybody`)
    const closing = stateHash(computeEpoch(read.bundle, chain.terms).closing)
    store.addClosing(settled, bundleHash, closing)
    return closing
  }

  async #verdicts(
    sample: readonly ChallengeResult[],
    roots: ReadonlyMap<number, Hash>,
    relayer: PeerKey,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<ChallengeResult, OpeningVerdict>> {
    const verdicts = new Map<ChallengeResult, OpeningVerdict>()
    for (const result of sample) {
      const root = roots.get(result.window)
      // Without a root in time the window is refused anyway.
      if (root !== undefined) verdicts.set(result, await this.#verdictOf(result, root, relayer, signal))
    }
    return verdicts
  }

  async #verdictOf(
    result: ChallengeResult,
    root: Hash,
    relayer: PeerKey,
    signal: AbortSignal,
  ): Promise<OpeningVerdict> {
    // A device belongs to one worker for good.
    if (this.#deps.chain.workerOfDevice(result.device) !== result.worker) return 'false'
    const transcript = await this.#transcript(result.transcriptHash, relayer, signal)
    if (transcript === undefined) return 'missing'
    const { domain, size } = this.#options
    const { window, worker, device } = result
    const [beacon, drawBeacon] = await Promise.all([
      this.#deps.beacons.ask({ kind: 'window', slot: window }, signal),
      this.#deps.beacons.ask({ kind: 'draw', slot: window, root }, signal),
    ])
    if (beacon === undefined || drawBeacon === undefined)
      throw new NotReadyError(`the beacons of window ${window} cannot be had`)
    const context = { domain, worker, device, window: BigInt(window), size, beacon }
    this.#kernel ??= createWasmKernel()
    const terms = { context, drawBeacon }
    return judgeOpening(await this.#kernel, result, transcript, terms, this.#deps.crypto)
  }

  async #transcript(hash: Hash, relayer: PeerKey, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const options = { maxBytes: maxTranscriptBytes(this.#options.size), signal }
    const pieces: Uint8Array[] = []
    try {
      const { network } = this.#deps
      for await (const piece of fetchBlob(network, relayer, CHANNELS.blob, hash, options)) pieces.push(piece)
      return Buffer.concat(pieces)
    } catch (error) {
      if (error instanceof BlobError) return undefined
      // Said not to be there is missing; not answered may be the line.
      if (!(error instanceof PeerRequestError)) throw error
      if (error.code === 'REFUSED' || error.code === 'TOO_LARGE') return undefined
      throw new NotReadyError(`the relayer does not answer: ${error.message}`)
    }
  }
}
