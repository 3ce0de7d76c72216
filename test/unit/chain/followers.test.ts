import { expect } from 'chai'
import { type PublicClient, zeroAddress, zeroHash } from 'viem'
import { createMembershipFollower } from '../../../chain/membership-reader.ts'
import { contractSignature, updateCall } from '../../../chain/price-feed.ts'
import {
  followUpdates,
  type PriceUpdate,
  type UpdateFollowerOptions,
} from '../../../chain/update-follower.ts'
import { nextKeyOf } from '../../../protocol/keygen/attempt.ts'
import type { Member, RegistryView } from '../../../protocol/membership.ts'
import { castOf, DOMAIN, FEED_ID, type Party, party } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const cast = castOf(4)
const relayers = [party('relayer 0'), party('relayer 1')]
const gateways = [party('gateway 0')]

/** The answers of a registry at some version. */
function registryAt(
  version: number,
  fields: {
    keyEpoch?: number
    suspended?: bigint
    previous?: Partial<ReturnType<typeof keyView>>
    switchesAt?: number
    pendingSet?: number
    pendingSuspended?: bigint
  } = {},
) {
  const { keyEpoch = 1, suspended = 0n, previous, switchesAt = 0 } = fields
  const { pendingSet = 0, pendingSuspended = 0n } = fields
  return {
    state: {
      registryVersion: version,
      switchesAt,
      handoverSec: 5,
      pendingSet,
      pendingSuspended,
      newest: { ...keyView(keyEpoch), suspended },
      previous: { ...keyView(0), ...previous },
    },
    membersOf: cast.members.map(registered),
    aggregators: cast.aggregators.map(registered),
    relayers: relayers.map(registered),
    gateways: gateways.map(registered),
  }
}

function keyView(keyEpoch: number) {
  const px = keyEpoch === 0 ? 0n : 5n
  return { keyEpoch, memberSet: 1, px, transcriptHash: FEED_ID, participants: 0b1011n, suspended: 0n }
}

/** As the chain tells it: the address in letters of either case. */
function registered({ identity, peerKey }: Party) {
  return { identity: identity.toUpperCase().replace('0X', '0x'), peerKey }
}
type Answers = ReturnType<typeof registryAt>

describe('the follower of the registry', () => {
  let answers: Answers
  let chainId: number
  let clock: FakeClock
  let seen: RegistryView[]
  let failing: boolean
  let logger: ReturnType<typeof recordLogger>

  const create = () => {
    const reader = {
      getChainId: async () => chainId,
      readContract: async ({ functionName }: { functionName: keyof Answers }) => {
        if (failing) throw new Error('no endpoint')
        return answers[functionName]
      },
    } as unknown as PublicClient
    const follower = createMembershipFollower(
      { registry: DOMAIN.registry, chainId: 31337, finality: 'latest' },
      { reader, clock, logger },
    )
    follower.onChange(view => seen.push(view))
    return follower
  }
  const start = async () => {
    const follower = create()
    await follower.start(new AbortController().signal)
    await clock.advance(0)
    return follower
  }

  beforeEach(() => {
    answers = registryAt(1)
    chainId = 31337
    clock = new FakeClock()
    seen = []
    failing = false
    logger = recordLogger()
  })

  it('reads members, aggregators and key, with addresses in lower case', async () => {
    answers = registryAt(3, { suspended: 0b0100n })
    const membership = await create().refresh()
    expect(membership.members.map(({ identity }) => identity)).to.deep.equal(
      cast.members.map(({ identity }) => identity),
    )
    expect(membership.members.map(({ suspended }) => suspended)).to.deep.equal([false, false, true, false])
    expect(membership.groupKey).to.deep.equal({ px: 5n, transcriptHash: FEED_ID, participants: [0, 1, 3] })
    expect(membership.quorum).to.deep.equal({ n: 4, f: 1, q: 3 })
    expect(membership.aggregators.map(({ index }) => index)).to.deep.equal([0, 1])
  })

  it('reads relayers and gateways, each in the order of its own list', async () => {
    const membership = await create().refresh()
    const listed = ({ identity, peerKey }: Party, index: number) => ({ index, identity, peerKey })
    expect(membership.relayers).to.deep.equal(relayers.map(listed))
    expect(membership.gateways).to.deep.equal(gateways.map(listed))
  })

  it('has no key in epoch 0', async () => {
    answers = registryAt(1, { keyEpoch: 0 })
    expect((await create().refresh()).groupKey).to.equal(undefined)
  })

  it('has no key in a later epoch in which none was made', async () => {
    answers = registryAt(4, { keyEpoch: 3 })
    answers.state.newest.px = 0n
    const membership = await create().refresh()
    expect(membership.keyEpoch).to.equal(3)
    expect(membership.groupKey).to.equal(undefined)
  })

  it('tells of each change once', async () => {
    const follower = await start()
    await clock.advance(3_000)
    answers = registryAt(2, { keyEpoch: 2 })
    await clock.advance(3_000)
    expect(seen.map(({ newest }) => [newest.registryVersion, newest.keyEpoch])).to.deep.equal([
      [1, 1],
      [2, 2],
    ])
    await follower.stop()
  })

  it('changes over to a new key at its time, and says so', async () => {
    const switchesAt = Math.floor(clock.now() / 1_000) + 4
    answers = registryAt(2, { keyEpoch: 2, previous: keyView(1), switchesAt })
    const follower = await start()
    expect(follower.current()?.keyEpoch).to.equal(1)
    expect(follower.at(switchesAt * 1_000)?.keyEpoch).to.equal(2)
    await clock.advance(6_000)
    expect(follower.current()?.keyEpoch).to.equal(2)
    expect(seen.map(view => view.newest.keyEpoch)).to.deep.equal([2, 2])
    await follower.stop()
  })

  it('counts a suspension under both keys, and knows the members that are about to come', async () => {
    const previous = { ...keyView(1), suspended: 0b1n }
    answers = registryAt(3, { keyEpoch: 2, suspended: 0b10n, previous, pendingSet: 2 })
    const follower = await start()
    const view = follower.view()
    const suspended = (members: readonly Member[] = []) =>
      members.filter(member => member.suspended).map(({ slot }) => slot)
    expect(suspended(view?.newest.members)).to.deep.equal([1])
    expect(suspended(view?.previous?.members)).to.deep.equal([0, 1])
    expect(view?.pending?.memberSet).to.equal(2)
    expect(suspended(view?.pending?.members)).to.deep.equal([])
    await follower.stop()
  })

  it('leaves out of the next key who was suspended after the pending members were proposed', async () => {
    const fields = { suspended: 0b11n, pendingSet: 2, pendingSuspended: 0b10n }
    answers = registryAt(4, fields)
    await create().refresh()
    const [view] = seen
    const next = view === undefined ? undefined : nextKeyOf(view)
    expect(next?.members.map(({ slot }) => slot)).to.deep.equal([0, 2, 3])
    expect(next?.quorum).to.deep.include({ n: 4, q: 3 })
  })

  it('lists no member for an empty slot', async () => {
    const empty = { identity: zeroAddress, peerKey: zeroHash }
    answers.membersOf = [empty, ...cast.members.slice(1).map(registered)]
    const membership = await create().refresh()
    expect(membership.members.map(({ slot }) => slot)).to.deep.equal([1, 2, 3])
    expect(membership.quorum.n).to.equal(3)
  })

  it('keeps the last view while the chain cannot be read', async () => {
    const follower = await start()
    failing = true
    await clock.advance(3_000)
    expect(follower.current()?.registryVersion).to.equal(1)
    failing = false
    answers = registryAt(2)
    await clock.advance(1_000)
    expect(follower.current()?.registryVersion).to.equal(2)
    await follower.stop()
  })

  it('warns where a key counts before its rotation can be final', async () => {
    const reader = {
      getChainId: async () => chainId,
      readContract: async ({ functionName }: { functionName: keyof Answers }) => answers[functionName],
    } as unknown as PublicClient
    for (const [handoverSec, warnings] of [
      [1_199, 1],
      [1_200, 0],
    ] as const) {
      answers = registryAt(1)
      answers.state.handoverSec = handoverSec
      const log = recordLogger()
      const follower = createMembershipFollower(
        { registry: DOMAIN.registry, chainId: 31337, finality: 'finalized' },
        { reader, clock, logger: log },
      )
      await follower.start(new AbortController().signal)
      expect(log.lines.filter(({ level }) => level === 'warn')).to.have.length(warnings)
      await follower.stop()
    }
  })

  it('does not start on another chain than the deployment', async () => {
    chainId = 1
    const error = await start().catch((failure: unknown) => failure)
    expect(error).to.include({ code: 'WRONG_CHAIN' })
  })
})

describe('the follower of price updates', () => {
  let clock: FakeClock
  let head: bigint
  let events: { block: bigint; round: number }[]
  let ranges: [bigint, bigint][]
  let failing: boolean
  let seen: PriceUpdate[]
  let settled: { rounds: number[]; next: bigint }[]
  let final: bigint

  const start = async (options: Partial<UpdateFollowerOptions> = {}) => {
    const reader = {
      getBlockNumber: async () => head,
      getBlock: async () => ({ number: final }),
      getContractEvents: async ({ fromBlock, toBlock }: { fromBlock: bigint; toBlock: bigint }) => {
        if (failing) throw new Error('no endpoint')
        ranges.push([fromBlock, toBlock])
        return events
          .filter(({ block }) => block >= fromBlock && block <= toBlock)
          .map(({ block, round }) => ({
            args: { round: BigInt(round), price: 7n },
            transactionHash: `0x${round}`,
            blockNumber: block,
          }))
      },
    } as unknown as PublicClient
    const follower = followUpdates(
      { priceFeed: DOMAIN.registry, finality: 'latest', ...options },
      {
        seen: update => seen.push(update),
        settled: (updates, next) => settled.push({ rounds: updates.map(({ round }) => round), next }),
      },
      { reader, clock, logger: recordLogger() },
    )
    await follower.start(new AbortController().signal)
    await clock.advance(0)
    return follower
  }
  const rounds = (): number[] => seen.map(({ round }) => round)

  beforeEach(() => {
    clock = new FakeClock()
    head = 100n
    events = []
    ranges = []
    failing = false
    seen = []
    settled = []
    final = 0n
  })

  it('goes on from where it was: what was mined meanwhile is settled, and told', async () => {
    events = [
      { block: 89n, round: 1 },
      { block: 95n, round: 2 },
    ]
    const follower = await start({ from: 90n })
    expect(rounds()).to.deep.equal([2])
    expect(settled).to.deep.equal([{ rounds: [2], next: 101n }])
    await follower.stop()
  })

  it('tells of an update at once, and settles it when its block is final, or the one that has taken its place', async () => {
    final = 90n
    const follower = await start({ from: 90n, finality: 'finalized' })
    events = [{ block: 101n, round: 3 }]
    head = 101n
    await clock.advance(1_000)
    expect(rounds()).to.deep.equal([3])
    expect(settled).to.deep.equal([{ rounds: [], next: 91n }])
    events = [{ block: 100n, round: 4 }]
    final = 102n
    head = 110n
    await clock.advance(1_000)
    expect(settled.at(-1)).to.deep.equal({ rounds: [4], next: 103n })
    await follower.stop()
  })

  it('tells nobody of what is long past, but settles it', async () => {
    events = [{ block: 5n, round: 1 }]
    head = 5_000n
    const follower = await start({ from: 0n })
    expect(rounds()).to.deep.equal([])
    expect(settled).to.deep.equal([{ rounds: [1], next: 1_000n }])
    await follower.stop()
  })

  it('begins with the block of its start and tells of each update once, in order', async () => {
    events = [
      { block: 99n, round: 1 },
      { block: 100n, round: 2 },
    ]
    const follower = await start()
    events.push({ block: 101n, round: 3 }, { block: 102n, round: 4 })
    head = 102n
    await clock.advance(2_000)
    expect(rounds()).to.deep.equal([2, 3, 4])
    expect(seen[0]).to.deep.equal({ round: 2, price: 7n, transactionHash: '0x2', blockNumber: 100n })
    await follower.stop()
  })

  it('asks for nothing while there is no new block', async () => {
    const follower = await start()
    await clock.advance(3_000)
    expect(ranges).to.deep.equal([[100n, 100n]])
    await follower.stop()
  })

  it('repeats a look that failed, and skips nothing', async () => {
    const follower = await start()
    failing = true
    events.push({ block: 101n, round: 3 })
    head = 101n
    await clock.advance(2_000)
    failing = false
    head = 103n
    await clock.advance(1_000)
    expect(rounds()).to.deep.equal([3])
    await follower.stop()
  })

  it('catches up in ranges that public endpoints answer', async () => {
    const follower = await start()
    head = 2_500n
    await clock.advance(3_000)
    // What was told of at once is the newest of it.
    expect(ranges.slice(1)).to.deep.equal([
      [1_501n, 2_500n],
      [101n, 1_100n],
      [1_101n, 2_100n],
      [2_101n, 2_500n],
    ])
    await follower.stop()
  })
})

describe('the call that puts a report on chain', () => {
  const report = { keyEpoch: 1, feedId: FEED_ID, word: 9n }

  it('carries R and s of a group certificate', () => {
    const signature = { r: '0x00000000000000000000000000000000000000bb', s: 8n } as const
    const call = updateCall(DOMAIN.registry, { ...report, certificate: { kind: 'group', signature } })
    expect(call).to.include({ address: DOMAIN.registry, functionName: 'update' })
    expect(call.args).to.deep.equal([9n, signature.r, 8n])
  })

  it('carries the signatures of a quorum in two words each', () => {
    const signature = Uint8Array.from({ length: 64 }, (_, index) => (index < 32 ? 1 : 2))
    const call = updateCall(DOMAIN.registry, {
      ...report,
      certificate: { kind: 'quorum', signatures: [signature] },
    })
    const words = { r: `0x${'01'.repeat(32)}`, yParityAndS: `0x${'02'.repeat(32)}` }
    expect(contractSignature(signature)).to.deep.equal(words)
    expect(call).to.include({ functionName: 'updateWithQuorum' })
    expect(call.args).to.deep.equal([9n, [words]])
  })
})
