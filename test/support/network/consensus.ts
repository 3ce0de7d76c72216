/**
 * A whole network in one process over real sockets: members that quote, generate keys and sign, aggregators that
 * call and propose. Only the registry is paper. Each part is wired as the services wire it.
 */
import { join } from 'node:path'
import { type Installation, KeygenCoordinator } from '../../../aggregator/keygen/coordinator.ts'
import type { CertifiedRound } from '../../../aggregator/rounds/active-round.ts'
import { NoncePool } from '../../../aggregator/rounds/nonce-pool.ts'
import { RoundRunner } from '../../../aggregator/rounds/round-runner.ts'
import { SignerRecord } from '../../../aggregator/rounds/signer-record.ts'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { attemptRecord } from '../../../oracle-node/keygen/attempt-record.ts'
import { KeygenCeremony } from '../../../oracle-node/keygen/ceremony.ts'
import { KeyHolder } from '../../../oracle-node/keygen/key-holder.ts'
import { KeyStore } from '../../../oracle-node/keygen/key-store.ts'
import { serveTranscripts } from '../../../oracle-node/keygen/transcripts.ts'
import { QuoteDesk } from '../../../oracle-node/quoting/quote-desk.ts'
import { Quoter } from '../../../oracle-node/quoting/quoter.ts'
import { SigningService } from '../../../oracle-node/signing/signing-service.ts'
import { topicOf } from '../../../protocol/channels.ts'
import {
  type Membership,
  membershipAt,
  type PeerKey,
  type RegistryView,
} from '../../../protocol/membership.ts'
import { quorumOf } from '../../../protocol/quorum.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES, sealCertified } from '../../../protocol/round/certified.ts'
import { type Equivocation, QuoteBook } from '../../../protocol/round/quote-book.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import type { Round } from '../../../protocol/rounds.ts'
import { type Bps, type Price, parseDecimal } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import { createPeerNetwork, type PeerNetwork, type Verdict } from '../../../runtime/p2p/peer-network.ts'
import { Secret } from '../../../runtime/secret.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { at, type Cast, castOf, crypto, DOMAIN, FEED_ID, type Party, registryView, TIMING } from './cast.ts'
import { dealKey } from './dealt-keys.ts'
import { type LogLine, recordLogger } from './record-logger.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { waitFor } from './wait.ts'
import type { Tamper } from './wire.ts'

export interface ConsensusMember {
  readonly slot: number
  readonly party: Party
  readonly network: PeerNetwork
  readonly guard: Guard
  readonly book: QuoteBook
  /** What it answered to proposals, in order. */
  readonly outcomes: string[]
  /** What aggregators did wrong by its account: `index fault`, in order. */
  readonly faults: string[]
  /** Replaces its answers to direct requests. */
  tamper: Tamper | undefined
  /** Replaces what happens to a quote that it has signed. */
  outgoing: ((quote: SignedQuote, publish: (bytes: Uint8Array) => void) => void) | undefined
  holdsShare(): boolean
  stop(): Promise<void>
}

export interface ConsensusAggregator {
  readonly index: number
  readonly party: Party
  readonly network: PeerNetwork
  readonly book: QuoteBook
  readonly certified: CertifiedRound[]
  readonly outcomes: string[]
  /** What members did wrong by its account: `slot fault`, in order. */
  readonly faults: string[]
  /** The same of other aggregators. */
  readonly aggregatorFaults: string[]
  /** Proofs that came in replies, not by gossip. */
  readonly learned: Equivocation[]
  /** Forgets who failed lately, and was to be asked last for it. */
  forgive(): void
  readonly logs: readonly LogLine[]
  /** One call for a key generation, as the service's loop makes them. */
  callKeygen(): Promise<void>
  /** From now on it takes part in rounds. */
  startRounds(): Promise<void>
  stopRounds(): Promise<void>
}

export interface Consensus {
  readonly cast: Cast
  readonly timing: RoundTiming
  readonly members: ConsensusMember[]
  readonly aggregators: readonly ConsensusAggregator[]
  readonly installations: Installation[]
  /** What counts now. */
  membership(): Membership
  view(): RegistryView
  /** The registry changes, and everybody sees it at once. */
  changeTo(view: RegistryView): void
  /** Cuts all connections between the groups until {@link heal}. */
  divide(...groups: readonly (readonly Party[])[]): Promise<void>
  heal(): Promise<void>
  /** Stops a member and starts it again with what is on its disk. */
  restart(slot: number): Promise<void>
  /** Where a member's guard keeps what must not be said twice. */
  guardFileOf(slot: number): string
  /** Starts the next of those that were not there at the beginning, and waits until it is connected to everybody. */
  join(): Promise<ConsensusMember>
  stop(): Promise<void>
}

/** Far below what protects a real key, so that tests do not wait for it. */
const TEST_SCRYPT_N = 1_024
/** All members compute in one process, and nobody is to be called silent for it. */
const KEYGEN_TIMEOUT_MS = 12_000
/** Longer than any test. */
const ROTATION_SEC = 86_400
/** From a rotation to the first round of its key. */
const HANDOVER_SEC = 2

/** A registry in the middle of no rotation. */
export function registryOf(newest: Membership): RegistryView {
  return { newest, previous: undefined, switchAtSec: 0, pending: undefined }
}

export function priceOf(slot: number): Price {
  return (parseDecimal('0.25') + BigInt(slot) * 10n ** 12n) as Price
}

/**
 * @param options.dealt begins with a key that was made on paper, so that no test waits for its generation
 * @param options.late so many of the last members are not there until they {@link Consensus.join}
 */
export async function startConsensus(options: {
  readonly n: number
  readonly late?: number
  readonly timing?: RoundTiming
  readonly dealt?: boolean
}): Promise<Consensus> {
  const cast = castOf(options.n)
  const timing = options.timing ?? TIMING
  const directory = temporaryDirectory()
  const slots = cast.members.map((_, slot) => slot)
  const dealt = options.dealt === true ? dealKey(slots, quorumOf(options.n).q) : undefined
  let view: RegistryView = registryOf(registryView(cast, { groupKey: dealt?.groupKey }))
  const membership = () => membershipAt(view, systemClock.now())
  const membershipOfRound = (unixMs: number): Membership => membershipAt(view, unixMs)
  const listeners = new Set<(view: RegistryView) => void>()
  const everyone = new Set([...cast.members, ...cast.aggregators].map(({ peerKey }) => peerKey))
  const networks = new Map<string, PeerNetwork>()
  let groups: readonly ReadonlySet<string>[] = [everyone]
  const reachableFrom = (peerKey: PeerKey) =>
    new Set([...everyone].filter(other => groups.some(group => group.has(peerKey) && group.has(other))))

  const openNetwork = ({ seed, peerKey }: Party): PeerNetwork => {
    const bootstrap = [...networks].flatMap(([key, network]) => (key === peerKey ? [] : network.addresses()))
    const network = createPeerNetwork(
      {
        seed,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap,
        allowed: () => reachableFrom(peerKey),
        loopback: true,
      },
      { clock: systemClock, logger: recordLogger() },
    )
    networks.set(peerKey, network)
    return network
  }

  const guardFileOf = (slot: number): string => join(directory.path, `${slot}`, 'guard.sqlite')
  const startMember = async (slot: number, restarted = false): Promise<ConsensusMember> => {
    const party = at(cast.members, slot)
    const network = openNetwork(party)
    const logger = recordLogger()
    const clock = systemClock
    const database = openDatabase(guardFileOf(slot), GUARD_MIGRATIONS)
    const guard = new Guard(
      { domain: DOMAIN, feedId: FEED_ID, slot, secret: party.secret },
      createGuardStore(database),
      crypto,
    )
    const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
    const store = new KeyStore({
      directory: join(directory.path, `${slot}`, 'shares'),
      slot,
      password: new Secret('a password'),
      scryptN: TEST_SCRYPT_N,
    })
    const keys = new KeyHolder(store, logger)
    let highestCertified = 0 as Round
    const outcomes: string[] = []
    const faults: string[] = []
    const generated = dealt?.keys[slot]
    if (generated !== undefined && !restarted) await store.save(1, generated)

    const member: ConsensusMember = {
      slot,
      party,
      network,
      guard,
      book,
      outcomes,
      faults,
      tamper: undefined,
      outgoing: undefined,
      holdsShare: () => keys.current(membership().keyEpoch) !== undefined,
      stop: async () => {
        listeners.delete(onChange)
        await quoter.stop()
        await desk.stop()
        await ceremony.stop()
        await network.stop()
        database.close()
      },
    }
    const tampered: Pick<PeerNetwork, 'handle' | 'request' | 'connected'> = {
      connected: () => network.connected(),
      request: (...args) => network.request(...args),
      handle: (protocol, limits, handler) =>
        network.handle(protocol, limits, (request, from, signal) => {
          const answer = () => handler(request, from, signal)
          return member.tamper === undefined ? answer() : member.tamper(protocol, request, answer, from)
        }),
    }
    const ceremony = new KeygenCeremony(
      {
        domain: DOMAIN,
        slot,
        identity: party.identity,
        timeoutMs: KEYGEN_TIMEOUT_MS,
        rotationSec: ROTATION_SEC,
      },
      {
        clock,
        logger,
        crypto,
        network: tampered,
        view: () => view,
        sign: digest => guard.signDigest(digest),
        attempts: attemptRecord(join(directory.path, `${slot}`, 'attempts.json')),
        promised: (keyEpoch, px) => store.promised(keyEpoch, px),
        save: (keyEpoch, key) => store.save(keyEpoch, key),
      },
    )
    const signing = new SigningService(
      { domain: DOMAIN, feedId: FEED_ID, slot, timing },
      {
        clock,
        logger,
        guard,
        crypto,
        frost: loadNativeFrostCrypto(),
        book,
        network: tampered,
        view: () => view,
        key: keyEpoch => keys.current(keyEpoch),
        highestCertified: () => highestCertified,
        count: outcome => outcomes.push(outcome),
        fault: (aggregator, fault) => faults.push(`${aggregator} ${fault}`),
        learned: ({ first, second }) => {
          publish(first.bytes)
          publish(second.bytes)
        },
      },
    )
    ceremony.register()
    signing.register()
    serveTranscripts(network, keys)
    const quotes = topicOf(DOMAIN, 'quotes')
    const admit = (data: Uint8Array) => {
      const admission = book.admit(data, membershipOfRound, clock.now())
      return admission.verdict === 'equivocation' ? 'accept' : admission.verdict
    }
    network.subscribe(quotes, SIGNED_QUOTE_BYTES, admit, () => {})
    network.subscribe(
      topicOf(DOMAIN, 'certified'),
      MAX_CERTIFIED_BYTES,
      data => {
        const admission = admitCertified(data, {
          domain: DOMAIN,
          feedId: FEED_ID,
          membershipAt: membershipOfRound,
          highestCertified,
          crypto,
          timing,
          nowMs: clock.now(),
          wantsOld: round => signing.awaitsCertificate(round),
        })
        if (admission.verdict === 'accept') {
          const { report, proposer } = admission.announcement
          const { round } = unpackReport(report.word)
          if (round > highestCertified) highestCertified = round
          signing.onCertified(round, proposer)
        }
        return admission.verdict
      },
      () => {},
    )
    const publish = (bytes: Uint8Array): void => {
      network.publish(quotes, bytes).catch(() => {})
    }
    const desk = new QuoteDesk(
      { slot, timing },
      {
        ...{ clock, guard, book },
        network: { ...tampered, connected: () => network.connected() },
        membershipAt: membershipOfRound,
        admitQuote: bytes => {
          admit(bytes)
        },
      },
    )
    desk.register()
    const quoter = new Quoter(
      { feedId: FEED_ID, slot, identity: party.identity, roundMs: timing.roundMs, skewMs: timing.skewMs },
      {
        clock,
        logger,
        guard,
        membershipAt: membershipOfRound,
        count: () => {},
        clockOffsetMs: () => undefined,
        sources: { observe: nowMs => observationOf(slot, nowMs) },
        publish: quote => {
          admit(quote.bytes)
          if (member.outgoing === undefined) publish(quote.bytes)
          else member.outgoing(quote, publish)
        },
      },
    )
    const onChange = (changed: RegistryView): void => {
      book.forgetBefore((changed.previous ?? changed.newest).keyEpoch)
      ceremony.follow(changed)
      signing.follow(changed)
      void keys.follow(changed)
    }
    listeners.add(onChange)
    await network.start(new AbortController().signal)
    await keys.follow(view)
    await ceremony.start()
    await signing.start()
    await desk.start()
    await quoter.start()
    return member
  }

  const changeTo = (next: RegistryView): void => {
    view = next
    for (const listener of listeners) listener(next)
  }
  const installations: Installation[] = []
  const startAggregator = async (index: number): Promise<ConsensusAggregator> => {
    const party = at(cast.aggregators, index)
    const network = openNetwork(party)
    const clock = systemClock
    const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
    const logger = recordLogger()
    const certified: CertifiedRound[] = []
    const outcomes: string[] = []
    const faults: string[] = []
    const aggregatorFaults: string[] = []
    const learned: Equivocation[] = []
    let record = new SignerRecord()
    let highestCertified = 0
    const onCertified = (round: Round): void => {
      highestCertified = Math.max(highestCertified, round)
      rounds.onCertified(round)
    }
    const rounds = new RoundRunner(
      { domain: DOMAIN, feedId: FEED_ID, timing, index },
      {
        clock,
        logger,
        crypto,
        frost: loadNativeFrostCrypto(),
        network,
        book,
        sign: party.sign,
        createNonces: keyEpoch => new NoncePool(new Uint8Array(32).fill(index + 1), keyEpoch, network),
        record: {
          failed: (slot, nowMs) => record.failed(slot, nowMs),
          failedLately: (slot, nowMs) => record.failedLately(slot, nowMs),
        },
        membershipAt: membershipOfRound,
        highestCertified: () => highestCertified,
        count: outcome => outcomes.push(outcome),
        fault: (slot, fault) => faults.push(`${slot} ${fault}`),
        aggregatorFault: (other, fault) => aggregatorFaults.push(`${other} ${fault}`),
        learned: evidence => learned.push(evidence),
        admitQuote: bytes => {
          admitQuote(bytes)
        },
        certified: round => {
          certified.push(round)
          onCertified(unpackReport(round.report.word).round)
          network
            .publish(topicOf(DOMAIN, 'certified'), sealCertified(DOMAIN, round, party.sign))
            .catch(() => {})
        },
      },
    )
    const admitQuote = (data: Uint8Array): Verdict => {
      const admission = book.admit(data, membershipOfRound, clock.now())
      if (admission.verdict === 'accept') rounds.onQuote(admission.quote)
      if (admission.verdict !== 'equivocation') return admission.verdict
      rounds.onEquivocation(admission.evidence)
      return 'accept'
    }
    network.subscribe(topicOf(DOMAIN, 'quotes'), SIGNED_QUOTE_BYTES, admitQuote, () => {})
    network.subscribe(
      topicOf(DOMAIN, 'certified'),
      MAX_CERTIFIED_BYTES,
      data => {
        const context = {
          ...{ domain: DOMAIN, feedId: FEED_ID, crypto, highestCertified, timing },
          membershipAt: membershipOfRound,
          nowMs: clock.now(),
        }
        const admission = admitCertified(data, context)
        if (admission.verdict === 'accept')
          onCertified(unpackReport(admission.announcement.report.word).round)
        return admission.verdict
      },
      () => {},
    )
    const coordinator = new KeygenCoordinator(
      { domain: DOMAIN, index, timeoutMs: KEYGEN_TIMEOUT_MS, rotationSec: ROTATION_SEC },
      {
        clock,
        logger,
        crypto,
        network,
        sign: party.sign,
        readLatest: async () => view,
        count: () => {},
        install: async installation => {
          const { px, transcriptHash, participants, keyEpoch } = installation
          if (keyEpoch !== view.newest.keyEpoch + 1) throw new Error('the registry has another key by now')
          installations.push(installation)
          const next = registryView(cast, {
            keyEpoch,
            registryVersion: view.newest.registryVersion,
            groupKey: { px, transcriptHash, participants },
          })
          changeTo({
            newest: next,
            previous: keyEpoch === 1 ? undefined : view.newest,
            switchAtSec: Math.ceil(clock.now() / 1_000) + (keyEpoch === 1 ? 0 : HANDOVER_SEC),
            pending: undefined,
          })
        },
      },
    )
    await network.start(new AbortController().signal)
    return {
      index,
      party,
      network,
      book,
      certified,
      outcomes,
      faults,
      aggregatorFaults,
      learned,
      forgive: () => {
        record = new SignerRecord()
      },
      logs: logger.lines,
      callKeygen: () => coordinator.attend(view, new AbortController().signal),
      startRounds: () => rounds.start(),
      stopRounds: () => rounds.stop(),
    }
  }

  const members: ConsensusMember[] = []
  for (let slot = 0; slot < options.n - (options.late ?? 0); slot++) members.push(await startMember(slot))
  const aggregators: ConsensusAggregator[] = []
  for (const [index] of cast.aggregators.entries()) aggregators.push(await startAggregator(index))

  const consensus: Consensus = {
    cast,
    timing,
    members,
    aggregators,
    installations,
    membership,
    view: () => view,
    changeTo,
    divide: async (...parts) => {
      groups = parts.map(part => new Set(part.map(({ peerKey }) => peerKey)))
      await allConnected()
    },
    heal: async () => {
      groups = [everyone]
      await allConnected()
    },
    restart: async slot => {
      await at(members, slot).stop()
      members[slot] = await startMember(slot, true)
      await allConnected()
    },
    guardFileOf,
    join: async () => {
      const member = await startMember(members.length)
      members.push(member)
      await allConnected()
      return member
    },
    stop: async () => {
      await Promise.all(aggregators.map(aggregator => aggregator.stopRounds()))
      await Promise.all(members.map(member => member.stop()))
      await Promise.all(aggregators.map(({ network }) => network.stop()))
      directory.remove()
    },
  }
  const allConnected = () =>
    waitFor('all connections', () =>
      [...networks].every(
        ([peerKey, network]) =>
          network.connected().length ===
          [...reachableFrom(peerKey as PeerKey)].filter(other => networks.has(other)).length - 1,
      ),
    )
  await allConnected()
  return consensus
}

function observationOf(
  slot: number,
  nowMs: number,
): ReturnType<ConstructorParameters<typeof Quoter>[1]['sources']['observe']> {
  const price = priceOf(slot)
  return {
    outcome: {
      kind: 'price',
      price,
      confidenceBps: 10 as unknown as Bps,
      observedAtMs: nowMs,
      effectiveSources: 3,
      legs: [],
      routes: [],
      depegs: [],
      unplanned: [],
    },
    root: `0x${'22'.repeat(32)}`,
    trace: { feed: 'IO/USD', nowMs, values: [] },
  }
}
