/** The relayer's peer without a relayer behind it: offers what a test gives it, byte by byte. */
import { CHANNELS } from '../../../protocol/channels.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import { bundleHashOf, encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { type EpochReport, encodeEpochReport } from '../../../protocol/epoch/report.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/logger.ts'
import { bytesBlob, serveBlobs } from '../../../runtime/p2p/blobs.ts'
import {
  createPeerNetwork,
  type PeerKey,
  type PeerNetwork,
  PeerRequestError,
} from '../../../runtime/p2p/peer-network.ts'
import { eventually } from '../devnet/eventually.ts'
import type { Party } from '../network/cast.ts'

const CONNECTS_WITHIN_MS = 20_000
const ANSWERS_WITHIN_MS = 10_000

export class RelayerPeer {
  readonly #network: PeerNetwork
  readonly #members: readonly PeerKey[]
  #served: Uint8Array = new Uint8Array()

  /** @param addresses of the oracle nodes */
  constructor(relayer: Party, members: readonly PeerKey[], addresses: readonly string[]) {
    this.#members = members
    const allowed = new Set(members)
    this.#network = createPeerNetwork(
      {
        seed: relayer.seed,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: addresses,
        allowed: () => allowed,
        loopback: true,
      },
      { clock: systemClock, logger: silentLogger },
    )
    serveBlobs(this.#network, CHANNELS.blob, () => bytesBlob(this.#served))
  }

  async start(): Promise<void> {
    await this.#network.start(new AbortController().signal)
    await eventually('connections to all oracle nodes', CONNECTS_WITHIN_MS, () =>
      this.#members.every(member => this.#network.connected().includes(member)),
    )
  }

  stop(): Promise<void> {
    return this.#network.stop()
  }

  /** What each oracle node answers when these bytes are served for the report's bundle, whatever its hash. */
  offer(report: EpochReport, served: Uint8Array): Promise<('stored' | 'refused')[]> {
    this.#served = served
    return Promise.all(
      this.#members.map(async member => {
        try {
          await this.#network.request(member, CHANNELS.epochOffer, encodeEpochReport(report), {
            timeoutMs: ANSWERS_WITHIN_MS,
            maxReplyBytes: 1,
          })
          return 'stored'
        } catch (error) {
          if (error instanceof PeerRequestError && error.code === 'REFUSED') return 'refused'
          throw error
        }
      }),
    )
  }
}

/** A bundle as another epoch would have it, and a report that names it. */
export function transplanted(
  bytes: Uint8Array,
  report: EpochReport,
  epoch: number,
): { readonly report: EpochReport; readonly bytes: Uint8Array } {
  const read = decodeBundle([bytes])
  if ('fault' in read) throw new Error('this is no bundle')
  const bundle: EpochBundle = { ...read.bundle, header: { ...read.bundle.header, epoch } }
  return {
    report: { ...report, epoch, bundleHash: bundleHashOf(bundle) },
    bytes: Buffer.concat([...encodeBundle(bundle)]),
  }
}

/** With one bit of one byte turned over. */
export function flipped(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.map((byte, at) => (at === index ? byte ^ 1 : byte))
}
