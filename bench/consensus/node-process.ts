/** One oracle node of a measured network: wired as the service wires it, without venues and without a chain. */
import { join } from 'node:path'
import { Guard } from '../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../oracle-node/guard/guard-store.ts'
import { serveTranscripts } from '../../oracle-node/keygen/transcripts.ts'
import { QuoteDesk } from '../../oracle-node/quoting/quote-desk.ts'
import { Quoter } from '../../oracle-node/quoting/quoter.ts'
import { TimeExchange } from '../../oracle-node/quoting/time-exchange.ts'
import { SigningService } from '../../oracle-node/signing/signing-service.ts'
import { CHANNELS, topicOf } from '../../protocol/channels.ts'
import { membershipAt } from '../../protocol/membership.ts'
import { SIGNED_QUOTE_BYTES } from '../../protocol/quote.ts'
import { unpackReport } from '../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES } from '../../protocol/round/certified.ts'
import { QuoteBook } from '../../protocol/round/quote-book.ts'
import type { Round } from '../../protocol/rounds.ts'
import { type Bps, type Price, parseDecimal } from '../../protocol/units.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { loadNativeFrostCrypto } from '../../runtime/native-frost.ts'
import { loadNativeIdentityCrypto } from '../../runtime/native-identity.ts'
import { createPeerNetwork, type PeerNetwork, type Verdict } from '../../runtime/p2p/peer-network.ts'
import { openDatabase } from '../../runtime/sqlite.ts'
import { at, DOMAIN, FEED_ID } from '../../test/support/network/cast.ts'
import { type Participant, serveParent } from './child.ts'
import { type MemberRound, nowMs, Outcomes, RoundRecords } from './observations.ts'
import { networkOf, type Plan, readKey } from './plan.ts'
import { roundOfProposal } from './proposal-round.ts'

async function open(plan: Plan, slot: number, bootstrap: readonly string[]): Promise<Participant> {
  const { cast, view } = networkOf(plan)
  const { timing } = plan
  const { seed, secret, identity } = at(cast.members, slot)
  const key = readKey(plan, slot)
  const records = new RoundRecords<MemberRound>(round => ({ round, answers: 0, answerMs: 0 }))
  const outcomes = new Outcomes()
  const clock = systemClock
  const logger = silentLogger
  const crypto = loadNativeIdentityCrypto()
  const everyone = new Set([...cast.members, ...cast.aggregators].map(({ peerKey }) => peerKey))
  const network = createPeerNetwork(
    { seed, listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap, allowed: () => everyone, loopback: true },
    { clock, logger },
  )
  const database = openDatabase(join(plan.directory, `guard-${slot}.sqlite`), GUARD_MIGRATIONS)
  const guard = new Guard(
    { domain: DOMAIN, feedId: FEED_ID, slot, secret },
    createGuardStore(database),
    crypto,
  )
  const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
  const counting = (unixMs: number) => membershipAt(view, unixMs)
  let highestCertified = 0 as Round

  const timed: Pick<PeerNetwork, 'handle'> = {
    handle: (protocol, limits, handler) =>
      network.handle(protocol, limits, async (request, from, signal) => {
        const startedAt = nowMs()
        const reply = await handler(request, from, signal)
        if (protocol === CHANNELS.sign) {
          const record = records.of(roundOfProposal(request))
          record.answers += 1
          record.answerMs += nowMs() - startedAt
        }
        return reply
      }),
  }
  const signing = new SigningService(
    { domain: DOMAIN, feedId: FEED_ID, slot, timing },
    {
      ...{ clock, logger, guard, crypto, book, network: timed, frost: loadNativeFrostCrypto() },
      view: () => view,
      key: () => key,
      highestCertified: () => highestCertified,
      count: outcomes.count,
      fault: (_, fault) => outcomes.count(fault),
      learned: () => outcomes.count('EQUIVOCATION'),
    },
  )
  signing.register()
  serveTranscripts(network, {
    transcriptOf: hash => (hash === key.transcriptHash ? key.transcript : undefined),
  })
  const admitQuote = (bytes: Uint8Array): Verdict => {
    const { verdict } = book.admit(bytes, counting, clock.now())
    return verdict === 'equivocation' ? 'accept' : verdict
  }
  const quotes = topicOf(DOMAIN, 'quotes')
  network.subscribe(quotes, SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(
    topicOf(DOMAIN, 'certified'),
    MAX_CERTIFIED_BYTES,
    bytes => {
      const context = {
        ...{ domain: DOMAIN, feedId: FEED_ID, membershipAt: counting, highestCertified, crypto, timing },
        nowMs: clock.now(),
      }
      const admission = admitCertified(bytes, context)
      if (admission.verdict === 'accept') {
        const { report, proposer } = admission.announcement
        highestCertified = unpackReport(report.word).round
        signing.onCertified(highestCertified, proposer)
        records.of(highestCertified).certifiedAt = nowMs()
      }
      return admission.verdict
    },
    () => {},
  )
  const desk = new QuoteDesk(
    { slot, timing },
    { ...{ clock, guard, book, network, admitQuote }, membershipAt: counting },
  )
  desk.register()
  const times = new TimeExchange(
    { slot, skewMs: timing.skewMs },
    { ...{ clock, logger, network }, membership: () => view.newest },
  )
  times.register()
  const quoter = new Quoter(
    { feedId: FEED_ID, slot, identity, roundMs: timing.roundMs, skewMs: timing.skewMs },
    {
      ...{ clock, logger, guard },
      membershipAt: counting,
      sources: { observe: observedAtMs => observation(slot, observedAtMs) },
      count: outcomes.count,
      clockOffsetMs: () => times.offsetMs(),
      publish: quote => {
        records.of(quote.quote.round).quotedAt = nowMs()
        admitQuote(quote.bytes)
        network.publish(quotes, quote.bytes).catch(() => {})
      },
    },
  )
  await network.start(new AbortController().signal)
  return {
    network,
    run: async () => {
      await signing.start()
      await desk.start()
      await times.start(new AbortController().signal)
      await quoter.start()
    },
    report: usage => ({ role: 'member', usage, rounds: records.all(), outcomes: outcomes.counts }),
    stop: async () => {
      await quoter.stop()
      await times.stop()
      await desk.stop()
      await signing.stop()
      await network.stop()
      database.close()
    },
  }
}

/** What the sources of this node would say: a price that moves, and differs from node to node. */
function observation(
  slot: number,
  observedAtMs: number,
): ReturnType<ConstructorParameters<typeof Quoter>[1]['sources']['observe']> {
  const drift = BigInt(Math.floor(observedAtMs / 100) % 10_000) * 10n ** 12n
  return {
    outcome: {
      kind: 'price',
      price: (parseDecimal('0.25') + drift + BigInt(slot) * 10n ** 11n) as Price,
      confidenceBps: 10 as unknown as Bps,
      observedAtMs,
      effectiveSources: 3,
      legs: [],
      routes: [],
      depegs: [],
      unplanned: [],
    },
    root: `0x${'22'.repeat(32)}`,
    trace: { feed: 'IO/USD', nowMs: observedAtMs, values: [] },
  }
}

serveParent(open)
