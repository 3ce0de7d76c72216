/** Answers relayers: takes their bundles, judges their epochs, and gives shares of the group's signature. */
import { CHANNELS } from '../../protocol/channels.ts'
import {
  decodeEpochSign,
  decodePriceRequest,
  decodeShownRequest,
  decodeWindowRequest,
  encodePriceReply,
  encodeShownPage,
  encodeVerdict,
  encodeWindowReply,
  MAX_EPOCH_SIGN_BYTES,
  SHOWN_REQUEST_BYTES,
} from '../../protocol/epoch/messages.ts'
import { decodeEpochReport, type EpochReport } from '../../protocol/epoch/report.ts'
import { type Membership, type PeerKey, relayerByPeerKey } from '../../protocol/membership.ts'
import type { Logger } from '../../runtime/logger.ts'
import { BlobError, serveBlobs } from '../../runtime/p2p/blobs.ts'
import { type PeerNetwork, PeerRequestError, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { AuditStore } from './audit-store.ts'
import type { Auditor } from './auditor.ts'
import { type BundleCopies, CopyError } from './bundle-copies.ts'
import type { EpochSigner } from './epoch-signer.ts'

export interface CertifierDeps {
  readonly logger: Logger
  readonly network: Pick<PeerNetwork, 'handle'>
  readonly store: Pick<AuditStore, 'highestPrice' | 'shown' | 'rootsBetween'>
  readonly copies: BundleCopies
  readonly auditor: Auditor
  readonly signer: EpochSigner
  readonly membership: () => Membership | undefined
  /** The epoch to settle. */
  readonly nextEpoch: () => number
  /** Ends what is under way when the process stops: neither copies nor audits end with the request. */
  readonly lifetime: AbortSignal
}

/** A large bundle over a slow line; what takes longer goes on, and is found when it is asked for again. */
const LONG_TIMEOUT_MS = 60_000
const SHORT_TIMEOUT_MS = 2_000
/** A relayer that is behind offers one epoch after the other; further ones would fill the disk for nothing. */
const MAX_EPOCHS_AHEAD = 4
const STORED = Uint8Array.of(1)

/** A report has some five hundred. */
const MAX_REPORT_BYTES = 1_024

export class EpochCertifier {
  readonly #deps: CertifierDeps

  constructor(deps: CertifierDeps) {
    this.#deps = deps
  }

  register(): void {
    const { network, store, copies } = this.#deps
    const long = { maxInFlightPerPeer: 2, timeoutMs: LONG_TIMEOUT_MS, maxRequestBytes: MAX_REPORT_BYTES }
    const short = { maxInFlightPerPeer: 2, timeoutMs: SHORT_TIMEOUT_MS }
    network.handle(CHANNELS.epochOffer, long, async (request, from) => {
      this.#relayer(from)
      await this.#copy(decodeEpochReport(request), from)
      return STORED
    })
    network.handle(CHANNELS.epochAudit, long, async (request, from) => {
      this.#relayer(from)
      const report = decodeEpochReport(request)
      return encodeVerdict(await this.#deps.auditor.judge(report, from, this.#deps.lifetime))
    })
    network.handle(
      CHANNELS.epochSign,
      { ...short, maxRequestBytes: MAX_EPOCH_SIGN_BYTES },
      async (request, from) => {
        const membership = this.#relayer(from)
        return this.#deps.signer.share(decodeEpochSign(request), from, membership) ?? new Uint8Array()
      },
    )
    network.handle(
      CHANNELS.windowRoot,
      { ...short, maxInFlightPerPeer: 16, maxRequestBytes: 4 },
      async request => {
        if (this.#deps.membership() === undefined) throw new RequestRefused('not started')
        const window = decodeWindowRequest(request)
        return encodeWindowReply(store.rootsBetween(window, window + 1).get(window))
      },
    )
    network.handle(CHANNELS.epochPrice, { ...short, maxRequestBytes: 6 }, async request => {
      if (this.#deps.membership() === undefined) throw new RequestRefused('not started')
      return encodePriceReply(store.highestPrice(decodePriceRequest(request)))
    })
    network.handle(
      CHANNELS.epochShown,
      { ...short, maxInFlightPerPeer: 1, maxRequestBytes: SHOWN_REQUEST_BYTES },
      async (request, from) => {
        this.#relayer(from)
        return encodeShownPage(store.shown(decodeShownRequest(request)))
      },
    )
    serveBlobs(network, CHANNELS.blob, hash => copies.blob(hash))
  }

  /** Nobody else can make this node copy, compute or sign. */
  #relayer(from: PeerKey): Membership {
    const membership = this.#deps.membership()
    if (membership === undefined || relayerByPeerKey(membership, from) === undefined)
      throw new RequestRefused('not a relayer')
    return membership
  }

  async #copy({ epoch, bundleHash }: EpochReport, from: PeerKey): Promise<void> {
    const next = this.#deps.nextEpoch()
    // The last active one too: a node that was away may be offered what the others have.
    if (epoch < next - 1 || epoch > next + MAX_EPOCHS_AHEAD) throw new RequestRefused('not an epoch of now')
    try {
      await this.#deps.copies.fetch(epoch, bundleHash, from, this.#deps.lifetime)
    } catch (error) {
      const known =
        error instanceof CopyError || error instanceof BlobError || error instanceof PeerRequestError
      if (!known) throw error
      this.#deps.logger.warn('a bundle was not copied', { epoch, bundleHash, code: error.code })
      throw new RequestRefused(error.message)
    }
  }
}
