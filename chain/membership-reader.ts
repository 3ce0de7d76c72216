/** Follows the registry: who are the members, and which key is theirs. */
import { BaseError, type ContractFunctionReturnType, type PublicClient } from 'viem'
import type { Address, Hash } from '../protocol/bytes.ts'
import {
  type GroupKey,
  type Member,
  type Membership,
  membershipAt,
  membershipOf,
  type RegistryView,
  type ServicePeer,
  slotsOf,
} from '../protocol/membership.ts'
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
  /** The membership that counts now; undefined before the first answer. */
  current(): Membership | undefined
  /** The one that counts for what begins then, such as a round. */
  at(unixMs: number): Membership | undefined
  /** The registry as last read, both sides of a rotation. */
  view(): RegistryView | undefined
  /** Reads now: for who has just changed it. Resolves with what counts then. */
  refresh(): Promise<Membership>
  /** Calls back with each view that differs from the one before, and again when its new key begins to count. */
  onChange(listener: (view: RegistryView) => void): void
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

/** The lists that a registry has shown: one of a number never changes, so each is read once. */
interface KnownLists {
  /** By number of the set; at most the last few. */
  readonly members: Map<number, readonly Member[]>
  services: Pick<Membership, 'aggregators' | 'relayers' | 'gateways'> | undefined
  /** Fixed at deployment; 0 before the first look. */
  handoverSec: number
}

type ContractState = ContractFunctionReturnType<typeof oracleRegistryAbi, 'view', 'state'>
type KeyView = ContractState['newest']

/** Two Ethereum epochs, which finality takes, and half as much again. */
const FINAL_WITHIN_SEC = 1_200

/** The set in force, the one before it, a pending one, and one more. */
const KEPT_SETS = 4

function noLists(): KnownLists {
  return { members: new Map(), services: undefined, handoverSec: 0 }
}

/** What the registry says at its newest block, or its newest final one. */
export async function readRegistry(
  reader: PublicClient,
  options: RegistryOptions,
  known: KnownLists = noLists(),
): Promise<RegistryView> {
  const registry = { address: options.registry, abi: oracleRegistryAbi, blockTag: options.finality } as const
  const state = await reader.readContract({ ...registry, functionName: 'state' })
  known.handoverSec = state.handoverSec
  const services = await readServices(reader, registry, known)
  const seatsOf = (set: number): Promise<readonly Member[]> => readSeats(reader, registry, set, known)

  const { newest, previous, pendingSet, pendingSuspended, registryVersion } = state
  const membershipUnder = async (key: KeyView, suspended: bigint): Promise<Membership> =>
    membershipOf({
      registryVersion,
      memberSet: key.memberSet,
      keyEpoch: key.keyEpoch,
      groupKey: groupKeyOf(key),
      members: withSuspended(await seatsOf(key.memberSet), suspended),
      ...services,
    })
  // A member that is suspended after a rotation is so under the old key, too, as long as that one counts.
  const suspendedBefore =
    previous.memberSet === newest.memberSet ? previous.suspended | newest.suspended : previous.suspended
  return {
    newest: await membershipUnder(newest, newest.suspended),
    previous: previous.keyEpoch === 0 ? undefined : await membershipUnder(previous, suspendedBefore),
    switchAtSec: state.switchesAt,
    pending:
      pendingSet === 0
        ? undefined
        : { memberSet: pendingSet, members: withSuspended(await seatsOf(pendingSet), pendingSuspended) },
  }
}

/** None before the first one, nor after the timelock has installed other members until these have made theirs. */
function groupKeyOf({ px, transcriptHash, participants }: KeyView): GroupKey | undefined {
  return px === 0n ? undefined : { px, transcriptHash, participants: slotsOf(participants) }
}

/** A set's members by its number. The list of a number never changes. */
export async function readMembers(
  reader: PublicClient,
  registry: Address,
  memberSet: number,
): Promise<readonly Member[]> {
  const call = { address: registry, abi: oracleRegistryAbi, functionName: 'membersOf' } as const
  return membersOfList(await reader.readContract({ ...call, args: [memberSet] }))
}

/** A list as the contract has it: an entry a slot, zero where a slot is empty. */
export function membersOfList(
  list: readonly { readonly identity: Address; readonly peerKey: Hash }[],
): readonly Member[] {
  return list.flatMap(({ identity, peerKey }, slot) =>
    BigInt(identity) === 0n ? [] : [{ slot, identity: lower(identity), peerKey, suspended: false }],
  )
}

function withSuspended(seats: readonly Member[], suspended: bigint): Member[] {
  return seats.map(seat => ({ ...seat, suspended: ((suspended >> BigInt(seat.slot)) & 1n) === 1n }))
}

type RegistryCall = {
  readonly address: Address
  readonly abi: typeof oracleRegistryAbi
  readonly blockTag: Finality
}

async function readServices(
  reader: PublicClient,
  registry: RegistryCall,
  known: KnownLists,
): Promise<NonNullable<KnownLists['services']>> {
  if (known.services === undefined) {
    const [aggregators, relayers, gateways] = await Promise.all([
      reader.readContract({ ...registry, functionName: 'aggregators' }),
      reader.readContract({ ...registry, functionName: 'relayers' }),
      reader.readContract({ ...registry, functionName: 'gateways' }),
    ])
    known.services = {
      aggregators: aggregators.map(servicePeer),
      relayers: relayers.map(servicePeer),
      gateways: gateways.map(servicePeer),
    }
  }
  return known.services
}

async function readSeats(
  reader: PublicClient,
  registry: RegistryCall,
  memberSet: number,
  { members }: KnownLists,
): Promise<readonly Member[]> {
  const seen = members.get(memberSet)
  if (seen !== undefined) return seen
  const list = await reader.readContract({ ...registry, functionName: 'membersOf', args: [memberSet] })
  const seats = membersOfList(list)
  for (const oldest of [...members.keys()].slice(0, Math.max(0, members.size - KEPT_SETS + 1)))
    members.delete(oldest)
  members.set(memberSet, seats)
  return seats
}

function servicePeer({ identity, peerKey }: Omit<ServicePeer, 'index'>, index: number): ServicePeer {
  return { index, identity: lower(identity), peerKey }
}

function lower(address: Address): Address {
  return address.toLowerCase() as Address
}

// Whatever changes the registry raises its version.
function isOlder(a: RegistryView, b: RegistryView): boolean {
  return a.newest.keyEpoch < b.newest.keyEpoch || a.newest.registryVersion < b.newest.registryVersion
}

function differs(a: RegistryView, b: RegistryView): boolean {
  return a.newest.keyEpoch !== b.newest.keyEpoch || a.newest.registryVersion !== b.newest.registryVersion
}

export function createMembershipFollower(
  options: RegistryOptions,
  deps: { readonly reader: PublicClient; readonly clock: Clock; readonly logger: Logger },
): MembershipFollower {
  const lists = noLists()
  const listeners: ((view: RegistryView) => void)[] = []
  let view: RegistryView | undefined
  /** The key epoch that counted when listeners last heard. */
  let toldKeyEpoch: number | undefined

  const at = (unixMs: number): Membership | undefined =>
    view === undefined ? undefined : membershipAt(view, unixMs)
  const tell = (of: RegistryView): void => {
    toldKeyEpoch = membershipAt(of, deps.clock.now()).keyEpoch
    for (const listener of listeners) listener(of)
  }
  const refresh = async (): Promise<Membership> => {
    const next = await readRegistry(deps.reader, options, lists).catch((cause: unknown) => {
      throw new RegistryUnreadableError(options.registry, cause)
    })
    // Reads overlap, and one of several endpoints may lag: the view never goes back.
    if (view === undefined || (!isOlder(next, view) && differs(next, view))) {
      view = next
      tell(next)
    } else if (membershipAt(view, deps.clock.now()).keyEpoch !== toldKeyEpoch) {
      tell(view)
    }
    return membershipAt(view, deps.clock.now())
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
    current: () => at(deps.clock.now()),
    at,
    view: () => view,
    refresh,
    onChange: listener => {
      listeners.push(listener)
    },
    start: async signal => {
      const chainId = await deps.reader.getChainId()
      if (chainId !== options.chainId) throw new WrongChainError(chainId, options.chainId)
      await refresh()
      if (options.finality === 'finalized' && lists.handoverSec < FINAL_WITHIN_SEC) {
        deps.logger.warn(
          'a rotation may be final only after its key counts: nodes would change over at different times; deploy with a longer handoverSec',
          { handoverSec: lists.handoverSec, required: FINAL_WITHIN_SEC },
        )
      }
      await loop.start(signal)
    },
    stop: () => loop.stop(),
  }
}
