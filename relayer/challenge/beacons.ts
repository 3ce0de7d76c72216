/** The relayer's view of the beacon: it makes no part of it, collects the members', and shows values with proofs. */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { BeaconKeys } from '../../member/beacons/beacon-keys.ts'
import { beaconPeers } from '../../member/beacons/beacon-peers.ts'
import { BEACON_MIGRATIONS, createBeaconStore } from '../../member/beacons/beacon-store.ts'
import { Beacons } from '../../member/beacons/beacons.ts'
import { beaconRoutes } from '../../member/beacons/routes.ts'
import { hexOf } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { epochStartSec } from '../../protocol/epoch/time.ts'
import { slotOf, slotStartSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import { type PeerNetwork, RequestRefused } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { openDatabase } from '../../runtime/sqlite.ts'
import type { WindowBeacons } from './window-beacons.ts'

export interface RelayerBeaconsOptions {
  readonly domain: Domain
  readonly terms: WindowTerms
  readonly dataDir: string
}

export interface RelayerBeaconsDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly chain: Pick<SettlementReader, 'head' | 'settlement' | 'onSettled' | 'groupKeyOf' | 'keyEpochAt'>
  readonly network: Pick<PeerNetwork, 'subscribe' | 'publish' | 'request' | 'handle' | 'connected'>
  readonly membership: () => Membership | undefined
}

export interface RelayerBeacons extends WindowBeacons, Service {
  routes(app: FastifyInstance): void
}

/** A key is fetched long before it counts, and a lost one asked for again at this pace. */
const KEYS_MS = 2_000
/** Later than any key that is known now begins to count. */
const FAR_SEC = 2 ** 40
const HASH_BYTES = 32

/** To be started after the chain, and stopped before it. */
export function createRelayerBeacons(
  { domain, terms, dataDir }: RelayerBeaconsOptions,
  { clock, logger, chain, network, membership }: RelayerBeaconsDeps,
): RelayerBeacons {
  const store = createBeaconStore(openDatabase(join(dataDir, 'beacons.sqlite'), BEACON_MIGRATIONS))
  const keys = new BeaconKeys({
    ...{ store, network },
    hashOf: keyEpoch => chain.groupKeyOf(keyEpoch)?.transcriptHash,
    held: () => undefined,
  })
  let started = false
  const beacons = new Beacons(
    { domain, terms },
    {
      ...{ clock, network, store, keys },
      nowSec: () => (started ? chain.head().latest.timestampSec : undefined),
      keyEpochAt: sec => chain.keyEpochAt(sec),
      ...beaconPeers(chain, membership),
    },
  )
  const fetching = createLoop({
    name: 'transcripts',
    everyMs: KEYS_MS,
    longRuns: true,
    clock,
    logger,
    run: async () => {
      const counting = [chain.keyEpochAt(chain.head().latest.timestampSec), chain.keyEpochAt(FAR_SEC)]
      await Promise.all(counting.map(keyEpoch => (keyEpoch === undefined ? undefined : keys.fetch(keyEpoch))))
    },
  })
  // Proofs of windows and draws are kept for good: whoever checks an epoch later has nobody else to ask.
  chain.onSettled(() => {
    if (started) store.forgetPassing(slotOf(terms, epochStartSec(terms.clock, chain.settlement().nextEpoch)))
  })
  beacons.register()
  network.handle(
    CHANNELS.transcript,
    { maxRequestBytes: HASH_BYTES, maxInFlightPerPeer: 2, timeoutMs: 2_000 },
    async hash => {
      const transcript = hash.length === HASH_BYTES ? keys.transcriptOf(hexOf(hash)) : undefined
      if (transcript === undefined) throw new RequestRefused('no such transcript')
      return transcript
    },
  )

  return {
    name: 'beacons',
    value: input => beacons.value(input),
    want: input => {
      // Before its slot begins there is none.
      if (started && chain.head().latest.timestampSec >= slotStartSec(terms, input.slot)) beacons.want(input)
    },
    routes: app => beaconRoutes(app, { beacons, keys }),
    start: async signal => {
      started = true
      await fetching.start(signal)
    },
    stop: async () => {
      started = false
      await fetching.stop()
      await beacons.stop()
      store.close()
    },
  }
}
