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
import { KeygenCeremony } from '../../../oracle-node/keygen/ceremony.ts'
import { KeyHolder } from '../../../oracle-node/keygen/key-holder.ts'
import { KeyStore } from '../../../oracle-node/keygen/key-store.ts'
import { Quoter } from '../../../oracle-node/quoting/quoter.ts'
import { SigningService } from '../../../oracle-node/signing/signing-service.ts'
import { CHANNELS, topicOf } from '../../../protocol/channels.ts'
import type { Membership } from '../../../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES, sealCertified } from '../../../protocol/round/certified.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import type { RoundTiming } from '../../../protocol/round/timing.ts'
import type { Round } from '../../../protocol/rounds.ts'
import { type Bps, type Price, parseDecimal } from '../../../protocol/units.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createPeerNetwork, type PeerNetwork, RequestRefused } from '../../../runtime/p2p/peer-network.ts'
import { Secret } from '../../../runtime/secret.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import { at, type Cast, castOf, crypto, DOMAIN, FEED_ID, type Party, registryView, TIMING } from './cast.ts'
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
  membership(): Membership
  /** Stops a member and starts it again with what is on its disk. */
  restart(slot: number): Promise<void>
  stop(): Promise<void>
}

/** Far below what protects a real key, so that tests do not wait for it. */
const TEST_SCRYPT_N = 1_024
const KEYGEN_TIMEOUT_MS = 6_000

export function priceOf(slot: number): Price {
  return (parseDecimal('0.25') + BigInt(slot) * 10n ** 12n) as Price
}

export async function startConsensus(options: { n: number; timing?: RoundTiming }): Promise<Consensus> {
  const cast = castOf(options.n)
  const timing = options.timing ?? TIMING
  const directory = temporaryDirectory()
  let membership = registryView(cast)
  const listeners = new Set<(membership: Membership) => void>()
  const everyone = new Set([...cast.members, ...cast.aggregators].map(({ peerKey }) => peerKey))
  const networks = new Map<string, PeerNetwork>()

  const openNetwork = ({ seed, peerKey }: Party): PeerNetwork => {
    const bootstrap = [...networks].flatMap(([key, network]) => (key === peerKey ? [] : network.addresses()))
    const network = createPeerNetwork(
      { seed, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap, allowed: () => everyone, loopback: true },
      { clock: systemClock, logger: recordLogger() },
    )
    networks.set(peerKey, network)
    return network
  }

  const startMember = async (slot: number): Promise<ConsensusMember> => {
    const party = at(cast.members, slot)
    const network = openNetwork(party)
    const logger = recordLogger()
    const clock = systemClock
    const database = openDatabase(join(directory.path, `${slot}`, 'guard.sqlite'), GUARD_MIGRATIONS)
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

    const member: ConsensusMember = {
      slot,
      party,
      network,
      guard,
      book,
      outcomes,
      tamper: undefined,
      outgoing: undefined,
      holdsShare: () => keys.current(membership.keyEpoch) !== undefined,
      stop: async () => {
        listeners.delete(onChange)
        await quoter.stop()
        await ceremony.stop()
        await network.stop()
        database.close()
      },
    }
    const tampered: Pick<PeerNetwork, 'handle' | 'request'> = {
      request: (...args) => network.request(...args),
      handle: (protocol, limits, handler) =>
        network.handle(protocol, limits, (request, from, signal) => {
          const answer = () => handler(request, from, signal)
          return member.tamper === undefined ? answer() : member.tamper(protocol, request, answer)
        }),
    }
    const ceremony = new KeygenCeremony(
      { domain: DOMAIN, slot, timeoutMs: KEYGEN_TIMEOUT_MS },
      {
        clock,
        logger,
        crypto,
        network: tampered,
        membership: () => membership,
        sign: digest => guard.signDigest(digest),
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
        book,
        network: tampered,
        membership: () => membership,
        key: keyEpoch => keys.current(keyEpoch),
        highestCertified: () => highestCertified,
        count: outcome => outcomes.push(outcome),
      },
    )
    ceremony.register()
    signing.register()
    network.handle(
      CHANNELS.transcript,
      { maxRequestBytes: 0, maxInFlightPerPeer: 2, timeoutMs: 2_000 },
      async () => {
        const transcript = keys.current(membership.keyEpoch)?.transcript
        if (transcript === undefined) throw new RequestRefused('no transcript')
        return transcript
      },
    )
    const quotes = topicOf(DOMAIN, 'quotes')
    const admit = (data: Uint8Array) => {
      const admission = book.admit(data, membership, clock.now())
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
          membership,
          highestCertified,
          crypto,
        })
        if (admission.verdict === 'accept')
          highestCertified = unpackReport(admission.announcement.report.word).round
        return admission.verdict
      },
      () => {},
    )
    const publish = (bytes: Uint8Array): void => {
      network.publish(quotes, bytes).catch(() => {})
    }
    const quoter = new Quoter(
      { feedId: FEED_ID, slot, roundMs: timing.roundMs, skewMs: timing.skewMs },
      {
        clock,
        logger,
        guard,
        membership: () => membership,
        count: () => {},
        sources: { observe: nowMs => observationOf(slot, nowMs) },
        publish: quote => {
          admit(quote.bytes)
          if (member.outgoing === undefined) publish(quote.bytes)
          else member.outgoing(quote, publish)
        },
      },
    )
    const onChange = (changed: Membership): void => {
      book.forgetBefore(changed.keyEpoch)
      ceremony.follow(changed)
      void keys.follow(changed)
    }
    listeners.add(onChange)
    await network.start(new AbortController().signal)
    await keys.follow(membership)
    await ceremony.start()
    await signing.start()
    await quoter.start()
    return member
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
        network,
        book,
        sign: party.sign,
        nonces: new NoncePool(new Uint8Array(32).fill(index + 1), network),
        record: new SignerRecord(),
        membership: () => membership,
        highestCertified: () => highestCertified,
        count: outcome => outcomes.push(outcome),
        certified: round => {
          certified.push(round)
          onCertified(unpackReport(round.report.word).round)
          network
            .publish(topicOf(DOMAIN, 'certified'), sealCertified(DOMAIN, round, party.sign))
            .catch(() => {})
        },
      },
    )
    network.subscribe(
      topicOf(DOMAIN, 'quotes'),
      SIGNED_QUOTE_BYTES,
      data => {
        const admission = book.admit(data, membership, clock.now())
        if (admission.verdict === 'accept') rounds.onQuote(admission.quote)
        return admission.verdict === 'equivocation' ? 'accept' : admission.verdict
      },
      () => {},
    )
    network.subscribe(
      topicOf(DOMAIN, 'certified'),
      MAX_CERTIFIED_BYTES,
      data => {
        const context = { domain: DOMAIN, feedId: FEED_ID, membership, highestCertified, crypto }
        const admission = admitCertified(data, context)
        if (admission.verdict === 'accept')
          onCertified(unpackReport(admission.announcement.report.word).round)
        return admission.verdict
      },
      () => {},
    )
    const coordinator = new KeygenCoordinator(
      { domain: DOMAIN, index, timeoutMs: KEYGEN_TIMEOUT_MS },
      {
        clock,
        logger,
        crypto,
        network,
        sign: party.sign,
        readLatest: async () => membership,
        install: async installation => {
          installations.push(installation)
          const { px, transcriptHash, participants, keyEpoch } = installation
          membership = registryView(cast, {
            keyEpoch,
            registryVersion: 2,
            groupKey: { px, transcriptHash, participants },
          })
          for (const listener of listeners) listener(membership)
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
      logs: logger.lines,
      callKeygen: () => coordinator.attend(membership, new AbortController().signal),
      startRounds: () => rounds.start(),
      stopRounds: () => rounds.stop(),
    }
  }

  const members: ConsensusMember[] = []
  for (let slot = 0; slot < options.n; slot++) members.push(await startMember(slot))
  const aggregators: ConsensusAggregator[] = []
  for (const [index] of cast.aggregators.entries()) aggregators.push(await startAggregator(index))

  const consensus: Consensus = {
    cast,
    timing,
    members,
    aggregators,
    installations,
    membership: () => membership,
    restart: async slot => {
      await at(members, slot).stop()
      members[slot] = await startMember(slot)
      await allConnected()
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
      [...networks.values()].every(network => network.connected().length === networks.size - 1),
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
      unplanned: [],
    },
    root: `0x${'22'.repeat(32)}`,
    trace: { feed: 'IO/USD', nowMs, values: [] },
  }
}
