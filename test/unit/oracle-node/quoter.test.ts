import { expect } from 'chai'
import { GuardError } from '../../../oracle-node/guard/guard.ts'
import { type Abstention, Quoter, type QuoterDeps } from '../../../oracle-node/quoting/quoter.ts'
import type { Membership } from '../../../protocol/membership.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { asRound, type Round, roundStartMs } from '../../../protocol/rounds.ts'
import type { SourceTrace } from '../../../protocol/sources/trace.ts'
import { type Bps, type Price, parseDecimal } from '../../../protocol/units.ts'
import { castOf, FEED_ID, party, ROUND, registryView, signQuoteAs } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const ROUND_MS = 1_000
const PRICE = parseDecimal('0.25') as Price
const groupKey = { px: 5n, transcriptHash: FEED_ID, participants: [0, 1, 2, 3] } as const
const later = (rounds: number): Round => asRound(ROUND + 10 * rounds)

/** Wall time that can be set while monotonic time goes on. */
class WallClock extends FakeClock {
  #aheadMs = 0
  override now(): number {
    return super.now() + this.#aheadMs
  }
  step(ms: number): void {
    this.#aheadMs += ms
  }
}

describe('the quoter', () => {
  let clock: WallClock
  let membership: Membership | undefined
  let published: SignedQuote[]
  let unknownClocks = 0
  let isGuardClosed: boolean
  let offsetMs: number | undefined
  let counts: ('QUOTED' | Abstention)[]
  let signed: Round[]
  let stored: Map<Round, SignedQuote>
  let observe: QuoterDeps['sources']['observe']
  let quoter: Quoter
  let kept: { readonly signed: SignedQuote; readonly trace: SourceTrace; readonly after: number }[]
  let signedAfterMs: number[]
  let logger: ReturnType<typeof recordLogger>

  beforeEach(async () => {
    clock = new WallClock(roundStartMs(ROUND) + 100)
    membership = registryView(castOf(4), { groupKey })
    published = []
    offsetMs = undefined
    isGuardClosed = false
    counts = []
    signed = []
    stored = new Map()
    kept = []
    signedAfterMs = []
    logger = recordLogger()
    observe = nowMs => ({
      outcome: {
        kind: 'price',
        price: PRICE,
        confidenceBps: 12 as unknown as Bps,
        observedAtMs: nowMs,
        effectiveSources: 3,
        legs: [],
        routes: [],
        depegs: [],
        unplanned: [],
      },
      root: `0x${'33'.repeat(32)}`,
      trace: { feed: 'IO/USD', nowMs, values: [] },
    })
    quoter = new Quoter(
      { feedId: FEED_ID, slot: 2, identity: party('member 2').identity, roundMs: ROUND_MS, skewMs: 200 },
      {
        clock,
        logger,
        membershipAt: () => membership,
        sources: { observe: nowMs => observe(nowMs) },
        guard: {
          quoteOf: round => stored.get(round),
          signQuote: quote => {
            if (isGuardClosed) throw new GuardError('CLOSED', quote.round)
            if (quote.round <= Math.max(0, ...signed))
              throw new GuardError('ROUND_NOT_ABOVE_LAST', quote.round)
            signed.push(quote.round)
            return signQuoteAs(party('member 2'), 2, quote)
          },
        },
        clockOffsetMs: () => offsetMs,
        publish: quote => published.push(quote),
        keepTrace: (signed, trace) => kept.push({ signed, trace, after: published.length }),
        signedAfterMs: ms => signedAfterMs.push(ms),
        count: outcome => (outcome === 'PEER_CLOCKS_UNKNOWN' ? unknownClocks++ : counts.push(outcome)),
      },
    )
    await quoter.start()
  })
  afterEach(() => quoter.stop())

  const passRounds = (rounds: number): Promise<void> => clock.advance(rounds * ROUND_MS)
  const publishedRounds = (): number[] => published.map(({ quote }) => quote.round)

  it('stays silent in the round after its start, which an earlier life may have quoted', async () => {
    await passRounds(3)
    expect(counts).to.deep.equal(['JUST_STARTED', 'QUOTED', 'QUOTED'])
    expect(publishedRounds()).to.deep.equal([later(2), later(3)])
  })

  it('says what the sources say, at the start of each slot', async () => {
    await passRounds(2)
    expect(published[0]?.quote).to.deep.equal({
      keyEpoch: 1,
      feedId: FEED_ID,
      round: later(2),
      price: PRICE,
      confidence: 12,
      observedAt: roundStartMs(later(2)) / 1_000,
      sourcesRoot: `0x${'33'.repeat(32)}`,
    })
  })

  it('abstains before the registry has been read and before there is a key', async () => {
    membership = undefined
    await passRounds(2)
    membership = registryView(castOf(4))
    await passRounds(1)
    expect(counts).to.deep.equal(['NO_KEY_YET', 'NO_KEY_YET', 'NO_KEY_YET'])
  })

  it('abstains while it is suspended or unknown', async () => {
    membership = registryView(castOf(4), { groupKey, suspended: [2] })
    await passRounds(2)
    membership = registryView(castOf(2), { groupKey })
    await passRounds(1)
    // Somebody else has its slot by now.
    const [first, second, , fourth] = castOf(4).members
    const members = [first, second, party('member 9'), fourth].filter(one => one !== undefined)
    membership = registryView({ members, aggregators: [] }, { groupKey })
    await passRounds(1)
    expect(counts).to.deep.equal(['NOT_ACTIVE', 'NOT_ACTIVE', 'NOT_ACTIVE', 'NOT_ACTIVE'])
  })

  it('abstains without a price', async () => {
    observe = nowMs => ({
      outcome: {
        kind: 'abstain',
        reason: 'TOO_FEW_SOURCES',
        pair: 'IO/USD',
        legs: [],
        routes: [],
        depegs: [],
        unplanned: [],
      },
      root: FEED_ID,
      trace: { feed: 'IO/USD', nowMs, values: [] },
    })
    await passRounds(3)
    expect(counts).to.deep.equal(['JUST_STARTED', 'NO_PRICE', 'NO_PRICE'])
    expect(signed).to.deep.equal([])
  })

  it('says why it abstains when the reason changes, not every round', async () => {
    membership = undefined
    await passRounds(4)
    expect(logger.lines.filter(line => line.sentence === 'abstaining')).to.have.length(1)
  })

  it('sends a stored quote again, and signs nothing', async () => {
    const again = signQuoteAs(party('member 2'), 2, { round: later(2) })
    stored.set(later(2), again)
    await passRounds(2)
    expect(published).to.deep.equal([again])
    expect(signed).to.deep.equal([])
  })

  it('sends again what an earlier life has stored for the rounds in which it stays silent', async () => {
    const again = [0, 1].map(index => signQuoteAs(party('member 2'), 2, { round: later(index) }))
    for (const quote of again) stored.set(quote.quote.round as Round, quote)
    await quoter.stop()
    await quoter.start()
    await passRounds(2)
    expect(published.slice(0, 2)).to.deep.equal(again)
    expect(publishedRounds()).to.deep.equal([ROUND, later(1), later(2)])
    expect(signed).to.deep.equal([later(2)])
  })

  it('gives away what a quote was made from once it is sent, and nothing for one that is sent again', async () => {
    stored.set(later(2), signQuoteAs(party('member 2'), 2, { round: later(2) }))
    await passRounds(4)
    const at = (rounds: number) => ({ feed: 'IO/USD', nowMs: roundStartMs(later(rounds)), values: [] })
    expect(kept).to.deep.equal([
      { signed: published[1], trace: at(3), after: 2 },
      { signed: published[2], trace: at(4), after: 3 },
    ])
  })

  it('tells how long after the start of its round a quote was signed', async () => {
    const good = observe
    observe = nowMs => {
      clock.busy(40)
      return good(nowMs)
    }
    await passRounds(2)
    expect(signedAfterMs).to.deep.equal([40])
  })

  it('keeps silent after its clock was stepped, until it has been steady for ten seconds', async () => {
    await passRounds(2)
    clock.step(700)
    counts = []
    await passRounds(12)
    const silent = counts.filter(outcome => outcome === 'CLOCK_STEPPED').length
    expect(silent).to.be.within(10, 11)
    expect(counts.slice(0, silent)).to.deep.equal(counts.slice(0, silent).map(() => 'CLOCK_STEPPED'))
    expect(counts.at(-1)).to.equal('QUOTED')
  })

  it('abstains while its clock is further from the peers’ median than clocks may stand apart', async () => {
    await passRounds(2)
    counts = []
    for (const next of [200, 201, -201, -200, undefined]) {
      offsetMs = next
      await passRounds(1)
    }
    expect(counts).to.deep.equal(['QUOTED', 'CLOCK_OFF_PEERS', 'CLOCK_OFF_PEERS', 'QUOTED', 'QUOTED'])
  })

  it('counts the rounds in which too few peers have said what time it is', async () => {
    await passRounds(2)
    unknownClocks = 0
    for (const next of [0, undefined, undefined, 0]) {
      offsetMs = next
      await passRounds(1)
    }
    expect(unknownClocks).to.equal(2)
  })

  it('says of a closed guard that it is closed', async () => {
    await passRounds(2)
    isGuardClosed = true
    counts = []
    await passRounds(2)
    expect(counts).to.deep.equal(['GUARD_CLOSED', 'GUARD_CLOSED'])
    expect(logger.lines.filter(line => line.level === 'error')).to.deep.equal([])
  })

  it('abstains in rounds that it has passed already when the clock was set back', async () => {
    await passRounds(20)
    clock.step(-15_000)
    counts = []
    await passRounds(14)
    expect(new Set(counts)).to.deep.equal(new Set(['CLOCK_STEPPED', 'ALREADY_QUOTED']))
    expect(logger.lines.filter(line => line.level === 'error')).to.deep.equal([])
  })

  it('quotes no slot that a busy process came to too late', async () => {
    await passRounds(2)
    clock.busy(2_500)
    counts = []
    await passRounds(0)
    expect(publishedRounds()).to.not.include(later(3))
    expect(counts).to.deep.equal(['TOO_LATE'])
    await passRounds(1)
    expect(publishedRounds()).to.include(later(5))
  })

  it('goes on after a round that went wrong', async () => {
    const good = observe
    observe = () => {
      throw new Error('out of the blue')
    }
    await passRounds(2)
    observe = good
    await passRounds(1)
    expect(counts).to.deep.equal(['JUST_STARTED', 'FAILED', 'QUOTED'])
  })

  it('does nothing any more once it has stopped', async () => {
    await quoter.stop()
    await passRounds(5)
    expect(counts).to.deep.equal([])
    expect(clock.sleeping).to.equal(0)
  })
})
