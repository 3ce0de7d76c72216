/** Wires the auditor of epochs into a node: its store, its copies of bundles, its ears, and its answers. */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { matrixSize } from '../../compute/matrix/size.ts'
import { BeaconKeys } from '../../member/beacons/beacon-keys.ts'
import { beaconPeers } from '../../member/beacons/beacon-peers.ts'
import { BEACON_MIGRATIONS, createBeaconStore } from '../../member/beacons/beacon-store.ts'
import { Beacons } from '../../member/beacons/beacons.ts'
import { beaconRoutes } from '../../member/beacons/routes.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { AuditVerdict } from '../../protocol/epoch/messages.ts'
import { epochStartSec } from '../../protocol/epoch/time.ts'
import { slotOf, slotStartSec, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { type Member, type Membership, memberByIdentity } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createLoop } from '../../runtime/loop.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { openDatabase } from '../../runtime/sqlite.ts'
import type { BeaconShare } from '../keygen/dealer.ts'
import { AUDIT_MIGRATIONS, AuditStore } from './audit-store.ts'
import { Auditor } from './auditor.ts'
import { BeaconMaker } from './beacon-maker.ts'
import { BundleCopies } from './bundle-copies.ts'
import { EpochCertifier } from './certifier.ts'
import { type EpochKey, EpochSigner } from './epoch-signer.ts'
import { Hearing } from './gossip.ts'
import { Knowledge } from './knowledge.ts'
import { RootFinder } from './root-finder.ts'
import { auditRoutes } from './routes.ts'
import { type DoubtReason, type StageDoubt, StageWatch } from './stage-watch.ts'
import { witnessedRoot } from './window-witnesses.ts'

export interface AuditingOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly slot: number
  readonly identity: Address
  readonly dataDir: string
  readonly windows: WindowTerms
  readonly challengeSize: number
}

export interface AuditingDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly chain: SettlementReader
  readonly network: Pick<PeerNetwork, 'handle' | 'request' | 'connected' | 'subscribe' | 'publish'>
  readonly membership: () => Membership | undefined
  /** Reads the registry now. */
  readonly readMembership: () => Promise<Membership>
  readonly sign: (digest: Uint8Array) => Uint8Array
  readonly key: (keyEpoch: number) => AuditingKey | undefined
  readonly count: (outcome: AuditVerdict['kind']) => void
  /** A window of a good epoch of which nothing was opened, although its draw can be had. */
  readonly countWithheld: () => void
  /** What is staged is in doubt, or no longer. */
  readonly doubted: (why: DoubtReason | undefined) => void
}

/** A member's shares of the keys of one key epoch, and the transcript that both come from. */
export interface AuditingKey extends EpochKey {
  readonly beacon: BeaconShare
  readonly transcript: Uint8Array
}

export interface Auditing extends Service {
  /** A certified price that has been checked. */
  noteCertified(report: CertifiedReport): void
  routes(app: FastifyInstance): void
  /** Of a key that this node has seen, for good. */
  transcriptOf(hash: Hash): Uint8Array | undefined
  /** The staged report that this node has not found right, if one is. */
  doubt(): StageDoubt | undefined
}

/** Epochs that have been settled and are still remembered: a chain may go back by a few. */
const REMEMBERED_EPOCHS = 8
/** Partials of a slot leave within this time of its first block, on top of the reader's own pace. */
const TICK_MS = 100
/** A stage can be disputed for hours. */
const WATCH_MS = 1_000

/** Opens its database, and registers handlers and topics; what takes time comes with `start`. */
export function createAuditing(options: AuditingOptions, deps: AuditingDeps): Auditing {
  const { domain, feedId, slot, identity, windows, dataDir } = options
  const { chain, network, logger, clock, crypto } = deps
  const store = new AuditStore(openDatabase(join(dataDir, 'audit.sqlite'), AUDIT_MIGRATIONS))
  const copies = new BundleCopies(join(dataDir, 'bundles'), {
    network,
    isSigned: hash => store.isLockedBundle(hash),
  })
  const signer = new EpochSigner({ domain, slot }, { store, sign: deps.sign, key: deps.key })
  const size = matrixSize(options.challengeSize)
  const lifetime = new AbortController()
  let started = false
  const nowSec = (): number | undefined => (started ? chain.head().latest.timestampSec : undefined)
  const beaconStore = createBeaconStore(openDatabase(join(dataDir, 'beacons.sqlite'), BEACON_MIGRATIONS))
  const beaconKeys = new BeaconKeys({
    ...{ store: beaconStore, network },
    hashOf: keyEpoch => chain.groupKeyOf(keyEpoch)?.transcriptHash,
    held: keyEpoch => deps.key(keyEpoch)?.transcript,
  })
  const keyEpochAt = (sec: number): number | undefined => chain.keyEpochAt(sec)
  const beacons = new Beacons(
    { domain, terms: windows },
    {
      ...{ clock, network, store: beaconStore, keys: beaconKeys, nowSec, keyEpochAt },
      ...beaconPeers(chain, () => (started ? deps.membership() : undefined)),
    },
  )
  /** The first slot of the oldest epoch that is remembered: older ones can no longer be audited. */
  const rememberedFrom = (): number => {
    const oldest = chain.settlement().nextEpoch - REMEMBERED_EPOCHS
    return slotOf(windows, epochStartSec(windows.clock, oldest))
  }
  const maker = new BeaconMaker(
    { domain, terms: windows, slot, identity },
    {
      ...{ nowSec, keyEpochAt, store: beaconStore },
      share: keyEpoch => deps.key(keyEpoch)?.beacon,
      holderOf: (keyEpoch, seat) =>
        chain.groupKeyOf(keyEpoch)?.members.find(member => member.slot === seat)?.identity,
      neededFrom: rememberedFrom,
      rootsBetween: (from, to) => store.rootsBetween(from, to),
      offer: message => beacons.offer(message),
    },
  )
  /** The members of the time when a slot began; suspended are those that are so by now. */
  const membersAt = (window: number): readonly Member[] => {
    const keyEpoch = keyEpochAt(slotStartSec(windows, window))
    const members = keyEpoch === undefined ? undefined : chain.groupKeyOf(keyEpoch)?.members
    const now = deps.membership()
    return (members ?? []).map(member => ({
      ...member,
      suspended: now !== undefined && memberByIdentity(now, member.identity)?.suspended === true,
    }))
  }
  const witnessed = (window: number, signal: AbortSignal): Promise<Hash | undefined> =>
    witnessedRoot(window, identity, membersAt(window), network, signal)
  const finder = new RootFinder(windows, {
    ...{ clock, logger, nowSec, beacons, witnessed },
    hasRoot: window => store.sealedRoot(window) !== undefined || beaconStore.drawnRoot(window) !== undefined,
    adopt: (window, root) => maker.adopt(window, root),
    lifetime: lifetime.signal,
  })
  const making = createLoop({
    name: 'beacons',
    everyMs: TICK_MS,
    longRuns: true,
    clock,
    logger,
    run: async () => {
      maker.tick()
      finder.tick()
    },
  })
  const knowledge = new Knowledge(
    { domain, windows, size },
    { store, copies, chain, beacons, maker, network, crypto, witnessed },
  )
  const auditor = new Auditor(
    { domain, feedId },
    {
      ...{ clock, logger, crypto, chain, store, copies, knowledge, signer },
      readMembership: deps.readMembership,
      count: deps.count,
      countWithheld: deps.countWithheld,
    },
  )
  // Peers are connected before the chain has been read: until then nobody is known, and nothing is believed.
  const stages = new StageWatch({
    ...{ clock, logger, chain, store },
    digestOf: report => signer.digestOf(report),
    isJudging: digest => auditor.isJudging(digest),
    doubted: deps.doubted,
  })
  const watching = createLoop({
    name: 'stage watch',
    everyMs: WATCH_MS,
    // A look that comes late is as good.
    longRuns: true,
    clock,
    logger,
    run: async () => stages.look(),
  })
  const membership = (): Membership | undefined => (started ? deps.membership() : undefined)
  const hearing = new Hearing(
    { domain, windows },
    { clock, logger, crypto, chain, beacons, network, store, membership, lifetime: lifetime.signal },
  )
  const certifier = new EpochCertifier({
    ...{ logger, network, store, copies, auditor, signer },
    membership,
    nextEpoch: () => chain.settlement().nextEpoch,
    lifetime: lifetime.signal,
  })
  const forget = (): void => {
    const { nextEpoch, owedFrom } = chain.settlement()
    store.forgetBefore(nextEpoch - REMEMBERED_EPOCHS, rememberedFrom(), owedFrom)
    copies.forgetBefore(nextEpoch, owedFrom)
    beaconStore.forgetBefore(rememberedFrom())
  }
  chain.onSettled(forget)
  certifier.register()
  hearing.subscribe()
  beacons.register(input => maker.own(input))

  return {
    name: 'auditing',
    noteCertified: report => {
      if (started) hearing.noteCertified(report)
    },
    routes: app => {
      auditRoutes(app, { domain, clock, crypto, chain, store, copies, hearing })
      beaconRoutes(app, { beacons, keys: beaconKeys })
    },
    transcriptOf: hash => beaconKeys.transcriptOf(hash),
    doubt: () => stages.doubt(),
    start: async signal => {
      copies.open()
      forget()
      started = true
      await making.start(signal)
      await watching.start(signal)
    },
    stop: async () => {
      await watching.stop()
      await making.stop()
      started = false
      lifetime.abort(new Error('the node is stopping'))
      await Promise.allSettled([finder.idle(), auditor.idle(), copies.idle(), beacons.stop()])
      signer.clear()
      store.close()
      beaconStore.close()
    },
  }
}
