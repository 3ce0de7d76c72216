import type { PeerScoreParams, PeerScoreThresholds, TopicScoreParams } from '@libp2p/gossipsub/score'

/**
 * How gossipsub rates peers, where it rates them: above {@link MAX_DIRECT_PEERS} listed keys. Five rejected messages a
 * minute ban a peer (conduct.ts); this is for the one that stays just below: four a minute, for ever, are −222 after
 * a few minutes.
 *
 * One rejected message is −5, and they add up as a square: two end the exchange of message ids with the peer, four the
 * flood publishing to it, five close its ears to us.
 */
export const SCORE_THRESHOLDS: PeerScoreThresholds = {
  gossipThreshold: -10,
  publishThreshold: -50,
  /** Below it nothing of the peer is looked at. */
  graylistThreshold: -100,
  // Peers are never exchanged: addresses come from the configuration.
  acceptPXThreshold: 1_000,
  opportunisticGraftThreshold: 1,
}

/** The same for every topic: none carries more than a few messages a round and member. */
export const TOPIC_SCORE: TopicScoreParams = {
  topicWeight: 1,
  // Having been here for long is no merit that could be spent on lies.
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 1,
  // At most +5, so that it makes good for one rejected message and not for two.
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 50,
  // Off: a quiet member, or one with a slow line, is no liar. Most messages come from their authors directly anyway.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -5,
  // A second; half is forgotten in 69 s.
  invalidMessageDeliveriesDecay: 0.99,
}

/** @param loopback all peers share one IP: only there is their number no sign of one party behind many */
export function scoreParams(topics: readonly string[], loopback: boolean): Partial<PeerScoreParams> {
  return {
    topics: Object.fromEntries(topics.map(topic => [topic, TOPIC_SCORE])),
    topicScoreCap: 10,
    appSpecificScore: () => 0,
    appSpecificWeight: 0,
    // An operator may run a member, an aggregator, a relayer and a gateway behind one address, twice over.
    IPColocationFactorWeight: loopback ? 0 : -5,
    IPColocationFactorThreshold: 8,
    IPColocationFactorWhitelist: new Set(),
    // Promises of messages that were not kept. A busy machine breaks a few.
    behaviourPenaltyWeight: -1,
    behaviourPenaltyThreshold: 10,
    behaviourPenaltyDecay: 0.9,
    decayInterval: 1_000,
    decayToZero: 0.01,
    // Longer than a ban, so that being away does not wipe the page.
    retainScore: 10 * 60_000,
  }
}
