/** One aggregator of a measured network: wired as the service wires it, without a feed and without a chain. */
import { randomBytes } from 'node:crypto'
import type { CertifiedRound } from '../../aggregator/rounds/active-round.ts'
import { NoncePool } from '../../aggregator/rounds/nonce-pool.ts'
import { RoundRunner } from '../../aggregator/rounds/round-runner.ts'
import { SignerRecord } from '../../aggregator/rounds/signer-record.ts'
import { CHANNELS, topicOf } from '../../protocol/channels.ts'
import { membershipAt } from '../../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES } from '../../protocol/quote.ts'
import { unpackReport } from '../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES, sealCertified } from '../../protocol/round/certified.ts'
import { QuoteBook } from '../../protocol/round/quote-book.ts'
import type { Round } from '../../protocol/rounds.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { loadNativeFrostCrypto } from '../../runtime/native-frost.ts'
import { loadNativeIdentityCrypto } from '../../runtime/native-identity.ts'
import { createPeerNetwork, type PeerNetwork, type Verdict } from '../../runtime/p2p/peer-network.ts'
import { at, DOMAIN, FEED_ID } from '../../test/support/network/cast.ts'
import { type Participant, serveParent } from './child.ts'
import { type AggregatorRound, nowMs, Outcomes, RoundRecords } from './observations.ts'
import { networkOf, type Plan } from './plan.ts'
import { roundOfProposal } from './proposal-round.ts'

async function open(plan: Plan, index: number, bootstrap: readonly string[]): Promise<Participant> {
  const { cast, view } = networkOf(plan)
  const { timing } = plan
  const party = at(cast.aggregators, index)
  const records = new RoundRecords<AggregatorRound>(round => ({
    round,
    quotesAt: [],
    requests: 0,
    repliesAt: [],
  }))
  const outcomes = new Outcomes()
  const clock = systemClock
  const logger = silentLogger
  const crypto = loadNativeIdentityCrypto()
  const frost = loadNativeFrostCrypto()
  const everyone = new Set([...cast.members, ...cast.aggregators].map(({ peerKey }) => peerKey))
  const network = createPeerNetwork(
    {
      seed: party.seed,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap,
      allowed: () => everyone,
      loopback: true,
    },
    { clock, logger },
  )
  const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
  const counting = (unixMs: number) => membershipAt(view, unixMs)
  const bootId = randomBytes(32)
  const certifiedTopic = topicOf(DOMAIN, 'certified')
  let highestCertified = 0

  const timed: Pick<PeerNetwork, 'request' | 'connected'> = {
    connected: () => network.connected(),
    request: async (to, protocol, request, options) => {
      if (protocol !== CHANNELS.sign) return network.request(to, protocol, request, options)
      const record = records.of(roundOfProposal(request))
      record.proposedAt ??= nowMs()
      record.requests += 1
      const reply = await network.request(to, protocol, request, options)
      record.repliesAt.push(nowMs())
      return reply
    },
  }
  const onCertified = (round: Round): void => {
    highestCertified = Math.max(highestCertified, round)
    records.of(round).certifiedAt ??= nowMs()
    rounds.onCertified(round)
  }
  const announce = (certified: CertifiedRound): void => {
    const { round } = unpackReport(certified.report.word)
    records.of(round).madeAt = nowMs()
    network.publish(certifiedTopic, sealCertified(DOMAIN, certified, party.sign)).catch(() => {})
    onCertified(round)
  }
  const admitQuote = (bytes: Uint8Array): Verdict => {
    const admission = book.admit(bytes, counting, clock.now())
    if (admission.verdict === 'accept') {
      records.of(admission.quote.quote.round).quotesAt.push(nowMs())
      rounds.onQuote(admission.quote)
    }
    return admission.verdict === 'equivocation' ? 'accept' : admission.verdict
  }
  const rounds: RoundRunner = new RoundRunner(
    { domain: DOMAIN, feedId: FEED_ID, timing, index },
    {
      ...{ clock, logger, crypto, frost, book, network: timed },
      sign: party.sign,
      createNonces: keyEpoch => new NoncePool(bootId, keyEpoch, timed, frost),
      record: new SignerRecord(),
      membershipAt: counting,
      highestCertified: () => highestCertified,
      certified: announce,
      count: outcomes.count,
      admitQuote,
      fault: (_, fault) => outcomes.count(fault),
      aggregatorFault: (_, fault) => outcomes.count(fault),
      learned: () => outcomes.count('EQUIVOCATION'),
    },
  )
  network.subscribe(topicOf(DOMAIN, 'quotes'), SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(
    certifiedTopic,
    MAX_CERTIFIED_BYTES,
    bytes => {
      const context = {
        ...{ domain: DOMAIN, feedId: FEED_ID, membershipAt: counting, highestCertified, crypto, timing },
        nowMs: clock.now(),
      }
      const admission = admitCertified(bytes, context)
      if (admission.verdict === 'accept') onCertified(unpackReport(admission.announcement.report.word).round)
      return admission.verdict
    },
    () => {},
  )
  await network.start(new AbortController().signal)
  return {
    network,
    run: () => rounds.start(),
    report: usage => ({ role: 'aggregator', usage, rounds: records.all(), outcomes: outcomes.counts }),
    stop: async () => {
      await rounds.stop()
      await network.stop()
    },
  }
}

serveParent(open)
