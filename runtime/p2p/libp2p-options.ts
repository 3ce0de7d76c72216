import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Libp2pOptions } from 'libp2p'
import { gossipOptions } from './gossip.ts'

export type PeerServices = { identify: Identify; pubsub: GossipSub }

type Options = Libp2pOptions<PeerServices>

/** Registries list tens of members; the rest is room for duplicates while two peers dial each other. */
const MAX_CONNECTIONS = 128
const DIAL_TIMEOUT_MS = 5_000
const MAX_PENDING = 64
const HANDSHAKE_TIMEOUT_MS = 5_000

export interface Libp2pParts {
  readonly privateKey: NonNullable<Options['privateKey']>
  readonly listen: readonly string[]
  readonly loopback: boolean
  /** Asked with a peer id after each handshake, and before each dial. */
  readonly denied: (peerId: string) => boolean
  /** Asked as well with the peer id of who dialled us. */
  readonly deniedInbound: (peerId: string) => boolean
  readonly maxBytesOf: (topic: string) => number | undefined
  /** Those that are joined at the start. */
  readonly topics: readonly string[]
}

/** What a libp2p node is made of here. No discovery of any kind: addresses come from the configuration. */
export function libp2pOptions(parts: Libp2pParts): Options {
  const denied = (peer: { toString(): string }): boolean => parts.denied(peer.toString())
  return {
    start: false,
    privateKey: parts.privateKey,
    addresses: { listen: [...parts.listen] },
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: {
      denyDialPeer: denied,
      denyInboundEncryptedConnection: peer => denied(peer) || parts.deniedInbound(peer.toString()),
      denyOutboundEncryptedConnection: denied,
      // The default refuses private addresses in some environments; ours are all configured by hand.
      denyDialMultiaddr: () => false,
    },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      dialTimeout: DIAL_TIMEOUT_MS,
      // Per IP and second. On loopback everybody is one IP.
      inboundConnectionThreshold: parts.loopback ? 1_000 : 5,
      // Strangers may hold handshakes open: many places, and not for long.
      maxIncomingPendingConnections: MAX_PENDING,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      reconnectRetries: 0,
    },
    logger: silentComponents,
    services: {
      identify: identify(),
      pubsub: gossipsub(gossipOptions(parts.maxBytesOf, parts.topics, parts.loopback)),
    },
  }
}

type ComponentLogger = NonNullable<Options['logger']>
type ComponentLog = ReturnType<ComponentLogger['forComponent']>

/** libp2p formats several lines a stream even when nobody reads them; what matters is logged by our own code. */
const silentLog: ComponentLog = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: (): ComponentLog => silentLog,
})
const silentComponents: ComponentLogger = { forComponent: () => silentLog }
