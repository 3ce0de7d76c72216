/** One life of an oracle node, wired as its service wires it. */
import { CopyWatch } from '../../../oracle-node/guard/copy-watch.ts'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { QuoteDesk } from '../../../oracle-node/quoting/quote-desk.ts'
import { Quoter } from '../../../oracle-node/quoting/quoter.ts'
import { TimeExchange } from '../../../oracle-node/quoting/time-exchange.ts'
import { SigningService } from '../../../oracle-node/signing/signing-service.ts'
import { type Address, hexOf } from '../../../protocol/bytes.ts'
import { CHANNELS, topicOf } from '../../../protocol/channels.ts'
import { memberBySlot } from '../../../protocol/membership.ts'
import { MESSAGE_KIND, readMessage } from '../../../protocol/message.ts'
import { SIGNED_QUOTE_BYTES, type SignedQuote } from '../../../protocol/quote.ts'
import { unpackReport } from '../../../protocol/report.ts'
import { admitCertified, MAX_CERTIFIED_BYTES } from '../../../protocol/round/certified.ts'
import { decodeProposal } from '../../../protocol/round/messages.ts'
import { type Equivocation, QuoteBook } from '../../../protocol/round/quote-book.ts'
import { type Round, roundAt, roundStartMs } from '../../../protocol/rounds.ts'
import { type RequestHandler, RequestRefused, type Verdict } from '../../../runtime/p2p/peer-network.ts'
import { at, crypto, DOMAIN, FEED_ID } from '../network/cast.ts'
import { type Disk, memoryGuardStore } from './memory-guard-store.ts'
import { NodeClock } from './node-clock.ts'
import { observationOf } from './prices.ts'
import type { SimPeer } from './sim-network.ts'
import { SimView } from './sim-view.ts'
import {
  type AtCrashPoint,
  aggregatorName,
  frostCrypto,
  type Life,
  loggerOf,
  memberName,
  type World,
} from './world.ts'

/** Where a Byzantine member departs from the code that it runs. */
export interface MemberMask {
  /** Whether it stops when its key signs elsewhere. A liar does not care; a member whose key was copied does. */
  readonly latches?: boolean
  /** Instead of publishing a quote that it has signed. */
  outgoing?(signed: SignedQuote, peer: SimPeer): void
  /** Instead of answering a request. */
  answer?(
    protocol: string,
    request: Uint8Array,
    from: string,
    honestly: () => Promise<Uint8Array>,
  ): Promise<Uint8Array>
}

class WatchedGuard extends Guard {
  onQuote: (signed: SignedQuote) => void = () => {}
  onWord: (round: Round, word: bigint) => void = () => {}

  override signQuote(quote: Parameters<Guard['signQuote']>[0]): SignedQuote {
    const signed = super.signQuote(quote)
    this.onQuote(signed)
    return signed
  }

  override lockAndSignReport(round: Round, lock: Parameters<Guard['lockAndSignReport']>[1]): Uint8Array {
    const signature = super.lockAndSignReport(round, lock)
    this.onWord(round, lock.word)
    return signature
  }
}

export interface MemberOptions {
  readonly slot: number
  readonly disk: Disk
  readonly atCrashPoint: AtCrashPoint
  readonly viewLagMs: number
  /** From its start to its first connections. */
  readonly connectMs: number
  readonly mask: MemberMask
  /** Ends the process, and it does not come back. */
  readonly fail: (error: Error) => void
  /** Counts its lives. */
  readonly life: number
}

export function startMember(world: World, options: MemberOptions): Life {
  const { slot, mask } = options
  const { timing, witness, registry, weather } = world
  const name = memberName(slot)
  const party = at(world.cast.members, slot)
  const faults = { offsetMs: () => weather.offsetMs(name), lagMs: () => weather.lagMs(name) }
  const clock = new NodeClock(world.timeline, faults, world.random.fork(`timers ${name} ${options.life}`))
  const logger = loggerOf(world, name)
  const peer = world.network.open(party.peerKey, name, options.connectMs)
  const views = new SimView(world, options.viewLagMs)
  const membershipAt = (unixMs: number) => views.at(unixMs)

  const guard = new WatchedGuard(
    { domain: DOMAIN, feedId: FEED_ID, slot, secret: party.secret },
    memoryGuardStore(options.disk, options.atCrashPoint),
    crypto,
  )
  guard.assertOpen()
  guard.onQuote = signed => witness.quoteSigned(slot, signed)
  guard.onWord = (round, word) => witness.wordSigned(slot, round, word)
  const copies = new CopyWatch(
    { slot, identity: party.identity, roundMs: timing.roundMs },
    {
      ...{ clock, logger, guard },
      passed: () => witness.note(0, `${name} lets a quote of before its start pass`),
      fail: error => {
        witness.closed(slot)
        options.fail(error)
      },
    },
  )
  const book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing }, crypto)
  let highestCertified = 0 as Round

  const masked: Pick<SimPeer, 'handle'> = {
    handle: (protocol, limits, handler) => peer.handle(protocol, limits, maskedHandler(protocol, handler)),
  }
  const maskedHandler =
    (protocol: string, handler: RequestHandler): RequestHandler =>
    async (request, from, signal) => {
      const honestly = async (): Promise<Uint8Array> => handler(request, from, signal)
      const reply = await (mask.answer?.(protocol, request, from, honestly) ?? honestly())
      if (protocol === CHANNELS.sign && peer.alive)
        witness.proposalAnswered(slot, request, reply, book, membershipAt(roundStartMs(roundOf(request))))
      return reply
    }

  const signing = new SigningService(
    { domain: DOMAIN, feedId: FEED_ID, slot, timing },
    {
      clock,
      logger,
      guard,
      crypto,
      frost: frostCrypto,
      book,
      network: masked,
      view: () => views.view(),
      key: keyEpoch => registry.keyOf(keyEpoch)?.keys[slot],
      highestCertified: () => highestCertified,
      count: () => {},
      fault: (aggregator, fault) => witness.blamed(name, aggregatorName(aggregator), fault),
      learned: evidence => onEquivocation(evidence),
    },
  )
  signing.register()
  masked.handle(
    CHANNELS.transcript,
    { maxRequestBytes: 64, maxInFlightPerPeer: 2, timeoutMs: 2_000 },
    async request => {
      const transcript = registry.transcriptOf(hexOf(request))
      if (transcript === undefined) throw new RequestRefused('no transcript')
      return transcript
    },
  )

  const quotesTopic = topicOf(DOMAIN, 'quotes')
  const admitQuote = (data: Uint8Array): Verdict => {
    const nowMs = clock.now()
    const admission = book.admit(data, membershipAt, nowMs)
    switch (admission.verdict) {
      case 'accept':
        witness.quoteSeen(slot, admission.quote, nowMs)
        lookFor([admission.quote], signerOf(admission.quote))
        return 'accept'
      case 'equivocation':
        onEquivocation(admission.evidence)
        return 'accept'
      default:
        return admission.verdict
    }
  }
  const onEquivocation = (evidence: Equivocation): void => {
    const { signer, first, second } = evidence
    witness.equivocated(evidence)
    for (const { bytes } of [first, second]) peer.publish(quotesTopic, bytes).catch(() => {})
    lookFor([second, first], signer)
  }
  /** A liar does not care who else has its key. */
  const lookFor: CopyWatch['look'] = (quotes, signer) => {
    if (mask.latches !== false) copies.look(quotes, signer)
  }
  const signerOf = ({ slot: signed, quote }: SignedQuote): Address | undefined =>
    memberBySlot(membershipAt(roundStartMs(quote.round)), signed)?.identity
  const network = {
    handle: masked.handle,
    request: (...args: Parameters<SimPeer['request']>) => peer.request(...args),
    connected: () => peer.connected(),
  }
  const time = new TimeExchange(
    { slot, skewMs: timing.skewMs },
    { clock, logger, network, membership: () => membershipAt(clock.now()) },
  )
  time.register()
  const desk = new QuoteDesk(
    { slot, timing },
    {
      ...{ clock, guard, book, membershipAt },
      network,
      admitQuote: bytes => {
        admitQuote(bytes)
      },
    },
  )
  desk.register()
  peer.subscribe(quotesTopic, SIGNED_QUOTE_BYTES, admitQuote, () => {})
  peer.subscribe(
    topicOf(DOMAIN, 'certified'),
    MAX_CERTIFIED_BYTES,
    data => {
      const context = {
        ...{ domain: DOMAIN, feedId: FEED_ID, membershipAt, highestCertified, crypto, timing },
        nowMs: clock.now(),
        wantsOld: (round: Round) => signing.awaitsCertificate(round),
      }
      const admission = admitCertified(data, context)
      if (admission.verdict !== 'accept') return admission.verdict
      const { report } = admission.announcement
      const { round } = unpackReport(report.word)
      if (round > highestCertified) highestCertified = round
      signing.onCertified(round, admission.announcement.proposer)
      if (!world.byzantine.has(slot)) witness.certificate(name, report)
      return 'accept'
    },
    () => {},
  )
  const publish = (signed: SignedQuote): void => {
    admitQuote(signed.bytes)
    if (mask.outgoing === undefined) peer.publish(quotesTopic, signed.bytes).catch(() => {})
    else mask.outgoing(signed, peer)
  }
  const quoter = new Quoter(
    { feedId: FEED_ID, slot, identity: party.identity, roundMs: timing.roundMs, skewMs: timing.skewMs },
    {
      clock,
      logger,
      guard,
      membershipAt,
      sources: { observe: nowMs => observationOf(world.random, slot, nowMs, timing.roundMs) },
      publish,
      clockOffsetMs: () => time.offsetMs(),
      count: outcome => witness.note(0, `${name} ${outcome}`),
    },
  )
  views.onChange(
    () => peer.alive,
    view => {
      signing.follow(view)
      book.forgetBefore((view.previous ?? view.newest).keyEpoch)
    },
  )
  signing.start().catch(() => {})
  quoter.start().catch(() => {})
  desk.start().catch(() => {})
  time.start(new AbortController().signal).catch(() => {})
  return {
    name,
    clock,
    peer,
    remembered: () => clock.sleeping + quotesKept(book, world, clock.now()),
  }
}

function roundOf(sealedProposal: Uint8Array): Round {
  try {
    return decodeProposal(readMessage(DOMAIN, MESSAGE_KIND.proposal, sealedProposal).body).round
  } catch {
    return 0 as Round
  }
}

/** Quotes in a book, looked for in every round that it could be asked about. */
export function quotesKept(book: QuoteBook, world: World, nowMs: number): number {
  const { roundMs } = world.timing
  const step = roundMs / 100
  const now = roundAt(nowMs, roundMs)
  let kept = 0
  for (let back = -8; back <= 24; back++) kept += book.quotesOf((now - back * step) as Round).length
  return kept
}
