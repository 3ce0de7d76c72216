/** One life of an aggregator, wired as its service wires it. */
import { NoncePool } from '../../../aggregator/rounds/nonce-pool.ts'
import { RoundRunner } from '../../../aggregator/rounds/round-runner.ts'
import { SignerRecord } from '../../../aggregator/rounds/signer-record.ts'
import { topicOf } from '../../../protocol/channels.ts'
import { SIGNED_QUOTE_BYTES } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES, sealCertified } from '../../../protocol/round/certified.ts'
import { type Equivocation, QuoteBook } from '../../../protocol/round/quote-book.ts'
import type { Round } from '../../../protocol/rounds.ts'
import type { Verdict } from '../../../runtime/p2p/peer-network.ts'
import { at, crypto, DOMAIN, FEED_ID } from '../network/cast.ts'
import { NodeClock } from './node-clock.ts'
import { quotesKept } from './sim-member.ts'
import { SimView } from './sim-view.ts'
import { aggregatorName, frostCrypto, type Life, loggerOf, memberName, type World } from './world.ts'

export interface AggregatorOptions {
  readonly index: number
  readonly viewLagMs: number
  readonly connectMs: number
  /** Counts its lives: each has another boot id. */
  readonly life: number
}

export function startAggregator(world: World, options: AggregatorOptions): Life {
  const { index } = options
  const { timing, witness, weather } = world
  const name = aggregatorName(index)
  const party = at(world.cast.aggregators, index)
  const faults = { offsetMs: () => weather.offsetMs(name), lagMs: () => weather.lagMs(name) }
  const clock = new NodeClock(world.timeline, faults, world.random.fork(`timers ${name} ${options.life}`))
  const network = world.network.open(party.peerKey, name, options.connectMs)
  const views = new SimView(world, options.viewLagMs)
  const membershipAt = (unixMs: number) => views.at(unixMs)
  const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
  const bootId = new Uint8Array(32)
  world.random.fork(`boot ${name} ${options.life}`).fill(bootId)
  let highestCertified = 0

  const onCertified = (round: Round): void => {
    highestCertified = Math.max(highestCertified, round)
    rounds.onCertified(round)
  }
  const rounds = new RoundRunner(
    { domain: DOMAIN, feedId: FEED_ID, timing, index },
    {
      clock,
      logger: loggerOf(world, name),
      crypto,
      frost: frostCrypto,
      network,
      book,
      sign: party.sign,
      createNonces: keyEpoch => new NoncePool(bootId, keyEpoch, network, frostCrypto),
      record: new SignerRecord(),
      membershipAt,
      highestCertified: () => highestCertified,
      count: outcome => witness.note(0, `${name} counts ${outcome}`),
      admitQuote: data => admitQuote(data),
      fault: (slot, fault) => witness.blamed(name, memberName(slot), fault),
      aggregatorFault: (other, fault) => witness.blamed(name, aggregatorName(other), fault),
      // The service submits it to the registry: what comes of that is the weather's.
      learned: evidence => witness.equivocated(evidence),
      certified: round => {
        if (!network.alive) return
        witness.certificate(name, round.report, round.quotes)
        onCertified(unpackReport(round.report.word).round)
        network
          .publish(topicOf(DOMAIN, 'certified'), sealCertified(DOMAIN, round, party.sign))
          .catch(() => {})
      },
    },
  )
  const learned = (evidence: Equivocation): void => {
    witness.equivocated(evidence)
    rounds.onEquivocation(evidence)
  }
  const admitQuote = (data: Uint8Array): Verdict => {
    const admission = book.admit(data, membershipAt, clock.now())
    if (admission.verdict === 'accept') rounds.onQuote(admission.quote)
    if (admission.verdict !== 'equivocation') return admission.verdict
    learned(admission.evidence)
    return 'accept'
  }
  network.subscribe(topicOf(DOMAIN, 'quotes'), SIGNED_QUOTE_BYTES, admitQuote, () => {})
  network.subscribe(
    topicOf(DOMAIN, 'certified'),
    MAX_CERTIFIED_BYTES,
    data => {
      const context = {
        ...{ domain: DOMAIN, feedId: FEED_ID, membershipAt, highestCertified, crypto, timing },
        nowMs: clock.now(),
      }
      const admission = admitCertified(data, context)
      if (admission.verdict !== 'accept') return admission.verdict
      const { report } = admission.announcement
      witness.certificate(name, report)
      onCertified(unpackReport(report.word).round)
      return 'accept'
    },
    () => {},
  )
  views.onChange(
    () => network.alive,
    view => book.forgetBefore((view.previous ?? view.newest).keyEpoch),
  )
  rounds.start().catch(() => {})
  return {
    name,
    clock,
    peer: network,
    remembered: () => clock.sleeping + quotesKept(book, world, clock.now()),
  }
}
