/** Wires the auditor of epochs into a node: its store, its copies of bundles, its ears, and its answers. */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { SettlementReader } from '../../chain/settlement/types.ts'
import { matrixSize } from '../../compute/matrix/size.ts'
import type { Hash } from '../../protocol/bytes.ts'
import type { CertifiedReport } from '../../protocol/certificate.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { AuditVerdict } from '../../protocol/epoch/messages.ts'
import { epochStartSec } from '../../protocol/epoch/time.ts'
import { slotOf, type WindowTerms } from '../../protocol/epoch/windows.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { Membership } from '../../protocol/membership.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import type { Service } from '../../runtime/service.ts'
import { openDatabase } from '../../runtime/sqlite.ts'
import { AUDIT_MIGRATIONS, AuditStore } from './audit-store.ts'
import { Auditor } from './auditor.ts'
import { BundleCopies } from './bundle-copies.ts'
import { EpochCertifier } from './certifier.ts'
import { type EpochKey, EpochSigner } from './epoch-signer.ts'
import { Hearing } from './gossip.ts'
import { Knowledge } from './knowledge.ts'
import { auditRoutes } from './routes.ts'

export interface AuditingOptions {
  readonly domain: Domain
  readonly feedId: Hash
  readonly slot: number
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
  readonly key: (keyEpoch: number) => EpochKey | undefined
  readonly count: (outcome: AuditVerdict['kind']) => void
}

export interface Auditing extends Service {
  /** A certified price that has been checked. */
  noteCertified(report: CertifiedReport): void
  routes(app: FastifyInstance): void
}

/** Epochs that have been settled and are still remembered: a chain may go back by a few. */
const REMEMBERED_EPOCHS = 8

/** Opens its database, and registers handlers and topics; what takes time comes with `start`. */
export function createAuditing(options: AuditingOptions, deps: AuditingDeps): Auditing {
  const { domain, feedId, slot, windows, dataDir } = options
  const { chain, network, logger, clock, crypto } = deps
  const store = new AuditStore(openDatabase(join(dataDir, 'audit.sqlite'), AUDIT_MIGRATIONS))
  const copies = new BundleCopies(join(dataDir, 'bundles'), {
    network,
    isSigned: hash => store.isLockedBundle(hash),
  })
  const signer = new EpochSigner({ domain, slot }, { store, sign: deps.sign, key: deps.key })
  const size = matrixSize(options.challengeSize)
  const knowledge = new Knowledge(
    { domain, windows, size, slot },
    { store, copies, chain, network, crypto, membership: deps.membership },
  )
  const auditor = new Auditor(
    { domain, feedId },
    {
      ...{ clock, logger, crypto, chain, store, copies, knowledge, signer },
      readMembership: deps.readMembership,
      count: deps.count,
    },
  )
  const lifetime = new AbortController()
  let started = false
  // Peers are connected before the chain has been read: until then nobody is known, and nothing is believed.
  const membership = (): Membership | undefined => (started ? deps.membership() : undefined)
  const hearing = new Hearing(
    { domain, windows },
    { clock, logger, crypto, chain, network, store, membership },
  )
  const certifier = new EpochCertifier({
    ...{ logger, network, store, copies, auditor, signer },
    membership,
    nextEpoch: () => chain.settlement().nextEpoch,
    lifetime: lifetime.signal,
  })
  const forget = (): void => {
    const { nextEpoch } = chain.settlement()
    const oldest = nextEpoch - REMEMBERED_EPOCHS
    store.forgetBefore(oldest, slotOf(windows, epochStartSec(windows.clock, oldest)))
    copies.forgetBefore(nextEpoch)
  }
  chain.onSettled(forget)
  certifier.register()
  hearing.subscribe()

  return {
    name: 'auditing',
    noteCertified: report => {
      if (started) hearing.noteCertified(report)
    },
    routes: app => auditRoutes(app, { domain, clock, crypto, chain, store, copies, hearing }),
    start: async () => {
      copies.open()
      forget()
      started = true
    },
    stop: async () => {
      started = false
      lifetime.abort(new Error('the node is stopping'))
      await Promise.allSettled([auditor.idle(), copies.idle()])
      signer.clear()
      store.close()
    },
  }
}
