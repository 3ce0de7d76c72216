/** Wires an oracle node: the one place that knows all its parts. */
import { join } from 'node:path'
import { createSettlementReader } from '../chain/settlement/reader.ts'
import type { OracleConfig } from '../config/process-config.ts'
import { toSourcePlan } from '../config/sources.ts'
import { NotRegisteredError, openMember } from '../member/open-member.ts'
import { CHANNELS, topicOf } from '../protocol/channels.ts'
import { memberByIdentity } from '../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../protocol/quote.ts'
import { unpackReport } from '../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES } from '../protocol/round/certified.ts'
import { QuoteBook } from '../protocol/round/quote-book.ts'
import { asRound, type Round, roundStartMs } from '../protocol/rounds.ts'
import { formatDecimal } from '../protocol/units.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer } from '../runtime/http.ts'
import { keystoreScryptN } from '../runtime/keystore.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { RequestRefused, type Verdict } from '../runtime/p2p/peer-network.ts'
import { type Service, serviceGroup } from '../runtime/service.ts'
import { openDatabase } from '../runtime/sqlite.ts'
import { createAuditing } from './auditing/auditing.ts'
import { Guard } from './guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from './guard/guard-store.ts'
import { KeygenCeremony } from './keygen/ceremony.ts'
import { KeyHolder } from './keygen/key-holder.ts'
import { KeyStore } from './keygen/key-store.ts'
import { Quoter } from './quoting/quoter.ts'
import { SigningService } from './signing/signing-service.ts'
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
/** A node that has not quoted for this many rounds is not doing its work. */
const HEALTHY_ROUNDS = 10

export async function createOracleNode(config: OracleConfig, deps: OracleNodeDeps): Promise<Service> {
  const { clock, logger, metrics } = deps
  const member = await openMember(config, deps)
  const { domain, feedId, timing, crypto, network, registry } = member
  const self = memberByIdentity(await registry.refresh(), member.identity)
  if (self === undefined) throw new NotRegisteredError(member.identity, 'member', domain.registry)
  const { slot } = self

  const rounds = metrics.counter('ionet_oracle_rounds_total', 'Rounds by what this node did in them', [
    'outcome',
  ])
  const replies = metrics.counter('ionet_oracle_proposals_total', 'Proposals by how they were answered', [
    'outcome',
  ])
  const gossip = metrics.counter('ionet_oracle_gossip_total', 'Gossiped messages by verdict', ['verdict'])

  const audits = metrics.counter(
    'ionet_oracle_epoch_audits_total',
    'Epochs that this node was asked to sign, by what came of it',
    ['outcome'],
  )

  const database = openDatabase(join(config.dataDir, 'guard.sqlite'), GUARD_MIGRATIONS)
  const guard = new Guard({ domain, feedId, slot, secret: member.secret }, createGuardStore(database), crypto)
  const sign = (digest: Uint8Array): Uint8Array => guard.signDigest(digest)
  const book = new QuoteBook({ domain, feedId, timing }, crypto)
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
    { domain, slot, timeoutMs: config.network.keygenTimeoutMs },
    {
      clock,
      logger,
      crypto,
      network,
      sign,
      membership: () => registry.current(),
      save: async (keyEpoch, key) => {
        await keyStore.save(keyEpoch, key)
        // A slow member may finish after the others have installed the key.
        const current = registry.current()
        if (current !== undefined) await keys.follow(current)
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
      book,
      network,
      membership: () => registry.current(),
      key: keyEpoch => keys.current(keyEpoch),
      highestCertified: () => highestCertified,
      count: outcome => replies.inc({ outcome }),
    },
  )
  const { deployment, network: terms } = config
  const chain = createSettlementReader(
    { deployment, finality: terms.finality },
    { reader: member.reader, clock, logger },
  )
  const auditing = createAuditing(
    {
      ...{ domain, feedId, slot, dataDir: config.dataDir },
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
    },
  )
  registry.onChange(membership => {
    ceremony.follow(membership)
    book.forgetBefore(membership.keyEpoch)
    keys.follow(membership).catch((error: unknown) => {
      logger.error('the share of the group key cannot be opened: this node cannot sign reports', { error })
    })
  })
  ceremony.register()
  signing.register()
  network.handle(
    CHANNELS.transcript,
    { maxRequestBytes: 0, maxInFlightPerPeer: 2, timeoutMs: 2_000 },
    async () => {
      const transcript = keys.current(registry.current()?.keyEpoch ?? 0)?.transcript
      if (transcript === undefined) throw new RequestRefused('no transcript of the current key')
      return transcript
    },
  )

  const admitQuote = (data: Uint8Array): Verdict => {
    const current = registry.current()
    if (current === undefined) return 'ignore'
    const admission = book.admit(data, current, clock.now())
    switch (admission.verdict) {
      case 'accept':
        gossip.inc({ verdict: 'accept' })
        if (admission.quote.slot === slot && !guard.knows(admission.quote)) stopAtOnce(admission.quote)
        return 'accept'
      case 'equivocation':
        gossip.inc({ verdict: 'EQUIVOCATION' })
        logger.warn('a member signed two quotes for one round', { slot: admission.evidence.slot })
        // A copy of this node that runs beside it shows up like this: both quotes are under our key.
        if (admission.evidence.slot === slot) stopAtOnce(admission.evidence.second)
        // Forwarded, once a signer: nodes that disagree on who lies would refuse one another's quotes for ever.
        return 'accept'
      default:
        gossip.inc({ verdict: admission.code })
        return admission.verdict
    }
  }
  /** A quote under our key that our guard does not know: somebody else has the key, or a copy of this node runs. */
  const stopAtOnce = ({ quote }: SignedQuote): void => {
    guard.close()
    deps.fail(
      new Error(
        `round ${quote.round} was quoted under this node's key, but not by this node: find the copy of the key`,
      ),
    )
  }
  const admitAnnouncement = (data: Uint8Array): Verdict => {
    const current = registry.current()
    if (current === undefined) return 'ignore'
    const admission = admitCertified(data, { domain, feedId, membership: current, highestCertified, crypto })
    if (admission.verdict === 'accept') {
      highestCertified = asRound(unpackReport(admission.announcement.report.word).round)
      auditing.noteCertified(admission.announcement.report)
      return 'accept'
    }
    gossip.inc({ verdict: admission.code })
    return admission.verdict
  }
  const quotesTopic = topicOf(domain, 'quotes')
  network.subscribe(quotesTopic, SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(topicOf(domain, 'certified'), MAX_CERTIFIED_BYTES, admitAnnouncement, () => {})

  const plan = toSourcePlan(config.network.sources)
  const sources = createSources(
    { plan },
    {
      clock,
      logger,
      metrics: createSourceMetrics(metrics),
      createExchange: venueExchanges(plan, {
        ...(config.venueEndpoint === undefined ? {} : { endpoint: config.venueEndpoint }),
        timeoutMs: VENUE_TIMEOUT_MS,
        clock,
      }),
      random: Math.random,
    },
  )
  const quoter = new Quoter(
    { feedId, slot, roundMs: timing.roundMs, skewMs: timing.skewMs },
    {
      clock,
      logger,
      guard,
      sources,
      membership: () => registry.current(),
      count: outcome => rounds.inc({ outcome }),
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
        app.get('/v1/status', async () => ({
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
          sources: sources.status(clock.now()),
        }))
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
          },
        }
      },
    },
    { logger, metrics },
  )
  const stored: Service = {
    name: 'guard',
    start: async () => {},
    stop: async () => {
      database.close()
    },
  }
  const loadKey: Service = {
    name: 'key share',
    start: async () => keys.follow(await registry.refresh()),
    stop: async () => {},
  }
  return serviceGroup(
    'oracle node',
    [stored, ...member.services, loadKey, chain, auditing, ceremony, signing, http, sources, quoter],
    {
      logger,
      stopDeadlineMs: STOP_DEADLINE_MS,
    },
  )
}
