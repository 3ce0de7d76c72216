import { expect } from 'chai'
import { QuoteDesk } from '../../../oracle-node/quoting/quote-desk.ts'
import { TimeExchange } from '../../../oracle-node/quoting/time-exchange.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { encodeQuoteRequest } from '../../../protocol/round/messages.ts'
import { asRound, type Round } from '../../../protocol/rounds.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { at, castOf, ROUND, registryView, signQuoteAs, TIMING } from '../../support/network/cast.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { Wire } from '../../support/network/wire.ts'
import { FakeClock } from '../../support/runtime/fake-clock.ts'

const cast = castOf(4)
const groupKey = { px: 1n, transcriptHash: `0x${'00'.repeat(32)}` as const, participants: [0, 1, 2, 3] }
const membership = registryView(cast, { groupKey })
const T_MS = ROUND * 100

/** The same clock, `aheadMs` later on its wall. */
function ahead(clock: Clock, aheadMs: number): Clock {
  return {
    now: () => clock.now() + aheadMs,
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  }
}

describe('members that compare their clocks', () => {
  let clock: FakeClock
  let wire: Wire
  let running: TimeExchange[]

  beforeEach(() => {
    clock = new FakeClock(T_MS)
    wire = new Wire()
    running = []
  })
  afterEach(async () => {
    for (const exchange of running) await exchange.stop()
  })

  const start = async (offsetsMs: readonly number[]): Promise<TimeExchange[]> => {
    for (const [slot, offsetMs] of offsetsMs.entries()) {
      const exchange = new TimeExchange(
        { slot, skewMs: TIMING.skewMs },
        {
          clock: ahead(clock, offsetMs),
          logger: recordLogger(),
          network: wire.peer(at(cast.members, slot).peerKey),
          membership: () => membership,
        },
      )
      exchange.register()
      running.push(exchange)
    }
    for (const exchange of running) await exchange.start(new AbortController().signal)
    await clock.advance(1_000)
    return running
  }

  it('know of the one that is off, which knows of itself', async () => {
    const exchanges = await start([0, 0, 0, 5_000])
    expect(exchanges.map(exchange => exchange.offsetMs())).to.deep.equal([0, 0, 0, -5_000])
  })

  it('know nothing while too few answer', async () => {
    const exchanges = await start([0, 0])
    expect(exchanges.map(exchange => exchange.offsetMs())).to.deep.equal([undefined, undefined])
  })

  it('ask one another again and again, and forget who has been silent for a minute', async () => {
    const exchanges = await start([0, 0, 0])
    wire.tamper(at(cast.members, 2).peerKey, () => new Promise(() => {}))
    await clock.advance(50_000)
    expect(exchanges[0]?.offsetMs()).to.equal(0)
    await clock.advance(20_000)
    expect(exchanges[0]?.offsetMs()).to.equal(undefined)
  })
})

describe('the desk for quotes', () => {
  it('gives out the stored quote of a round, and asks for those that were missed in time', async () => {
    const clock = new FakeClock(T_MS - 1)
    const wire = new Wire()
    const stored = new Map<Round, SignedQuote>([[ROUND, signQuoteAs(at(cast.members, 1), 1)]])
    const known = new Map([0, 3].map(slot => [slot, signQuoteAs(at(cast.members, slot), slot)]))
    const asked: [number, Uint8Array][] = []
    const deskOf = (slot: number) =>
      new QuoteDesk(
        { slot, timing: TIMING },
        {
          clock,
          guard: { quoteOf: round => (slot === 1 ? stored.get(round) : undefined) },
          book: {
            quoteOf: (_round, of) => {
              const signed = slot === 0 ? known.get(of) : undefined
              return signed === undefined ? undefined : { signed, receivedAtMs: T_MS }
            },
            isEquivocator: () => false,
          },
          network: wire.peer(at(cast.members, slot).peerKey),
          membershipAt: () => membership,
          admitQuote: bytes => asked.push([clock.now() - T_MS, bytes]),
        },
      )
    const [own, other, silent] = [0, 1, 2].map(deskOf)
    other?.register()
    silent?.register()
    await own?.start()
    await clock.advance(TIMING.collectMs)
    await own?.stop()
    // D − δ is at 200 ms: asked half-way there, and only slots 1 and 2, of which 2 has none.
    expect(asked).to.have.length(1)
    expect(asked[0]?.[0]).to.be.within(1, TIMING.collectMs - TIMING.inclusionMarginMs - 1)
    expect(Buffer.from(asked[0]?.[1] ?? [])).to.deep.equal(Buffer.from(stored.get(ROUND)?.bytes ?? []))
    const another = wire.peer(at(cast.members, 3).peerKey)
    const request = encodeQuoteRequest(asRound(ROUND + 10))
    const answer = await another.request(at(cast.members, 1).peerKey, CHANNELS.quote, request, {
      timeoutMs: 100,
      maxReplyBytes: 200,
    })
    expect(answer).to.have.length(0)
  })
})
