import { join } from 'node:path'
import { expect } from 'chai'
import { Guard } from '../../../oracle-node/guard/guard.ts'
import { createGuardStore, GUARD_MIGRATIONS } from '../../../oracle-node/guard/guard-store.ts'
import { SigningService } from '../../../oracle-node/signing/signing-service.ts'
import { CHANNELS } from '../../../protocol/channels.ts'
import type { FrostCrypto } from '../../../protocol/frost-crypto.ts'
import { MESSAGE_KIND, openMessage, sealMessage } from '../../../protocol/message.ts'
import type { SignedQuote } from '../../../protocol/quote.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import {
  type ChosenSigner,
  decodeNoncePairs,
  decodeReply,
  encodeNonceRequest,
  encodeProposal,
  type NoncePair,
  type Proposal,
  type QuotePair,
  type Reply,
} from '../../../protocol/round/messages.ts'
import { QuoteBook } from '../../../protocol/round/quote-book.ts'
import { asRound, roundStartMs } from '../../../protocol/rounds.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { loadNativeFrostCrypto } from '../../../runtime/native-frost.ts'
import type { RequestHandler, RequestLimits } from '../../../runtime/p2p/peer-network.ts'
import { openDatabase } from '../../../runtime/sqlite.ts'
import {
  at,
  castOf,
  crypto,
  DOMAIN,
  FEED_ID,
  ROUND,
  registryView,
  signQuoteAs,
  TIMING,
} from '../../support/network/cast.ts'
import { registryOf } from '../../support/network/consensus.ts'
import { type DealtKey, dealKey } from '../../support/network/dealt-keys.ts'
import { recordLogger } from '../../support/network/record-logger.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../../support/network/temporary-directory.ts'

const cast = castOf(7)
const ALL = [0, 1, 2, 3, 4, 5, 6]
/** Of seven, two can lie. */
const CHOSEN = [0, 1, 2, 3, 4]
const T_MS = roundStartMs(ROUND)
const DEADLINE_MS = T_MS + TIMING.collectMs

describe('a member that is asked to sign', () => {
  let dealt: DealtKey
  let directory: TemporaryDirectory
  let handlers: Map<string, { readonly handler: RequestHandler; readonly limits: RequestLimits }>
  let nowMs: number
  let recovered: number
  let faults: string[]
  let learned: number[]
  let highestCertified: number
  let book: QuoteBook
  let signing: SigningService
  let frost: FrostCrypto
  let logger: ReturnType<typeof recordLogger>
  let close: () => void

  before(() => {
    dealt = dealKey(ALL, CHOSEN.length)
  })
  beforeEach(async () => {
    directory = temporaryDirectory()
    handlers = new Map()
    nowMs = T_MS - 10_000
    recovered = 0
    faults = []
    learned = []
    highestCertified = 0
    frost = loadNativeFrostCrypto()
    logger = recordLogger()
    const database = openDatabase(join(directory.path, 'guard.sqlite'), GUARD_MIGRATIONS)
    close = () => database.close()
    const counting = {
      ...crypto,
      recover: (...args: Parameters<typeof crypto.recover>) => {
        recovered += 1
        return crypto.recover(...args)
      },
    }
    book = new QuoteBook({ domain: DOMAIN, feedId: FEED_ID, timing: TIMING }, counting)
    const view = registryOf(registryView(cast, { groupKey: dealt.groupKey }))
    signing = new SigningService(
      { domain: DOMAIN, feedId: FEED_ID, slot: 0, timing: TIMING },
      {
        clock: { ...systemClock, now: () => nowMs },
        logger,
        guard: new Guard(
          { domain: DOMAIN, feedId: FEED_ID, slot: 0, secret: at(cast.members, 0).secret },
          createGuardStore(database),
          crypto,
        ),
        crypto: counting,
        frost: {
          isPoint: bytes => frost.isPoint(bytes),
          commit: (...args) => frost.commit(...args),
          signShare: (...args) => frost.signShare(...args),
          aggregate: (...args) => frost.aggregate(...args),
        },
        book,
        network: { handle: (protocol, limits, handler) => handlers.set(protocol, { limits, handler }) },
        view: () => view,
        key: () => at(dealt.keys, 0),
        highestCertified: () => asRound(highestCertified),
        count: () => {},
        fault: (aggregator, fault) => faults.push(`${aggregator} ${fault}`),
        learned: ({ slot }) => learned.push(slot),
      },
    )
    signing.register()
    await signing.start()
    nowMs = DEADLINE_MS
  })
  afterEach(() => {
    close()
    directory.remove()
  })

  const ask = async (channel: string, request: Uint8Array, aggregator = 0): Promise<Uint8Array> => {
    const { peerKey } = at(cast.aggregators, aggregator)
    const handler = handlers.get(channel)?.handler
    if (handler === undefined) throw new Error('nobody answers')
    return handler(request, peerKey, new AbortController().signal)
  }
  const ownPair = async (aggregator = 0): Promise<NoncePair> => {
    const request = encodeNonceRequest({ keyEpoch: 1, bootId: `0x${'01'.repeat(32)}` })
    return at(decodeNoncePairs(await ask(CHANNELS.nonces, request, aggregator)), 0)
  }
  const quoteOf = (slot: number, confidence = 10): SignedQuote =>
    signQuoteAs(at(cast.members, slot), slot, { confidence })
  const lie = (slot: number): QuotePair => [quoteOf(slot, 1).bytes, quoteOf(slot, 2).bytes]
  const falseProof = (slot: number): QuotePair => [quoteOf(slot, 1).bytes, quoteOf(slot, 1).bytes]
  const signersWith = async (own: NoncePair): Promise<ChosenSigner[]> =>
    CHOSEN.map(slot => ({
      slot,
      ...(slot === 0 ? own : frost.commit(at(dealt.keys, slot).secret).commitments),
    }))

  const propose = async (
    changes: Partial<Proposal> & { readonly from?: readonly number[]; readonly by?: number } = {},
  ): Promise<Reply> => {
    const { from = ALL, by = 0, ...others } = changes
    const quotes = from.map(slot => quoteOf(slot))
    const body = encodeProposal({
      feedId: FEED_ID,
      round: ROUND,
      session: 0,
      quotes: quotes.map(({ bytes }) => bytes),
      word: medianWord(quotes.map(({ quote }) => quote)),
      signers: others.signers ?? (await signersWith(await ownPair(by))),
      equivocations: [],
      ...others,
    })
    recovered = 0
    const sealed = sealMessage(DOMAIN, MESSAGE_KIND.proposal, 1, body, at(cast.aggregators, by).sign)
    return decodeReply(
      openMessage(DOMAIN, MESSAGE_KIND.share, await ask(CHANNELS.sign, sealed, by), crypto).body,
    )
  }
  const refused = (reply: Reply): string => (reply.kind === 'refused' ? reply.reason : reply.kind)

  it('signs, and learns from the proofs that come with a proposal', async () => {
    const reply = await propose({ from: CHOSEN, equivocations: [lie(5), lie(6)] })
    expect(reply.kind).to.equal('share')
    expect([learned, faults]).to.deep.equal([[5, 6], []])
  })

  it('signs early when all are in but those that the proposal proves to be liars', async () => {
    nowMs = T_MS
    expect(refused(await propose({ from: CHOSEN.concat(6) }))).to.equal('TOO_EARLY')
    expect((await propose({ from: CHOSEN.concat(6), session: 1, equivocations: [lie(5)] })).kind).to.equal(
      'share',
    )
  })

  it('looks at no proof in a proposal that comes out of turn, out of time or too late', async () => {
    const equivocations = [lie(5), lie(6)]
    nowMs = T_MS
    expect(refused(await propose({ by: 1, equivocations }))).to.equal('TOO_EARLY')
    expect(recovered).to.equal(1)
    nowMs = DEADLINE_MS
    highestCertified = ROUND
    expect(refused(await propose({ equivocations }))).to.equal('ALREADY_CERTIFIED')
    expect(recovered).to.equal(1)
    expect([learned, faults]).to.deep.equal([[], []])
  })

  it('refuses a proposal with a false proof, and looks at none after it', async () => {
    expect(refused(await propose({ from: CHOSEN, equivocations: [falseProof(5), lie(6)] }))).to.equal(
      'FALSE_EVIDENCE',
    )
    expect([learned, faults]).to.deep.equal([[], ['0 FALSE_EVIDENCE']])
    expect(recovered).to.equal(1)
  })

  it('looks at no proof when there are more than liars can be, or two of one member', async () => {
    for (const [session, equivocations] of [
      [lie(4), lie(5), lie(6)],
      [lie(5), lie(5)],
    ].entries()) {
      expect(refused(await propose({ session, equivocations }))).to.equal('FALSE_EVIDENCE')
      expect(recovered).to.equal(1)
    }
    expect(learned).to.deep.equal([])
  })

  it('blames an aggregator for a quote of another round, though its member signed it', async () => {
    const next = asRound(ROUND + TIMING.roundMs / 100)
    const other = signQuoteAs(at(cast.members, 0), 0, { round: next })
    const quotes = [other, ...[1, 2, 3, 4].map(slot => quoteOf(slot))].map(({ bytes }) => bytes)
    expect(refused(await propose({ quotes }))).to.equal('BAD_QUOTE')
    expect(faults).to.deep.equal(['0 BAD_QUOTE'])
  })

  it('keeps its nonces for commitments that are no points, and refuses them', async () => {
    const own = await ownPair()
    const signers = await signersWith(own)
    const bad = signers.map(signer =>
      signer.slot === 3 ? { ...signer, hiding: new Uint8Array(33) } : signer,
    )
    expect(refused(await propose({ signers: bad }))).to.equal('BAD_SIGNER_SET')
    expect((await propose({ signers, session: 1 })).kind).to.equal('share')
  })

  it('says of a failure of its own that it is one', async () => {
    const { signShare } = frost
    frost = {
      ...frost,
      signShare: () => {
        throw new TypeError('broken')
      },
    }
    const failure = await propose().catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(TypeError)
    expect(logger.lines.filter(({ level }) => level === 'error')).to.have.length(1)
    frost = { ...frost, signShare }
  })

  it('wants the certificate of a round it has signed, also after a later one, and blames nobody then', async () => {
    expect(signing.awaitsCertificate(ROUND)).to.equal(false)
    await propose()
    expect(signing.awaitsCertificate(ROUND)).to.equal(true)
    const next = asRound(ROUND + TIMING.roundMs / 100)
    signing.onCertified(next, 1)
    signing.onCertified(ROUND, 0)
    expect(signing.awaitsCertificate(ROUND)).to.equal(false)
    nowMs = T_MS + 4 * TIMING.roundMs
    signing.onCertified(asRound(next + 30), 1)
    expect(faults).to.deep.equal([])
  })

  it('lets an aggregator ask a few times a round, and no more', () => {
    for (const channel of [CHANNELS.sign, CHANNELS.nonces])
      expect(handlers.get(channel)?.limits.maxPerSec).to.equal(10)
  })
})
