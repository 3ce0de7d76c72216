/**
 * What every registered process has: an identity, a peer key, a view of the registry, and connections to the
 * others. Opening reads keystores only; sockets come with `start`.
 */
import type { PublicClient } from 'viem'
import { createReader } from '../chain/clients.ts'
import { createMembershipFollower, type MembershipFollower } from '../chain/membership-reader.ts'
import type { AggregatorConfig } from '../config/process-config.ts'
import type { Address, Hash } from '../protocol/bytes.ts'
import type { Domain } from '../protocol/domain.ts'
import { addressOfSecret, type IdentityCrypto } from '../protocol/identity.ts'
import { type PeerKey, peerKeysOf, type RegistryView } from '../protocol/membership.ts'
import type { RoundTiming } from '../protocol/round/timing.ts'
import type { Clock } from '../runtime/clock.ts'
import { readKeystore } from '../runtime/keystore.ts'
import { lockService } from '../runtime/lock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createIdentityCrypto } from '../runtime/native-identity.ts'
import { peerEventCounter } from '../runtime/p2p/peer-metrics.ts'
import { createPeerNetwork, type PeerNetwork } from '../runtime/p2p/peer-network.ts'
import type { Service } from '../runtime/service.ts'

export interface MemberProcess {
  readonly domain: Domain
  readonly feedId: Hash
  readonly timing: RoundTiming
  readonly crypto: IdentityCrypto
  /** 32 bytes: for the one part of the process that signs. */
  readonly secret: Uint8Array
  readonly identity: Address
  readonly reader: PublicClient
  readonly registry: MembershipFollower
  readonly network: PeerNetwork
  /** Start before everything else: one process a key on a machine, then the registry, then the peers. */
  readonly services: readonly Service[]
}

/** This process's identity is not in the registry. A retry helps only after it has been registered. */
export class NotRegisteredError extends Error {
  readonly code = 'NOT_REGISTERED'
  constructor(identity: Address, role: string, registry: Address) {
    super(
      `${identity} is no ${role} of the registry ${registry}: check identity.keystore and deployment, or have it registered`,
    )
    this.name = 'NotRegisteredError'
  }
}

export async function openMember(
  config: AggregatorConfig,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
): Promise<MemberProcess> {
  const { deployment, network: terms, identity: keys } = config
  const secret = await readKeystore(keys.keystore, keys.password)
  const seed = await readKeystore(keys.peerKeystore, keys.password)
  const identity = addressOfSecret(secret)
  const registryAddress = deployment.contracts.oracleRegistry.toLowerCase() as Address
  const reader = createReader(config.rpcUrls)
  const registry = createMembershipFollower(
    { registry: registryAddress, chainId: deployment.chainId, finality: terms.finality },
    { reader, ...deps },
  )
  const network = createPeerNetwork(
    {
      seed,
      listen: config.p2p.listen,
      bootstrap: config.p2p.peers,
      allowed: allowList(registry),
      loopback: config.p2p.listen.every(address => address.includes('/127.0.0.1/')),
    },
    { clock: deps.clock, logger: deps.logger, count: peerEventCounter(deps.metrics) },
  )
  return {
    domain: { chainId: deployment.chainId, registry: registryAddress },
    feedId: deployment.feedId as Hash,
    timing: terms,
    crypto: createIdentityCrypto(deps.logger),
    secret,
    identity,
    reader,
    registry,
    network,
    // Two processes with one key would sign two different quotes for a round, which is what gets a node suspended.
    services: [lockService([identity], config.lockDir), registry, network],
  }
}

/** Everybody the registry lists, put together anew only when it changes. */
function allowList(registry: MembershipFollower): () => ReadonlySet<PeerKey> {
  let of: RegistryView | undefined
  let keys: ReadonlySet<PeerKey> = new Set()
  return () => {
    const view = registry.view()
    if (view !== undefined && view !== of) {
      of = view
      keys = peerKeysOf(view)
    }
    return keys
  }
}
