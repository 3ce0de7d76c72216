import { hash } from 'node:crypto'
import { type GossipsubOpts, type Message, StrictNoSign } from '@libp2p/gossipsub'
import type { TopicScoreParams } from '@libp2p/gossipsub/score'
import { SCORE_THRESHOLDS, scoreParams } from './score.ts'

/** Up to this many peers everybody sends to everybody (PROTOCOL, Gossip); above, a mesh forwards. */
export const MAX_DIRECT_PEERS = 8

/** Bytes of one gossip packet, which may hold several messages; a larger one ends the stream. */
const MAX_PACKET_BYTES = 1 << 20
/** What may wait for a slow peer before its stream is dropped. */
const MAX_OUTBOUND_BYTES = 4 << 20
/** Room for about sixty topics a peer; we use a handful. */
const MAX_TOPIC_BYTES_PER_PEER = 64 << 10
/** A message is remembered this long. It bounds the table: at most this times the message budget, per peer. */
const SEEN_MS = 60_000

/**
 * @param maxBytesOf size limit of a topic; undefined for a topic nobody here joined
 * @param topics those that are scored from the start
 * @param loopback whether all peers share one IP, which the scoring otherwise punishes from nine peers on
 */
export function gossipOptions(
  maxBytesOf: (topic: string) => number | undefined,
  topics: readonly string[],
  loopback: boolean,
): Partial<GossipsubOpts> {
  return {
    // Payloads carry their author's signature; a second one by the sender would cost 0.4 ms and prove nothing more.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: messageId,
    msgIdToStrFn: id => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1'),
    dataTransform: {
      // Runs before anything is remembered, so that unknown topics fill no table. The copy lets go of the packet.
      inboundTransform: (topic, data) => {
        if (maxBytesOf(topic) === undefined) throw new Error('unknown topic')
        return data.slice()
      },
      outboundTransform: (_topic, data) => data,
    },
    fallbackToFloodsub: false,
    floodPublish: true,
    batchPublish: true,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    tagMeshPeers: false,
    doPX: false,
    // Every author sends to all its peers by itself: the mesh only repairs (docs/decisions/0017).
    D: 3,
    Dlo: 2,
    Dhi: 4,
    Dout: 1,
    Dlazy: 2,
    seenTTL: SEEN_MS,
    maxInboundDataLength: MAX_PACKET_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
    maxTopicBytesPerPeer: MAX_TOPIC_BYTES_PER_PEER,
    decodeRpcLimits: {
      maxSubscriptions: 64,
      maxMessages: 1_000,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 256,
      maxPeerInfos: 16,
    },
    scoreParams: scoreParams(topics, loopback),
    scoreThresholds: SCORE_THRESHOLDS,
  }
}

/**
 * Hash of topic and data. Everything is in it: an id that leaves the signature out lets anybody censor a message by
 * sending a spoilt copy first, because the seen-cache is filled before the validator runs.
 */
export function messageId(message: Pick<Message, 'topic' | 'data'>): Uint8Array {
  const topic = Buffer.from(message.topic)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(topic.length)
  return hash('sha256', Buffer.concat([head, topic, message.data]), 'buffer')
}

/** The part of gossipsub's router that its public interface leaves out. */
export interface GossipRouter {
  /** Peer ids that always get everything, outside of the mesh and of scoring. */
  readonly direct: Set<string>
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  readonly streamsInbound: ReadonlyMap<string, unknown>
  /** Topics that are not here are not scored: each that is joined must be put in. */
  readonly score: {
    readonly params: { readonly topics: Record<string, TopicScoreParams> }
    score(peerId: string): number
  }
}

/** Throws when a new version of gossipsub has changed what is relied on here. */
export function routerOf(pubsub: object): GossipRouter {
  const isRouter = (value: object): value is GossipRouter =>
    'direct' in value &&
    value.direct instanceof Set &&
    'streamsOutbound' in value &&
    value.streamsOutbound instanceof Map &&
    'streamsInbound' in value &&
    value.streamsInbound instanceof Map &&
    'score' in value &&
    isScore(value.score)
  if (!isRouter(pubsub))
    throw new Error('gossipsub no longer has direct peers, streams and scores where they used to be')
  return pubsub
}

function isScore(score: unknown): boolean {
  const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
  if (!isObject(score) || !('score' in score) || typeof score.score !== 'function') return false
  if (!('params' in score) || !isObject(score.params)) return false
  return 'topics' in score.params && isObject(score.params.topics)
}
