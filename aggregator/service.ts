/** Wires an aggregator: the one place that knows all its parts. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { oracleRegistryAbi } from '../chain/abi/oracle-registry.ts'
import { judgementOf, suspendCall } from '../chain/evidence.ts'
import { readRegistry } from '../chain/membership-reader.ts'
import { contractSignature, readLatestReport, readMaxAgeSec, updateCall } from '../chain/price-feed.ts'
import { createTransactor, type Transactor } from '../chain/transactor.ts'
import { followUpdates } from '../chain/update-follower.ts'
import type { AggregatorConfig } from '../config/process-config.ts'
import { NotRegisteredError, openMember } from '../member/open-member.ts'
import { type Address, hexOf } from '../protocol/bytes.ts'
import { topicOf } from '../protocol/channels.ts'
import { aggregatorByIdentity, bitmapOf } from '../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../protocol/quote.ts'
import { unpackReport } from '../protocol/report.ts'
import { reportJson } from '../protocol/report-json.ts'
import {
  admitCertified,
  type CertifiedAnnouncement,
  MAX_CERTIFIED_BYTES,
  newestCertifiable,
  sealCertified,
} from '../protocol/round/certified.ts'
import { QuoteBook } from '../protocol/round/quote-book.ts'
import { roundStartMs } from '../protocol/rounds.ts'
import { formatDecimal } from '../protocol/units.ts'
import type { Clock } from '../runtime/clock.ts'
import { createHttpServer } from '../runtime/http.ts'
import type { Logger } from '../runtime/logger.ts'
import { createLoop } from '../runtime/loop.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { createFrostCrypto } from '../runtime/native-frost.ts'
import type { Verdict } from '../runtime/p2p/peer-network.ts'
import { type Service, serviceGroup } from '../runtime/service.ts'
import { openDatabase } from '../runtime/sqlite.ts'
import { createEvidenceStore } from './evidence/evidence-store.ts'
import { EvidenceSubmitter } from './evidence/evidence-submitter.ts'
import { Feed } from './feed/feed.ts'
import { createReportStore, FEED_MIGRATIONS } from './feed/report-store.ts'
import { type Installation, KeygenCoordinator } from './keygen/coordinator.ts'
import { Pusher } from './push/pusher.ts'
import type { CertifiedRound } from './rounds/active-round.ts'
import { NoncePool } from './rounds/nonce-pool.ts'
import { RoundRunner } from './rounds/round-runner.ts'
import { SignerRecord } from './rounds/signer-record.ts'

export interface AggregatorDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

const STOP_DEADLINE_MS = 3_000
/** A block every 12 s, and four of them full or too dear. */
const MINED_WITHIN_MS = 60_000
/** A price update costs some 35,000 gas; above 500 gwei somebody should look before it goes on. */
const MAX_FEE_PER_GAS = 500_000_000_000n
/** One block of 12 s has passed it over: then it is outbid, or withdrawn when another's price is on chain by now. */
const BUMP_AFTER_MS = 15_000
const WEI_PER_GWEI = 1_000_000_000n
const KEYGEN_LOOK_MS = 500
/** No certificate for this many rounds means that something is wrong. */
const HEALTHY_ROUNDS = 10

export async function createAggregator(config: AggregatorConfig, deps: AggregatorDeps): Promise<Service> {
  const { clock, logger, metrics } = deps
  const member = await openMember(config, deps)
  const { domain, feedId, timing, crypto, network, registry, reader } = member
  const { contracts } = config.deployment

  const maxAgeSec = await readMaxAgeSec(reader, contracts.priceFeed)
  const membership = await registry.refresh()
  const self = aggregatorByIdentity(membership, member.identity)
  if (self === undefined) throw new NotRegisteredError(member.identity, 'aggregator', domain.registry)

  const outcomes = metrics.counter('ionet_aggregator_round_outcomes_total', 'Rounds and replies by outcome', [
    'outcome',
  ])
  const memberFaults = metrics.counter(
    'ionet_aggregator_member_faults_total',
    'What members did that no honest one does; SILENT and BAD_REPLY are what this aggregator saw, without proof',
    ['slot', 'fault'],
  )
  const otherFaults = metrics.counter(
    'ionet_aggregator_aggregator_faults_total',
    'What other aggregators did that no honest one does',
    ['aggregator', 'fault'],
  )
  const latency = metrics.histogram(
    'ionet_aggregator_certificate_latency_seconds',
    'From the start of a slot to its certificate',
    [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2],
  )
  const pushes = metrics.counter('ionet_aggregator_pushes_total', 'Transactions by reason or failure', [
    'outcome',
  ])
  const evidenceEnds = metrics.counter(
    'ionet_aggregator_evidence_total',
    'Evidence of equivocation by how it ended, and failed attempts',
    ['outcome'],
  )
  const keygenFaults = metrics.counter(
    'ionet_aggregator_keygen_faults_total',
    'Members left out of the next key generation, by fault',
    ['slot', 'fault'],
  )
  const certifiedTotal = metrics.counter('ionet_aggregator_certified_total', 'Certified reports seen')

  const sign = (digest: Uint8Array): Uint8Array => crypto.sign(digest, member.secret)
  const book = new QuoteBook({ domain, feedId, timing }, crypto)
  const database = openDatabase(join(config.dataDir, 'feed.sqlite'), FEED_MIGRATIONS)
  const store = createReportStore(database, { domain })
  const feed = new Feed(store, { clock, logger })
  // A round of the future, however it came to be stored, must not keep the rounds until then from being opened.
  let highestCertified: number = Math.min(store.highestRound(), newestCertifiable(clock.now(), timing))
  const membershipAt = (unixMs: number) => registry.at(unixMs)
  // Random for every run: a restarted aggregator never sees the nonces of its last life.
  const bootId = randomBytes(32)

  const transactor = createTransactor(
    {
      account: privateKeyToAccount(hexOf(member.secret)),
      chainId: config.deployment.chainId,
      rpcUrls: config.rpcUrls,
      maxFeePerGasCeiling: MAX_FEE_PER_GAS,
      minedWithinMs: MINED_WITHIN_MS,
      bumpAfterMs: BUMP_AFTER_MS,
    },
    { reader, clock },
  )
  const pusher = new Pusher(
    {
      index: self.index,
      aggregators: () => registry.current()?.aggregators.length ?? 1,
      rules: {
        ...config.network,
        comfortableBaseFee: BigInt(config.network.comfortableBaseFeeGwei) * WEI_PER_GWEI,
        handoverSec: config.network.pushHandoverSec,
        turnSec: config.network.pushTurnSec,
        maxAgeSec,
      },
    },
    {
      clock,
      logger,
      readOnChain: block => readLatestReport(reader, contracts.priceFeed, block),
      readBaseFee: async () => (await reader.getBlock()).baseFeePerGas ?? 0n,
      callOf: report => updateCall(contracts.priceFeed, report),
      send: (wanted, signal) => transactor.sendWhileWanted(wanted, signal),
      count: outcome => pushes.inc({ outcome }),
    },
  )

  const evidence = new EvidenceSubmitter({
    clock,
    logger,
    store: createEvidenceStore(database, domain),
    membership: () => registry.current(),
    send: async (equivocation, signal) => {
      const receipt = await transactor.send(suspendCall(domain.registry, equivocation), signal)
      return { judgement: judgementOf(receipt), transaction: receipt.transactionHash }
    },
    count: outcome => evidenceEnds.inc({ outcome }),
  })

  /** Everything that follows from a certificate, our own or another's. */
  const onCertified = (announcement: CertifiedAnnouncement, quotes: readonly SignedQuote[]): void => {
    const { report, signers, proposer } = announcement
    const { round, price } = unpackReport(report.word)
    highestCertified = Math.max(highestCertified, round)
    const latencyMs = clock.now() - roundStartMs(round)
    const groupKeyX = membershipAt(roundStartMs(round))?.groupKey?.px ?? 0n
    feed.publish(reportJson(report, { domain, groupKeyX, proposer, signers, quotes, latencyMs }))
    rounds.onCertified(round)
    pusher.offer(report)
    certifiedTotal.inc()
    latency.observe(latencyMs / 1_000)
    if (proposer === self.index) {
      const priceUsd = formatDecimal(price)
      logger.info('certified', { round, priceUsd, quotes: quotes.length, signers, latencyMs })
    }
  }
  const announce = ({ report, signers, quotes }: CertifiedRound): void => {
    const sealed = sealCertified(domain, { report, signers }, sign)
    network.publish(topicOf(domain, 'certified'), sealed).catch(() => {})
    onCertified({ report, signers, proposer: self.index }, quotes)
  }
  const frost = createFrostCrypto(logger)
  const rounds = new RoundRunner(
    { domain, feedId, timing, index: self.index },
    {
      clock,
      logger,
      crypto,
      network,
      book,
      sign,
      frost,
      createNonces: keyEpoch => new NoncePool(bootId, keyEpoch, network, frost),
      record: new SignerRecord(),
      membershipAt,
      certified: announce,
      highestCertified: () => highestCertified,
      count: outcome => outcomes.inc({ outcome }),
      fault: (slot, fault) => memberFaults.inc({ slot: String(slot), fault }),
      aggregatorFault: (aggregator, fault) => otherFaults.inc({ aggregator: String(aggregator), fault }),
      learned: equivocation => evidence.submit(equivocation),
      admitQuote: bytes => {
        admitQuote(bytes)
      },
    },
  )

  const admitQuote = (data: Uint8Array): Verdict => {
    const admission = book.admit(data, membershipAt, clock.now())
    if (admission.verdict === 'accept') {
      rounds.onQuote(admission.quote)
      return 'accept'
    }
    if (admission.verdict === 'equivocation') {
      rounds.onEquivocation(admission.evidence)
      evidence.submit(admission.evidence)
    }
    outcomes.inc({ outcome: admission.verdict === 'equivocation' ? 'EQUIVOCATION' : admission.code })
    // The second quote is the evidence: it goes on to everybody, so that all leave the liar's quotes out.
    return admission.verdict === 'equivocation' ? 'accept' : admission.verdict
  }
  const admitAnnouncement = (data: Uint8Array): Verdict => {
    const admission = admitCertified(data, {
      ...{ domain, feedId, membershipAt, highestCertified, timing, crypto },
      nowMs: clock.now(),
    })
    if (admission.verdict !== 'accept') return admission.verdict
    const { round } = unpackReport(admission.announcement.report.word)
    onCertified(
      admission.announcement,
      book.quotesOf(round).map(({ signed }) => signed),
    )
    return 'accept'
  }
  network.subscribe(topicOf(domain, 'quotes'), SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(topicOf(domain, 'certified'), MAX_CERTIFIED_BYTES, admitAnnouncement, () => {})

  const coordinator = new KeygenCoordinator(
    {
      ...{ domain, index: self.index },
      timeoutMs: config.network.keygenTimeoutMs,
      rotationSec: config.network.rotationSec,
    },
    {
      clock,
      logger,
      crypto,
      network,
      sign,
      install: async (installation, signal) => {
        await install(transactor, domain.registry, installation, signal)
        await registry.refresh()
      },
      readLatest: () =>
        readRegistry(reader, {
          registry: domain.registry,
          chainId: domain.chainId,
          finality: 'latest',
        }),
      count: ({ slot, fault }) => keygenFaults.inc({ slot: String(slot), fault }),
    },
  )
  registry.onChange(({ newest, previous }) => book.forgetBefore((previous ?? newest).keyEpoch))

  const keygen = createLoop({
    name: 'key generation',
    everyMs: KEYGEN_LOOK_MS,
    longRuns: true,
    clock,
    logger,
    run: async signal => {
      const view = registry.view()
      if (view !== undefined) await coordinator.attend(view, signal)
    },
  })
  const http = createHttpServer(
    {
      name: 'aggregator',
      ...config.http,
      cors: true,
      routes: app => feed.routes(app),
      health: () => {
        const ageMs = clock.now() - roundStartMs(highestCertified as Parameters<typeof roundStartMs>[0])
        const details = { highestCertified, reports: feed.reports, peers: network.connected().length }
        return { healthy: ageMs < HEALTHY_ROUNDS * timing.roundMs, details }
      },
    },
    { logger, metrics },
  )
  // Reports of a time before this was written down: their updates may be anywhere.
  const from = store.nextBlock() ?? (store.count() > 0 ? config.deployment.deployBlock : undefined)
  const updates = followUpdates(
    {
      priceFeed: contracts.priceFeed,
      finality: config.network.finality,
      from: from === undefined ? undefined : BigInt(from),
    },
    {
      seen: ({ round, price, transactionHash }) =>
        feed.updated({ round, txHash: transactionHash, price: price.toString() }),
      settled: (settled, next) =>
        feed.settled(
          settled.map(({ round }) => round),
          Number(next),
        ),
    },
    { reader, clock, logger },
  )
  return serviceGroup(
    'aggregator',
    [
      // Stops after the network, which may still bring a certificate that has to be written down.
      lifetime(
        'feed',
        () => feed.start(),
        async () => {
          feed.stop()
          await pusher.stop()
          database.close()
        },
      ),
      ...member.services,
      evidence,
      http,
      updates,
      rounds,
      keygen,
    ],
    { logger, stopDeadlineMs: STOP_DEADLINE_MS },
  )
}

function lifetime(name: string, start: () => void, stop: () => Promise<void>): Service {
  return {
    name,
    start: async () => start(),
    stop,
  }
}

async function install(
  transactor: Transactor,
  registry: Address,
  installation: Installation,
  signal: AbortSignal,
): Promise<void> {
  const { px, transcriptHash, participants, signature, consents } = installation
  await transactor.send(
    {
      address: registry,
      abi: oracleRegistryAbi,
      functionName: 'rotateGroupKey',
      args: [
        px,
        transcriptHash,
        bitmapOf(participants),
        signature.r,
        signature.s,
        consents.map(contractSignature),
      ],
    },
    signal,
  )
}
