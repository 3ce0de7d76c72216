import { expect } from 'chai'
import { Dealer } from '../../../oracle-node/keygen/dealer.ts'
import { BEACON_SUITE } from '../../../protocol/beacon/suite.ts'
import type { Hash } from '../../../protocol/bytes.ts'
import { SIGNING_SUITE } from '../../../protocol/frost.ts'
import { attemptIdOf, type KeygenAttempt } from '../../../protocol/keygen/attempt.ts'
import { type Blame, type Difference, judge, judgeVotes } from '../../../protocol/keygen/blame.ts'
import { findingOf, type SealedReport } from '../../../protocol/keygen/dispute.ts'
import { courtOf } from '../../../protocol/keygen/evidence.ts'
import {
  type DealtShares,
  encodeHeard,
  encodeKeygenReport,
  encodeKeyShare,
  encodeTranscriptVote,
  type KeygenReport,
} from '../../../protocol/keygen/messages.ts'
import { proofHolds } from '../../../protocol/keygen/proof-of-knowledge.ts'
import {
  type DealerCommitment,
  encodeDealerCommitment,
  encodeTranscript,
  transcriptHashOf,
} from '../../../protocol/keygen/transcript.ts'
import { MESSAGE_KIND, type MessageKind, sealMessage } from '../../../protocol/message.ts'
import { flipped } from '../../support/keygen/world.ts'
import { at, castOf, crypto, DOMAIN, registryView } from '../../support/network/cast.ts'
import { anAttempt, commitmentsFor, dealersFor } from '../../support/network/dealt-keys.ts'

const SLOTS = [0, 1, 2, 3]
const cast = castOf(5)
const { members } = registryView(cast)
const terms: KeygenAttempt = anAttempt(SLOTS, 3)
const id = attemptIdOf(DOMAIN, terms)
const court = courtOf(DOMAIN, terms, members, crypto)
const dealers = dealersFor(terms)
for (const dealer of dealers) dealer.fixTranscript(commitmentsFor(dealer, dealers))
const own = (slot: number): DealerCommitment => at(dealers, slot).own
const another = (slot: number): DealerCommitment => new Dealer(terms, id, slot).own
const shareOf = (from: number, to: number): DealtShares => {
  const shares = at(dealers, from).sharesFor(to)
  if (shares === undefined) throw new RangeError('nothing dealt')
  return shares
}

const seal = (slot: number, kind: MessageKind, body: Uint8Array, keyEpoch = 1): Uint8Array =>
  sealMessage(DOMAIN, kind, keyEpoch, body, at(cast.members, slot).sign)
const commitment = (slot: number, dealer = own(slot), attempt: Hash = id): Uint8Array =>
  seal(slot, MESSAGE_KIND.keygenCommitment, encodeDealerCommitment(attempt, dealer))
const vote = (slot: number, hash: Hash): Uint8Array =>
  seal(slot, MESSAGE_KIND.keygenTranscript, encodeTranscriptVote(id, hash))
const share = (from: number, recipient: number, shares: DealtShares): Uint8Array =>
  seal(from, MESSAGE_KIND.keygenShare, encodeKeyShare({ attemptId: id, recipient, shares }))
const hashOf = (transcript: readonly DealerCommitment[]): Hash =>
  transcriptHashOf(encodeTranscript(id, transcript))
const TRUE_HASH = hashOf(SLOTS.map(own))
const FALSE_HASH: Hash = `0x${'ab'.repeat(32)}`
const heard = (slot: number, transcript = SLOTS.map(own), transcriptHash = hashOf(transcript)): Uint8Array =>
  seal(
    slot,
    MESSAGE_KIND.keygenHeard,
    encodeHeard({
      attemptId: id,
      transcriptHash,
      commitments: transcript.map(dealer => commitment(dealer.slot, dealer)),
    }),
  )
const report = (slot: number, said: KeygenReport): SealedReport => ({
  sealed: seal(slot, MESSAGE_KIND.keygenResult, encodeKeygenReport(id, said)),
  report: said,
})

describe('a dealer’s proof of knowledge', () => {
  it('holds for who made it, in its own suite, and for nobody and nothing else', () => {
    for (const [which, suite, other] of [
      ['signing', SIGNING_SUITE, BEACON_SUITE],
      ['beacon', BEACON_SUITE, SIGNING_SUITE],
    ] as const) {
      const dealing = own(1)[which]
      expect(proofHolds(suite, 1, dealing)).to.equal(true)
      expect(proofHolds(other, 1, dealing)).to.equal(false)
      expect(proofHolds(suite, 2, dealing)).to.equal(false)
      expect(proofHolds(suite, 1, { ...dealing, commitment: own(2)[which].commitment })).to.equal(false)
      for (const fromEnd of [1, 33, 65]) {
        const proofOfKnowledge = flipped(dealing.proofOfKnowledge, fromEnd)
        expect(proofHolds(suite, 1, { ...dealing, proofOfKnowledge })).to.equal(false)
      }
    }
  })
})

describe('a judgement on a key generation', () => {
  const falseProof = {
    ...own(1),
    beacon: { ...own(1).beacon, proofOfKnowledge: own(2).beacon.proofOfKnowledge },
  }
  const degree = { ...own(1), ...dealersFor(anAttempt(SLOTS, 2))[1]?.own, slot: 1 }
  const junk = new Uint8Array(33).fill(5)
  const noPoints = { ...own(1), signing: { ...own(1).signing, commitment: [junk, junk, junk] } }
  const good = shareOf(1, 2)
  const badShares: DealtShares[] = [
    { ...good, signing: flipped(good.signing, 1) },
    { ...good, beacon: flipped(good.beacon, 1) },
    { signing: good.beacon, beacon: good.signing },
    shareOf(1, 3),
    { ...good, signing: new Uint8Array(32).fill(255) },
  ]

  it('finds every fault that its proof shows', () => {
    const guilty: Blame[] = [
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1, degree) },
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1, noPoints) },
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1, own(2)) },
      {
        fault: 'BAD_COMMITMENT',
        slot: 1,
        commitment: seal(
          1,
          MESSAGE_KIND.keygenCommitment,
          encodeDealerCommitment(id, own(1)).subarray(0, 90),
        ),
      },
      { fault: 'BAD_PROOF', slot: 1, commitment: commitment(1, falseProof) },
      { fault: 'TWO_COMMITMENTS', slot: 1, first: commitment(1), second: commitment(1, another(1)) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1), vote: vote(1, FALSE_HASH) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1, SLOTS.map(own), FALSE_HASH) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1, SLOTS.slice(1).map(own)) },
      ...badShares.map(
        (shares): Blame => ({
          fault: 'BAD_SHARE',
          slot: 1,
          share: share(1, 2, shares),
          commitment: commitment(1),
        }),
      ),
    ]
    for (const blame of guilty) expect(judge(blame, court), blame.fault).to.equal(true)
  })

  it('finds nothing against an honest member, whatever is shown of it', () => {
    const elsewhere = attemptIdOf(DOMAIN, { ...terms, attempt: 2 })
    const framed: Blame[] = [
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1) },
      { fault: 'BAD_PROOF', slot: 1, commitment: commitment(1) },
      // Of another attempt, of another member, of another key epoch, of nobody.
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1, own(1), elsewhere) },
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(2, degree) },
      { fault: 'BAD_PROOF', slot: 1, commitment: commitment(2, falseProof) },
      {
        fault: 'BAD_PROOF',
        slot: 1,
        commitment: seal(1, MESSAGE_KIND.keygenCommitment, encodeDealerCommitment(id, falseProof), 2),
      },
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: Uint8Array.of(1, 2) },
      { fault: 'BAD_COMMITMENT', slot: 4, commitment: commitment(4, { ...own(1), slot: 4 }) },
      // A fault, but not the one it is called.
      { fault: 'BAD_COMMITMENT', slot: 1, commitment: commitment(1, falseProof) },
      { fault: 'TWO_COMMITMENTS', slot: 1, first: commitment(1), second: commitment(1) },
      {
        fault: 'TWO_COMMITMENTS',
        slot: 1,
        first: commitment(1),
        second: commitment(1, another(1), elsewhere),
      },
      { fault: 'TWO_COMMITMENTS', slot: 1, first: commitment(1), second: commitment(2, another(1)) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1), vote: vote(1, TRUE_HASH) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1), vote: vote(2, FALSE_HASH) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(1) },
      { fault: 'BAD_VOTE', slot: 1, heard: heard(2, SLOTS.map(own), FALSE_HASH) },
      { fault: 'BAD_SHARE', slot: 1, share: share(1, 2, good), commitment: commitment(1) },
      // A good share passed on by its recipient, and a bad one that the accuser made up.
      { fault: 'BAD_SHARE', slot: 1, share: share(1, 3, shareOf(1, 3)), commitment: commitment(1) },
      { fault: 'BAD_SHARE', slot: 1, share: share(2, 2, at(badShares, 0)), commitment: commitment(1) },
      { fault: 'BAD_SHARE', slot: 1, share: share(1, 2, good), commitment: commitment(2) },
      { fault: 'BAD_SHARE', slot: 1, share: share(1, 4, good), commitment: commitment(1) },
    ]
    for (const blame of framed) expect(judge(blame, court), blame.fault).to.equal(false)
  })

  it('finds an accusation without a proof to be a fault of the accuser', () => {
    const accusing = (shown: Uint8Array) =>
      report(3, { kind: 'blame', blame: { fault: 'BAD_PROOF', slot: 1, commitment: shown } }).sealed
    const blameOf = (sealed: Uint8Array, slot = 3): Blame => ({
      fault: 'FALSE_COMPLAINT',
      slot,
      report: sealed,
    })
    expect(judge(blameOf(accusing(commitment(1))), court)).to.equal(true)
    expect(judge(blameOf(accusing(commitment(1, falseProof))), court)).to.equal(false)
    expect(judge(blameOf(accusing(commitment(1)), 2), court)).to.equal(false)
    const waiting = report(3, { kind: 'waiting', stage: 'vote', missing: [1] }).sealed
    expect(judge(blameOf(waiting), court)).to.equal(false)
  })
})

describe('votes that differ', () => {
  const told = another(1)
  const otherStory = SLOTS.map(slot => (slot === 1 ? told : own(slot)))
  const all = (change: Readonly<Record<number, Uint8Array | undefined>> = {}): Map<number, Uint8Array> =>
    new Map(
      SLOTS.flatMap(slot => {
        const shown = slot in change ? change[slot] : heard(slot)
        return shown === undefined ? [] : [[slot, shown] as const]
      }),
    )
  const says = (accuser: number, slot: number, sealed: Uint8Array): Difference => ({
    accuser,
    slot,
    vote: sealed,
  })
  const named = (differences: readonly Difference[], shown = all()) =>
    judgeVotes(differences, shown, court).map(({ slot, fault }) => [slot, fault])

  it('lead to the dealer that told two stories, and to nobody who believed it', () => {
    const differences = [says(0, 2, vote(2, hashOf(otherStory))), says(2, 0, vote(0, TRUE_HASH))]
    expect(named(differences, all({ 2: heard(2, otherStory) }))).to.deep.equal([[1, 'TWO_COMMITMENTS']])
  })

  it('lead to who voted otherwise than it heard, or twice', () => {
    expect(named([says(0, 2, vote(2, FALSE_HASH))])).to.deep.equal([[2, 'BAD_VOTE']])
    const contradiction = heard(2, SLOTS.map(own), FALSE_HASH)
    expect(named([says(0, 2, vote(2, FALSE_HASH))], all({ 2: contradiction }))).to.deep.equal([
      [2, 'BAD_VOTE'],
    ])
  })

  it('lead to who does not show what it heard', () => {
    expect(named([says(0, 2, vote(2, FALSE_HASH))], all({ 2: undefined }))).to.deep.equal([[2, 'SILENT']])
    expect(named([says(0, 2, vote(2, FALSE_HASH))], all({ 0: heard(1) }))).to.deep.include([0, 'SILENT'])
  })

  it('lead to who only says so', () => {
    expect(named([says(0, 2, vote(2, TRUE_HASH))])).to.deep.equal([[0, 'FALSE_COMPLAINT']])
    expect(named([says(0, 2, vote(0, FALSE_HASH))])).to.deep.equal([[0, 'FALSE_COMPLAINT']])
  })
})

describe('what a caller makes of reports', () => {
  const finished: KeygenReport = {
    kind: 'finished',
    transcriptHash: TRUE_HASH,
    consent: new Uint8Array(64),
    nonce: { hiding: new Uint8Array(33), binding: new Uint8Array(33) },
  }
  const waits = (stage: 'commitment' | 'vote' | 'share' | 'finishing', missing: number[]): KeygenReport => ({
    ...{ kind: 'waiting', stage, missing },
  })
  const said = (reports: Readonly<Record<number, KeygenReport>>) =>
    new Map(Object.entries(reports).map(([slot, each]) => [Number(slot), report(Number(slot), each)]))
  const done = { 0: finished, 1: finished, 2: finished, 3: finished }

  it('is finished only when every participant is', () => {
    expect(findingOf(said(done), undefined, court)).to.deep.equal({ kind: 'finished' })
    expect(findingOf(said({ 0: finished, 1: finished, 2: finished }), undefined, court)).to.deep.equal({
      kind: 'guilty',
      excluded: [{ slot: 3, fault: 'SILENT', what: 'report' }],
    })
  })

  it('looks at those that are the least far: others may only wait for them', () => {
    const finding = findingOf(
      said({ 0: waits('vote', [2]), 1: waits('vote', [2]), 2: waits('commitment', [3]), 3: finished }),
      undefined,
      court,
    )
    expect(finding).to.deep.include({ complaints: [{ piece: 'commitment', complainant: 2, owner: 3 }] })
  })

  it('lets nobody stay where it was brought all it missed, nor go back', () => {
    const first = findingOf(
      said({ ...done, 2: waits('vote', [3]), 1: waits('share', [2]) }),
      undefined,
      court,
    )
    if (first.kind !== 'waiting') throw new Error(first.kind)
    const next = (slot: number, stage: 'vote' | 'share' | 'finishing', missing: number[] = []) => {
      const finding = findingOf(said({ ...done, [slot]: waits(stage, missing) }), first.settled, court)
      return finding.kind === 'guilty' ? finding.excluded : finding.kind
    }
    expect(next(2, 'share', [3])).to.equal('waiting')
    expect(next(2, 'finishing')).to.equal('waiting')
    expect(next(1, 'share', [2])).to.equal('waiting')
    for (const liar of [next(2, 'vote', [0]), next(2, 'vote'), next(1, 'vote', [0]), next(0, 'share', [3])])
      expect(liar).to.have.length(1)
  })

  it('lets a member stay where what was brought to it was not acknowledged', () => {
    const settled = { stages: new Map([[2, 1]]), lowest: 1, unserved: new Set([2]) }
    const stays = said({ ...done, 2: waits('vote', [3]) })
    expect(findingOf(stays, settled, court).kind).to.equal('waiting')
    const goesBack = said({ ...done, 2: waits('commitment', [3]) })
    expect(findingOf(goesBack, settled, court).kind).to.equal('guilty')
  })

  it('takes no complaint about oneself or a stranger', () => {
    for (const missing of [[2], [4]]) {
      const finding = findingOf(said({ ...done, 2: waits('share', missing) }), undefined, court)
      expect(finding).to.deep.equal({ kind: 'guilty', excluded: [{ slot: 2, fault: 'FALSE_COMPLAINT' }] })
    }
  })
})
