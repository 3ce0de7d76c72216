/** Follows the registry: who are the members, and which key is theirs. */
import { BaseError, type PublicClient } from 'viem'
import type { Address } from '../protocol/bytes.ts'
import { type Membership, membershipOf, type ServicePeer, slotsOf } from '../protocol/membership.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import { createLoop } from '../runtime/loop.ts'
import type { Service } from '../runtime/service.ts'
import { oracleRegistryAbi } from './abi/oracle-registry.ts'

export type Finality = 'latest' | 'finalized'

export interface RegistryOptions {
  readonly registry: Address
  readonly chainId: number
  readonly finality: Finality
}

export interface MembershipFollower extends Service {
  /** The registry as last read; undefined before the first answer. */
  current(): Membership | undefined
  /** Reads now: for who has just changed it. */
  refresh(): Promise<Membership>
  /** Calls back with each view that differs from the one before. */
  onChange(listener: (membership: Membership) => void): void
}

/** The endpoint serves another chain than the deployment is on. Only a change of configuration helps. */
export class WrongChainError extends Error {
  readonly code = 'WRONG_CHAIN'
  constructor(found: number, expected: number) {
    super(
      `the RPC endpoint is on chain ${found}, the deployment on chain ${expected}: check rpcUrls and deployment`,
    )
    this.name = 'WrongChainError'
  }
}

/** The chain did not tell who the members are. A retry helps when the endpoint is back. */
export class RegistryUnreadableError extends Error {
  readonly code = 'REGISTRY_UNREADABLE'
  constructor(registry: Address, cause: unknown) {
    const reason = cause instanceof BaseError ? cause.details || cause.shortMessage : String(cause)
    super(
      `the registry ${registry} cannot be read (${reason}): check that an endpoint of rpcUrls answers and that the deployment is on its chain`,
      { cause },
    )
    this.name = 'RegistryUnreadableError'
  }
}

/** A block is a second on the fastest chains we know of; a key that is seen a second late costs nothing. */
const POLL_MS = 1_000

export async function readMembership(reader: PublicClient, options: RegistryOptions): Promise<Membership> {
  const registry = { address: options.registry, abi: oracleRegistryAbi, blockTag: options.finality } as const
  // Not one block for all: lists never change, and only the state does.
  const [state, members, aggregators, relayers, gateways] = await Promise.all([
    reader.readContract({ ...registry, functionName: 'state' }),
    reader.readContract({ ...registry, functionName: 'members' }),
    reader.readContract({ ...registry, functionName: 'aggregators' }),
    reader.readContract({ ...registry, functionName: 'relayers' }),
    reader.readContract({ ...registry, functionName: 'gateways' }),
  ])
  return membershipOf({
    registryVersion: state.registryVersion,
    keyEpoch: state.keyEpoch,
    groupKey:
      state.keyEpoch === 0
        ? undefined
        : {
            px: state.groupKeyX,
            transcriptHash: state.transcriptHash,
            participants: slotsOf(state.participants),
          },
    members: members.map(({ identity, peerKey }, slot) => ({
      slot,
      identity: lower(identity),
      peerKey,
      suspended: ((state.suspended >> BigInt(slot)) & 1n) === 1n,
    })),
    aggregators: aggregators.map(servicePeer),
    relayers: relayers.map(servicePeer),
    gateways: gateways.map(servicePeer),
  })
}

function servicePeer({ identity, peerKey }: Omit<ServicePeer, 'index'>, index: number): ServicePeer {
  return { index, identity: lower(identity), peerKey }
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address
}

function isOlder(a: Membership, b: Membership): boolean {
  return a.keyEpoch < b.keyEpoch || a.registryVersion < b.registryVersion
}

export function createMembershipFollower(
  options: RegistryOptions,
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): MembershipFollower {
  let current: Membership | undefined
  const listeners: ((membership: Membership) => void)[] = []

  const refresh = async (): Promise<Membership> => {
    const next = await readMembership(deps.reader, options).catch((cause: unknown) => {
      throw new RegistryUnreadableError(options.registry, cause)
    })
    // Reads overlap, and one of several endpoints may lag: the view never goes back.
    if (current !== undefined && isOlder(next, current)) return current
    const changed = current?.keyEpoch !== next.keyEpoch || current.registryVersion !== next.registryVersion
    current = next
    if (changed) for (const listener of listeners) listener(next)
    return next
  }
  const loop = createLoop({
    name: 'registry follower',
    everyMs: POLL_MS,
    clock: deps.clock,
    logger: deps.logger,
    run: async () => {
      await refresh()
    },
  })

  return {
    name: 'registry follower',
    current: () => current,
    refresh,
    onChange: listener => {
      listeners.push(listener)
    },
    start: async signal => {
      const chainId = await deps.reader.getChainId()
      if (chainId !== options.chainId) throw new WrongChainError(chainId, options.chainId)
      await refresh()
      await loop.start(signal)
    },
    stop: () => loop.stop(),
  }
}
