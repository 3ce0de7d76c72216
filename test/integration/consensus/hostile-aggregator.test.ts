import { expect } from 'chai'
import { MESSAGE_KIND, sealMessage } from '../../../protocol/message.ts'
import { medianWord } from '../../../protocol/round/median.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { at, DOMAIN, signQuoteAs } from '../../support/network/cast.ts'
import { type Consensus, startConsensus } from '../../support/network/consensus.ts'
import { HostileAggregator } from '../../support/network/hostile-aggregator.ts'
import {
  certificatesOf,
  expectHonest,
  nextCertificates,
  provenAgainstAggregators,
  provenAgainstMembers,
  roundOf,
  TRIAL_TIMING,
} from '../../support/network/trial.ts'
import { waitFor } from '../../support/network/wait.ts'

const ALL = [0, 1, 2, 3]
const CHOSEN = [0, 1, 2]
/** What the hostile one does has to be done before the backup's turn, on however busy a machine. */
const TIMING = { ...TRIAL_TIMING, roundMs: 2_000, backupMs: 800 }

describe('a network of four under a hostile aggregator', function () {
  this.timeout(60_000)
  let net: Consensus
  let hostile: HostileAggregator

  before(async () => {
    net = await startConsensus({ n: 4, timing: TIMING, dealt: true })
    hostile = new HostileAggregator(net)
    await at(net.aggregators, 0).startRounds()
    await nextCertificates(net, 1, ({ quotes }) => quotes.length === 4)
  })
  after(() => net.stop())
  beforeEach(() => {
    for (const { faults } of net.members) faults.length = 0
    for (const { aggregatorFaults } of net.aggregators) aggregatorFaults.length = 0
  })
  afterEach(() => {
    for (const member of net.members) member.outgoing = undefined
    expectHonest(net, ALL)
    expect(provenAgainstMembers(net)).to.deep.equal([])
  })

  const observed = (): string[] => [...new Set(net.members.flatMap(({ faults }) => faults))].sort()
  const proposeTo = (slots: readonly number[], sealed: Uint8Array) =>
    Promise.all(slots.map(slot => hostile.propose(slot, sealed)))
  const refusals = (replies: readonly { readonly kind: string }[]) =>
    replies.map(reply => ('reason' in reply ? reply.reason : reply.kind))

  it('names it for a median that does not follow from its quotes, and certifies the right one', async () => {
    const round = await hostile.nextRound()
    const signers = await hostile.pairsOf(CHOSEN)
    const quotes = await hostile.quotesOf(round, ALL)
    const word = medianWord(quotes.map(({ quote }) => quote)) + (1n << 176n)
    const replies = await proposeTo(CHOSEN, hostile.seal(round, quotes, signers, { word }))
    expect(refusals(replies)).to.deep.equal(CHOSEN.map(() => 'WRONG_WORD'))
    expect(provenAgainstAggregators(net)).to.deep.equal(['1 WRONG_WORD'])
    await waitFor('the backup to certify the round', () =>
      certificatesOf(net).some(certified => roundOf(certified) === round),
    )
  })

  it('names it for each kind of proposal that nobody honest seals', async () => {
    const round = await hostile.nextRound()
    const signers = await hostile.pairsOf(CHOSEN)
    const quotes = await hostile.quotesOf(round, ALL)
    await hostile.deadlineOf(round)
    const forged = signQuoteAs(at(net.aggregators, 1).party, 3, { round })
    const [first, second, third] = CHOSEN.map(slot => at(quotes, slot))
    if (first === undefined || second === undefined || third === undefined) throw new Error('no quotes')
    // One of four can lie: two proofs are one too many, whether they are true or not.
    const more = [first, second].map(({ bytes }) => [bytes, bytes] as const)
    const sealed = [
      hostile.seal(round, quotes, signers.slice(1), { session: 1 }),
      hostile.seal(round, quotes.slice(0, 2), signers, { session: 2 }),
      hostile.seal(round, [...quotes.slice(0, 3), forged], signers, { session: 3 }),
      hostile.seal(round, [first, second, second, third], signers, { session: 4 }),
      hostile.seal(round, quotes, signers, { session: 5, equivocations: [[first.bytes, first.bytes]] }),
      hostile.seal(round, quotes, signers, { session: 6, equivocations: more }),
      sealMessage(DOMAIN, MESSAGE_KIND.proposal, 1, new Uint8Array(9), at(net.aggregators, 1).party.sign),
    ]
    const replies = []
    for (const proposal of sealed) replies.push(await hostile.propose(0, proposal))
    expect(refusals(replies)).to.deep.equal([
      'BAD_SIGNER_SET',
      'TOO_FEW_QUOTES',
      'BAD_QUOTE',
      'DUPLICATE_QUOTE',
      'FALSE_EVIDENCE',
      'FALSE_EVIDENCE',
      'MALFORMED',
    ])
    expect(provenAgainstAggregators(net)).to.deep.equal(
      [
        '1 BAD_QUOTE',
        '1 BAD_SIGNER_SET',
        '1 DUPLICATE_QUOTE',
        '1 FALSE_EVIDENCE',
        '1 MALFORMED_PROPOSAL',
        '1 TOO_FEW_QUOTES',
      ].sort(),
    )
  })

  it('names it for two proposals under one session number, as the next aggregator is shown them', async () => {
    const round = await hostile.nextRound()
    // The lowest and the highest quote come so late that leaving one of them out is allowed.
    const lateMs = round * 100 + TIMING.collectMs - TIMING.inclusionMarginMs + 20
    for (const slot of [0, 3]) {
      at(net.members, slot).outgoing = (quote, publish) => {
        void systemClock.sleep(Math.max(0, lateMs - systemClock.now())).then(() => publish(quote.bytes))
      }
      at(net.members, slot).tamper = (protocol, _request, answer) =>
        protocol.includes('/quote/') ? Promise.resolve(new Uint8Array()) : answer()
    }
    const pairs = await hostile.pairsOf(ALL)
    const quotes = await hostile.quotesOf(round, ALL)
    await hostile.deadlineOf(round)
    const without = (slot: number) => quotes.filter(quote => quote.slot !== slot)
    // Two members are bound to each: whoever comes next cannot help meeting both, and no word finds a quorum.
    const replies = [
      ...(await proposeTo([0, 2], hostile.seal(round, without(3), pairs.slice(0, 3)))),
      ...(await proposeTo([1, 3], hostile.seal(round, without(0), pairs.slice(1)))),
    ]
    for (const slot of [0, 3]) at(net.members, slot).tamper = undefined
    expect(replies.map(({ kind }) => kind)).to.deep.equal(['share', 'share', 'share', 'share'])
    await waitFor('the backup to be shown both', () =>
      provenAgainstAggregators(net).includes('1 CONFLICTING_PROPOSAL'),
    )
    expect(provenAgainstAggregators(net)).to.deep.equal(['1 CONFLICTING_PROPOSAL'])
    await nextCertificates(net, 1)
    expect(certificatesOf(net).map(roundOf)).to.not.include(round)
  })

  it('counts it against one that collects shares and announces nothing, and the backup certifies', async () => {
    // Once is no sign of anything: the third time is.
    for (let time = 0; time < 3; time++) {
      const round = await hostile.nextRound()
      const signers = await hostile.pairsOf(CHOSEN)
      const quotes = await hostile.quotesOf(round, ALL)
      const replies = await proposeTo(CHOSEN, hostile.seal(round, quotes, signers))
      expect(replies.map(({ kind }) => kind)).to.deep.equal(['share', 'share', 'share'])
      await waitFor('the backup to certify the round', () =>
        certificatesOf(net).some(certified => roundOf(certified) === round),
      )
    }
    await waitFor('it to be counted', () =>
      CHOSEN.every(slot => at(net.members, slot).faults.includes('1 WITHHELD')),
    )
    expect(observed()).to.deep.equal(['1 WITHHELD'])
  })

  it('counts it against one that goes on without the quotes it was shown', async () => {
    const round = await hostile.nextRound()
    const signers = await hostile.pairsOf(CHOSEN)
    const quotes = await hostile.quotesOf(round, ALL)
    await hostile.deadlineOf(round)
    const dropped = quotes.filter(({ slot }) => slot !== 3)
    const first = await hostile.propose(0, hostile.seal(round, dropped, signers))
    expect([first.kind, observed()]).to.deep.equal(['missing', []])
    await systemClock.sleep(TIMING.inclusionMarginMs)
    const second = await hostile.propose(0, hostile.seal(round, dropped, signers, { session: 1 }))
    expect([second.kind, observed()]).to.deep.equal(['missing', ['1 MISSING_QUOTES']])
  })
})
