/** Wires an oracle node: the one place that knows all its parts. */
import { join } from 'node:path'
import { wallOrBlockMs } from '../chain/settlement/blocks.ts'
import { createSettlementReader } from '../chain/settlement/reader.ts'
import type { OracleConfig } from '../config/process-config.ts'
import { toSourcePlan } from '../config/sources.ts'
import { NotRegisteredError, openMember } from '../member/open-member.ts'
import type { Address } from '../protocol/bytes.ts'
import { topicOf } from '../protocol/channels.ts'
import { memberBySlot, seatOf } from '../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../protocol/quote.ts'
import { unpackReport } from '../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES } from '../protocol/round/certified.ts'
import { type Equivocation, QuoteBook } from '../protocol/round/quote-book.ts'
import { asRound, type Round, roundStartMs } from '../protocol/rounds.ts'
import { formatDecimal } from '../protocol/units.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer } from '../runtime/http.ts'
import { keystoreScryptN } from '../runtime/keystore.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createFrostCrypto } from '../runtime/native-frost.ts'
import type { Verdict } from '../runtime/p2p/peer-network.ts'
import { type Service, serviceGroup } from '../runtime/service.ts'
import { openDatabase } from '../runtime/sqlite.ts'
import { createAuditing } from './auditing/auditing.ts'
import { DOUBT_REASONS } from './auditing/stage-watch.ts'
import { CopyWatch } from './guard/copy-watch.ts'
import { Guard } from './guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from './guard/guard-store.ts'
import { attemptRecord } from './keygen/attempt-record.ts'
import { KeygenCeremony } from './keygen/ceremony.ts'
import { KeyHolder } from './keygen/key-holder.ts'
import { KeyStore } from './keygen/key-store.ts'
import { serveTranscripts } from './keygen/transcripts.ts'
import { QuoteDesk } from './quoting/quote-desk.ts'
import { Quoter } from './quoting/quoter.ts'
import { TimeExchange } from './quoting/time-exchange.ts'
import { TraceKeeper } from './quoting/trace-keeper.ts'
import { traceRoutes } from './quoting/trace-routes.ts'
import { SigningService } from './signing/signing-service.ts'
import { feedStatus } from './sources/feed-status.ts'
import { createSourceMetrics } from './sources/metrics.ts'
import { createSources } from './sources/service.ts'
import { venueExchanges } from './sources/venue-exchanges.ts'

export interface OracleNodeDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Ends the process. */
  readonly fail: (error: Error) => void
}

const STOP_DEADLINE_MS = 3_000
const VENUE_TIMEOUT_MS = 3_000
/** From a computation's fraction of a millisecond up to the longest collection time that still makes sense. */
const QUOTE_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
/** A node that has not quoted for this many rounds is not doing its work. */
const HEALTHY_ROUNDS = 10

export async function createOracleNode(config: OracleConfig, deps: OracleNodeDeps): Promise<Service> {
  const { clock, logger, metrics } = deps
  const member = await openMember(config, deps)
  const { domain, feedId, timing, crypto, network, registry } = member
  await registry.refresh()
  const listed = registry.view()
  const self = listed === undefined ? undefined : seatOf(listed, member.identity)
  if (self === undefined) throw new NotRegisteredError(member.identity, 'member', domain.registry)
  const { slot } = self
  const membershipAt = (unixMs: number) => registry.at(unixMs)

  const rounds = metrics.counter('ionet_oracle_rounds_total', 'Rounds by what this node did in them', [
    'outcome',
  ])
  const replies = metrics.counter('ionet_oracle_proposals_total', 'Proposals by how they were answered', [
    'outcome',
  ])
  const aggregatorFaults = metrics.counter(
    'ionet_oracle_aggregator_faults_total',
    'What aggregators did that no honest one does; MISSING_QUOTES and WITHHELD are what this node saw, without proof',
    ['aggregator', 'fault'],
  )
  const quoteSeconds = metrics.histogram(
    'ionet_oracle_quote_seconds',
    'From the start of a round until its quote was signed and stored',
    QUOTE_SECONDS,
  )
  const traceWrites = metrics.counter(
    'ionet_oracle_traces_total',
    'Traces of quotes by what became of them',
    ['outcome'],
  )
  const gossip = metrics.counter('ionet_oracle_gossip_total', 'Gossiped messages by verdict', ['verdict'])

  const audits = metrics.counter(
    'ionet_oracle_epoch_audits_total',
    'Epochs that this node was asked to sign, by what came of it',
    ['outcome'],
  )

  const withheld = metrics.counter(
    'ionet_oracle_withheld_draws_total',
    'Challenge windows that a signed epoch opens nothing of, although their draws can be had',
    [],
  )

  const doubtedStages = metrics.gauge(
    'ionet_oracle_doubted_stages',
    'Staged epochs that this node has not found right and that can still be vetoed, by why',
    ['why'],
  )

  const database = openDatabase(join(config.dataDir, 'guard.sqlite'), GUARD_MIGRATIONS)
  const guard = new Guard({ domain, feedId, slot, secret: member.secret }, createGuardStore(database), crypto)
  const sign = (digest: Uint8Array): Uint8Array => guard.signDigest(digest)
  const book = new QuoteBook({ domain, feedId, timing }, crypto)
  const copies = new CopyWatch(
    { slot, identity: member.identity, roundMs: timing.roundMs },
    {
      ...{ clock, logger, guard },
      fail: error => deps.fail(error),
      passed: () => gossip.inc({ verdict: 'OWN_BEFORE_START' }),
    },
  )
  let highestCertified = 0 as Round
  let lastQuote: SignedQuote | undefined

  const keyStore = new KeyStore({
    directory: join(config.dataDir, 'shares'),
    slot,
    password: config.identity.password,
    scryptN: keystoreScryptN(config.identity.keystore),
  })
  const keys = new KeyHolder(keyStore, logger)
  const ceremony = new KeygenCeremony(
    {
      ...{ domain, slot, identity: member.identity },
      timeoutMs: config.network.keygenTimeoutMs,
      rotationSec: config.network.rotationSec,
    },
    {
      clock,
      logger,
      crypto,
      network,
      sign,
      view: () => registry.view(),
      attempts: attemptRecord(join(config.dataDir, 'attempts.json')),
      promised: (keyEpoch, px) => keyStore.promised(keyEpoch, px),
      save: async (keyEpoch, key) => {
        await keyStore.save(keyEpoch, key)
        // A slow member may finish after the others have installed the key.
        const view = registry.view()
        if (view !== undefined) await keys.follow(view)
      },
    },
  )
  const signing = new SigningService(
    { domain, feedId, slot, timing },
    {
      clock,
      logger,
      guard,
      crypto,
      frost: createFrostCrypto(logger),
      book,
      network,
      view: () => registry.view(),
      key: keyEpoch => keys.current(keyEpoch),
      highestCertified: () => highestCertified,
      count: outcome => replies.inc({ outcome }),
      fault: (aggregator, fault) => aggregatorFaults.inc({ aggregator: String(aggregator), fault }),
      learned: evidence => onEquivocation(evidence),
    },
  )
  const { deployment, network: terms } = config
  const chain = createSettlementReader(
    { deployment, finality: terms.finality },
    { reader: member.reader, clock, logger },
  )
  const auditing = createAuditing(
    {
      ...{ domain, feedId, slot, identity: member.identity, dataDir: config.dataDir },
      windows: {
        clock: chain.clock,
        slotSec: terms.challengeSlotSec,
        every: terms.challengeEvery,
        graceSec: terms.challengeGraceSec,
      },
      challengeSize: terms.challengeSize,
    },
    {
      ...{ clock, logger, crypto, chain, network, sign },
      membership: () => registry.current(),
      readMembership: () => registry.refresh(),
      key: keyEpoch => keys.current(keyEpoch),
      count: outcome => audits.inc({ outcome }),
      countWithheld: () => withheld.inc(),
      doubted: why => {
        for (const reason of DOUBT_REASONS) doubtedStages.set({ why: reason }, reason === why ? 1 : 0)
      },
    },
  )
  registry.onChange(view => {
    ceremony.follow(view)
    signing.follow(view)
    book.forgetBefore(view.previous?.keyEpoch ?? view.newest.keyEpoch)
    keys.follow(view).catch((error: unknown) => {
      logger.error('the share of the group key cannot be opened: this node cannot sign reports', { error })
    })
  })
  ceremony.register()
  signing.register()
  // The auditor keeps those of keys that are long gone: windows of a running epoch may still need them.
  serveTranscripts(network, {
    transcriptOf: hash => keys.transcriptOf(hash) ?? auditing.transcriptOf(hash),
  })

  const admitQuote = (data: Uint8Array): Verdict => {
    const admission = book.admit(data, membershipAt, clock.now())
    switch (admission.verdict) {
      case 'accept':
        gossip.inc({ verdict: 'accept' })
        copies.look([admission.quote], signerOf(admission.quote))
        return 'accept'
      case 'equivocation':
        gossip.inc({ verdict: 'EQUIVOCATION' })
        onEquivocation(admission.evidence)
        // Forwarded, once a signer: nodes that disagree on who lies would refuse one another's quotes for ever.
        return 'accept'
      default:
        gossip.inc({ verdict: admission.code })
        return admission.verdict
    }
  }
  const signerOf = ({ slot: signed, quote }: SignedQuote): Address | undefined => {
    const counts = membershipAt(roundStartMs(quote.round))
    return counts === undefined ? undefined : memberBySlot(counts, signed)?.identity
  }
  const onEquivocation = ({ slot: liar, signer, first, second }: Equivocation): void => {
    logger.warn('a member signed two quotes for one round', { slot: liar })
    // Both go to everybody: whoever knows only one would ask for it.
    for (const { bytes } of [first, second]) network.publish(quotesTopic, bytes).catch(() => {})
    // A copy of this node that runs beside it shows up like this: both quotes are under our key.
    copies.look([second, first], signer)
  }
  const admitAnnouncement = (data: Uint8Array): Verdict => {
    const admission = admitCertified(data, {
      ...{ domain, feedId, membershipAt, highestCertified, timing, crypto },
      nowMs: wallOrBlockMs(clock, chain),
      wantsOld: round => signing.awaitsCertificate(round),
    })
    if (admission.verdict === 'accept') {
      const { report, proposer } = admission.announcement
      const { round } = unpackReport(report.word)
      highestCertified = asRound(Math.max(highestCertified, round))
      signing.onCertified(round, proposer)
      auditing.noteCertified(report)
      return 'accept'
    }
    gossip.inc({ verdict: admission.code })
    return admission.verdict
  }
  const quotesTopic = topicOf(domain, 'quotes')
  network.subscribe(quotesTopic, SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(topicOf(domain, 'certified'), MAX_CERTIFIED_BYTES, admitAnnouncement, () => {})

  const plan = toSourcePlan(config.network.sources)
  const sourceMetrics = createSourceMetrics(metrics, plan)
  const sources = createSources(
    { plan },
    {
      clock,
      logger,
      metrics: sourceMetrics,
      createExchange: venueExchanges(plan, {
        ...(config.venueEndpoint === undefined ? {} : { endpoint: config.venueEndpoint }),
        timeoutMs: VENUE_TIMEOUT_MS,
        clock,
        onUnreadable: venue => sourceMetrics.failure(venue, 'websocket', 'BAD_TICKER'),
      }),
      random: Math.random,
    },
  )
  const times = new TimeExchange(
    { slot, skewMs: timing.skewMs },
    { clock, logger, network, membership: () => registry.current() },
  )
  times.register()
  const desk = new QuoteDesk(
    { slot, timing },
    { clock, guard, book, network, membershipAt, admitQuote: bytes => admitQuote(bytes) },
  )
  desk.register()
  const traces = new TraceKeeper(
    { path: join(config.dataDir, 'traces.sqlite'), plan, roundMs: timing.roundMs },
    { logger, count: outcome => traceWrites.inc({ outcome }) },
  )
  const quoter = new Quoter(
    { feedId, slot, identity: member.identity, roundMs: timing.roundMs, skewMs: timing.skewMs },
    {
      clock,
      logger,
      guard,
      sources,
      membershipAt,
      clockOffsetMs: () => times.offsetMs(),
      count: outcome => rounds.inc({ outcome }),
      signedAfterMs: ms => quoteSeconds.observe(ms / 1_000),
      keepTrace: (quote, trace) => traces.keep(quote, trace),
      publish: quote => {
        lastQuote = quote
        // Own messages do not come back from the network: the book hears of them here.
        admitQuote(quote.bytes)
        network.publish(quotesTopic, quote.bytes).catch(() => {})
      },
    },
  )
  const http = createHttpServer(
    {
      name: 'oracle node',
      ...config.http,
      cors: true,
      routes: app => {
        auditing.routes(app)
        traceRoutes(app, { clock, traces })
        app.get('/v1/status', async () => {
          const nowMs = clock.now()
          return {
            slot,
            identity: member.identity,
            keyEpoch: registry.current()?.keyEpoch ?? 0,
            holdsShare: keys.current(registry.current()?.keyEpoch ?? 0) !== undefined,
            highestCertified,
            lastQuote:
              lastQuote === undefined
                ? null
                : { round: lastQuote.quote.round, priceUsd: formatDecimal(lastQuote.quote.price) },
            peers: network.connected().length,
            venues: config.venueEndpoint === undefined ? 'live' : 'simulated',
            feed: feedStatus(plan, sources.outcome(nowMs)),
            sources: sources.status(nowMs),
          }
        })
      },
      health: () => {
        const ageMs =
          lastQuote === undefined
            ? Number.POSITIVE_INFINITY
            : clock.now() - roundStartMs(lastQuote.quote.round)
        return {
          healthy: ageMs < HEALTHY_ROUNDS * timing.roundMs,
          details: {
            slot,
            lastQuoteRound: lastQuote?.quote.round ?? null,
            peers: network.connected().length,
            // Not unhealthy: to start the node again changes nothing of it.
            doubtedStage: auditing.doubt() ?? null,
          },
        }
      },
    },
    { logger, metrics },
  )
  const stored: Service = {
    name: 'guard',
    start: async () => guard.assertOpen(),
    stop: async () => {
      database.close()
    },
  }
  const loadKey: Service = {
    name: 'key share',
    start: async () => {
      await registry.refresh()
      const view = registry.view()
      if (view !== undefined) await keys.follow(view)
    },
    stop: async () => {},
  }
  return serviceGroup(
    'oracle node',
    [
      stored,
      ...member.services,
      loadKey,
      chain,
      auditing,
      ceremony,
      signing,
      traces,
      http,
      sources,
      times,
      desk,
      quoter,
    ],
    {
      logger,
      stopDeadlineMs: STOP_DEADLINE_MS,
    },
  )
}
