import { expect } from 'chai'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import {
  AUDIT_REFUSALS,
  type AuditRefusal,
  type ChainView,
  describeRefusal,
  type OwnKnowledge,
  type Where,
} from '../../../protocol/epoch/audit-types.ts'
import { OPENING } from '../../../protocol/epoch/availability.ts'
import type { EpochBundle } from '../../../protocol/epoch/bundle.ts'
import { decodeBundle } from '../../../protocol/epoch/bundle-reader.ts'
import { encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import { debitRootOf, rewardRootOf } from '../../../protocol/epoch/ledger.ts'
import { type EpochReport, MAX_VALID_SEC } from '../../../protocol/epoch/report.ts'
import { stateHash } from '../../../protocol/epoch/state.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { batchIdentity, type UsageBatch } from '../../../protocol/usage/batch.ts'
import type { SignedReceipt } from '../../../protocol/usage/receipt.ts'
import {
  acceptHold,
  certifiedPrice,
  hash,
  promise,
  signBatch,
  signReceipt,
} from '../../support/epoch/cast.ts'
import {
  type Case,
  caseOf,
  hire,
  hireReceipt,
  inference,
  inferenceReceipt,
  inputsOf,
  ioHold,
  iosdHold,
  MODEL,
  nextInputs,
  OTHER_WORKER,
  PARAMETERS,
  PAYER,
  proposalOf,
  result,
  START_SEC,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'

const crypto = nobleIdentityCrypto
const honest = caseOf()

interface Changes {
  readonly bundle?: Partial<EpochBundle>
  readonly report?: Partial<EpochReport>
  readonly chain?: Partial<ChainView>
  readonly own?: Partial<OwnKnowledge>
}

function audit(base: Case, changes: Changes = {}) {
  const proposal = proposalOf({ ...base.bundle, ...changes.bundle }, { ...base.report, ...changes.report })
  return auditEpoch(proposal, { ...base.chain, ...changes.chain }, { ...base.own, ...changes.own }, crypto)
}

const asserted = new Set<AuditRefusal>()

/** Asserts the code and what `where` names, and notes that the code has a test. */
function expectRefused(base: Case, changes: Changes, code: AuditRefusal, where: Partial<Where> = {}): void {
  const answer = audit(base, changes)
  if (!('refused' in answer)) throw new Error(`signed, where ${code} was due`)
  expect(describeRefusal(answer)).to.match(new RegExp(`^${code}: `))
  expect(answer.where).to.include(where)
  asserted.add(code)
}

/** The epoch after the honest one, with its own usage. */
function secondEpoch(changes: Parameters<typeof nextInputs>[2] = {}): Case {
  return caseOf(nextInputs(honest.bundle, honest.outcome, changes))
}

const [firstBatch] = honest.bundle.batches
if (firstBatch === undefined) throw new Error('a batch')

describe('an honest epoch', () => {
  it('is signed by an auditor that computes the same', () => {
    const answer = audit(honest)
    if ('refused' in answer) throw new Error(describeRefusal(answer))
    expect(answer.ok).to.deep.equal(honest.report)
    expect(answer.closingStateHash).to.equal(stateHash(honest.outcome.closing))
  })

  it('is followed by one that starts where it ended', () => {
    const second = secondEpoch({
      receipts: [signReceipt(inferenceReceipt({ cumulativeCeiling: 7n * ONE }), 'payer')],
      batches: [
        signBatch(
          { worker: WORKER, seqFrom: 4, records: [inference({ cumulativeCharge: 5n * ONE })] },
          'worker',
        ),
      ],
    })
    const answer = audit(second)
    if ('refused' in answer) throw new Error(describeRefusal(answer))
    expect(answer.ok.debitIo).to.equal(2n * ONE)
  })

  it('is signed also with no usage, no price and nobody there', () => {
    const empty = secondEpoch({ price: undefined })
    expect('ok' in audit(empty)).to.equal(true)
  })
})

describe('a report at the wrong time or place', () => {
  it('is refused before anything is read', () => {
    expectRefused(honest, { report: { epoch: 1 } }, 'WRONG_EPOCH', {
      key: 'epoch',
      expected: '0',
      found: '1',
    })
    expectRefused(honest, { report: { keyEpoch: 4 } }, 'WRONG_KEY_EPOCH')
    expectRefused(honest, { chain: { nextAttempt: 1 } }, 'WRONG_ATTEMPT')
    expectRefused(honest, { report: { attempt: 1_003 }, chain: { nextAttempt: 2 } }, 'WRONG_ATTEMPT', {
      expected: '2 to 1002',
    })
    for (const attempt of [2, 1_002])
      expect('ok' in audit(honest, { report: { attempt }, chain: { nextAttempt: 2 } })).to.equal(true)
    expectRefused(honest, { report: { validUntil: honest.chain.nowSec } }, 'EXPIRED')
    const longest = honest.chain.nowSec + 2 * MAX_VALID_SEC
    expect('ok' in audit(honest, { report: { validUntil: longest } })).to.equal(true)
    // A relayer that made it look a month late would keep debits from whoever has asked for a withdrawal.
    expectRefused(honest, { report: { validUntil: longest + 1 } }, 'VALID_TOO_LONG', {
      key: 'validUntil',
      expected: `at most ${longest}`,
    })
    const other = hash('another root')
    for (const key of ['previousRewardRoot', 'previousDebitRoot'] as const) {
      expectRefused(honest, { report: { [key]: other } }, 'PREVIOUS_DIGEST', { key })
    }
  })

  it('is refused when its snapshot is not final, too early or another block', () => {
    const { snapshot } = honest.chain
    if (snapshot === undefined) throw new Error('a snapshot')
    expectRefused(honest, { chain: { snapshot: undefined } }, 'SNAPSHOT_NOT_FINAL')
    const open = { ...snapshot, finalised: false }
    expectRefused(honest, { chain: { snapshot: open } }, 'SNAPSHOT_NOT_FINAL')
    const early = { ...snapshot, timestampSec: snapshot.timestampSec - 1 }
    expectRefused(honest, { chain: { snapshot: early } }, 'SNAPSHOT_BEFORE_END')
    expectRefused(honest, { report: { snapshotHash: hash('fork') } }, 'SNAPSHOT_HASH')
  })
})

describe('a bundle', () => {
  it('that is damaged or another one is refused', () => {
    const bytes = [...encodeBundle(honest.bundle)]
    const damaged = { report: honest.report, bundle: decodeBundle(bytes.slice(0, -1)) }
    const answer = auditEpoch(damaged, honest.chain, honest.own, crypto)
    expect(answer).to.have.property('refused', 'BAD_BUNDLE')
    asserted.add('BAD_BUNDLE')
    const swapped = { report: { ...honest.report, bundleHash: hash('other') }, bundle: decodeBundle(bytes) }
    expect(auditEpoch(swapped, honest.chain, honest.own, crypto)).to.have.property('refused', 'BUNDLE_HASH')
    asserted.add('BUNDLE_HASH')
  })

  it('must start from what the chain says', () => {
    const { header } = honest.bundle
    const headed = (changes: Partial<typeof header>) => ({ bundle: { header: { ...header, ...changes } } })
    expectRefused(honest, headed({ snapshotBlock: 99 }), 'HEADER', { key: 'snapshotBlock' })
    expectRefused(honest, headed({ burned: 3n }), 'BURNED', { found: '3' })
    expectRefused(honest, headed({ reserve: 3n }), 'RESERVE', { found: '3' })
    const parameters = { ...PARAMETERS, feeBps: 1 }
    expectRefused(honest, { bundle: { parameters } }, 'PARAMETERS', { key: 'feeBps', expected: '200' })
    const deposits = honest.bundle.deposits.map(line => ({ ...line, io: line.io + 1n }))
    expectRefused(honest, { bundle: { deposits } }, 'DEPOSITS', { index: 0 })
    const models = [{ ...MODEL, royaltyBps: 5_000 }]
    expectRefused(honest, { bundle: { models } }, 'MODELS', { index: 0 })
  })

  it('must start from what the epoch before left', () => {
    const second = secondEpoch()
    const { opening, openingRewards, openingDebits } = second.bundle
    const forgotten = { opening: { ...opening, channels: opening.channels.slice(1) } }
    expectRefused(second, { bundle: forgotten }, 'OPENING_STATE')
    const raised = openingRewards.map(line => ({ ...line, cumulative: line.cumulative + 1n }))
    expectRefused(second, { bundle: { openingRewards: raised } }, 'OPENING_REWARDS')
    expectRefused(second, { bundle: { openingDebits: openingDebits.slice(1) } }, 'OPENING_DEBITS')
  })
})

describe('the price of an epoch', () => {
  it('must be certified, of the epoch, and the highest that is known', () => {
    const at = START_SEC + 100
    const price = certifiedPrice(5n, at)
    const forged = { ...price, word: certifiedPrice(6n, at).word }
    expectRefused(honest, { bundle: { price: forged } }, 'BAD_PRICE_CERTIFICATE')
    const feedId = hash('BTC/USD')
    expectRefused(honest, { bundle: { price: { ...price, feedId } } }, 'BAD_PRICE_CERTIFICATE')
    expectRefused(honest, { bundle: { price: certifiedPrice(5n, START_SEC - 1) } }, 'PRICE_OUTSIDE_EPOCH')
    const highestPrice = (5n * ONE + 1n) as Price
    expectRefused(honest, { own: { highestPrice } }, 'HIGHER_PRICE_KNOWN', { expected: String(highestPrice) })
    expectRefused(honest, { bundle: { price: undefined }, own: { highestPrice } }, 'HIGHER_PRICE_KNOWN')
  })
})

describe('challenge commitments', () => {
  it('count only under a root that came in time, and none is left out', () => {
    expectRefused(honest, { own: { windowRoots: new Map() } }, 'COMMITMENTS_ROOT', { key: '7' })
    const windowRoots = new Map([...honest.own.windowRoots, [8, hash('window 8')] as const])
    expectRefused(honest, { own: { windowRoots } }, 'COMMITMENTS_ROOT', { key: '8' })
    const results = honest.bundle.results.map(each => ({ ...each, products: each.products + 1 }))
    expectRefused(honest, { bundle: { results } }, 'COMMITMENTS_ROOT', { part: 'windows', index: 0 })
    const stray = { results: [...honest.bundle.results, result(WORKER, { window: 9 })] }
    expectRefused(honest, { bundle: stray }, 'COMMITMENTS_ROOT', { part: 'results', index: 2 })
  })

  it('are refused when a sampled opening is false or missing', () => {
    for (const verdict of ['false', 'missing'] as const) {
      expectRefused(honest, { own: { verdictOf: () => verdict } }, 'CHALLENGE_OPENING', { found: verdict })
    }
  })

  it('that failed are not sampled, and weigh nothing', () => {
    const results = honest.bundle.results.map(each =>
      each.worker === WORKER ? { ...each, opening: OPENING.failed } : each,
    )
    const base = caseOf(inputsOf({ results }))
    const answer = audit(base, { own: { verdictOf: each => (each.worker === WORKER ? 'false' : 'true') } })
    if ('refused' in answer) throw new Error(describeRefusal(answer))
    expect([...answer.outcome.allocation.availability.keys()]).to.deep.equal([OTHER_WORKER])
    expect(answer.outcome.refused).to.deep.equal([{ worker: WORKER, sequence: 3, reason: 'FAILED_OPENING' }])
  })
})

describe('batches', () => {
  it('that were promised or forced must be in', () => {
    const batches = honest.bundle.batches.filter(({ batch }) => batch.worker !== WORKER)
    expectRefused(honest, { bundle: { batches } }, 'MISSING_BATCH', { part: 'batches' })
    const forced = [batchIdentity({ ...firstBatch.batch, seqFrom: 100 })]
    expectRefused(honest, { own: { forced } }, 'MISSING_BATCH')
  })

  it('that somebody else promised, or for another epoch, need not be in', () => {
    const elsewhere = { ...firstBatch.batch, seqFrom: 100 }
    const inclusions = [promise(elsewhere, 0, 'stranger'), promise(elsewhere, 1)]
    expect('ok' in audit(honest, { own: { inclusions } })).to.equal(true)
  })

  it('that were promised need not be in once their numbers are taken, or their worker is none', () => {
    const own = (...batches: UsageBatch[]) => ({
      own: { inclusions: batches.map(batch => promise(batch, 0)) },
    })
    const twin = { ...firstBatch.batch, records: firstBatch.batch.records.slice(1) }
    expect('ok' in audit(honest, own(twin)), 'those of another batch of the epoch').to.equal(true)
    const settled = { inclusions: [promise(firstBatch.batch, 1), promise(twin, 1)] }
    expect('ok' in audit(secondEpoch(), { own: settled }), 'those of the epoch before').to.equal(true)
    const far = { ...firstBatch.batch, seqFrom: 2 ** 40 }
    expect('ok' in audit(honest, own(far)), 'further ahead than any can be').to.equal(true)
    const stranger = { ...firstBatch.batch, worker: PAYER, seqFrom: 100 }
    expect('ok' in audit(honest, own(stranger)), 'of no worker').to.equal(true)
    expectRefused(honest, own(twin, { ...firstBatch.batch, seqFrom: 100 }), 'MISSING_BATCH')
  })

  it('with an invented record are not under their worker’s signature', () => {
    const batches = honest.bundle.batches.map(({ batch, signature }) => ({
      batch: { ...batch, records: [...batch.records, hire({ cumulativeCharge: 30n * ONE })] },
      signature,
    }))
    expectRefused(honest, { bundle: { batches }, own: { inclusions: [] } }, 'BAD_WORKER_SIGNATURE', {
      part: 'batches',
      index: 0,
    })
  })

  it('of strangers, or with numbers that have been taken, are refused', () => {
    expectRefused(honest, { chain: { isWorker: () => false } }, 'UNKNOWN_WORKER')
    const again = { bundle: { batches: [firstBatch] }, own: { inclusions: [] } }
    expectRefused(secondEpoch(), again, 'REPEATED_SEQUENCE', { found: 'ALREADY_TAKEN' })
  })
})

describe('an epoch after one that was emptied', () => {
  /** Work of the emptied epoch 1, and of epoch 2 itself, which is settled. */
  const emptied = { worker: WORKER, seqFrom: 4, records: [inference({ cumulativeCharge: 5n * ONE })] }
  const own = { worker: WORKER, seqFrom: 5, records: [inference({ cumulativeCharge: 6n * ONE })] }
  const hold = (expiresEpoch: number) => ioHold({ expiresEpoch, nonce: 7n, maxAmount: ONE })
  const third = (changes: Parameters<typeof nextInputs>[2] = {}): Case => {
    const base = nextInputs(honest.bundle, honest.outcome)
    const header = { ...base.header, epoch: 2 }
    const inputs = nextInputs(honest.bundle, honest.outcome, {
      header,
      receipts: [signReceipt(inferenceReceipt({ cumulativeCeiling: 7n * ONE }), 'payer')],
      batches: [signBatch(emptied, 'worker'), signBatch(own, 'worker')],
      acceptances: [acceptHold(hold(2), 'payer', { epoch: 1 })],
      ...changes,
    })
    const { chain, ...given } = caseOf(inputs)
    return {
      ...given,
      chain: { ...chain, owedFrom: 1 },
      own: { ...given.own, inclusions: [promise(emptied, 1), promise(own, 2)] },
    }
  }

  it('brings what was promised and accepted in it, from where the last one with a bundle ended', () => {
    const answer = audit(third())
    if ('refused' in answer) throw new Error(describeRefusal(answer))
    expect(answer.ok.debitIo).to.equal(3n * ONE)
    expect(
      answer.outcome.closing.holds.some(state => state.hold.nonce === 7n),
      'run out',
    ).to.equal(false)
  })

  it('is refused without a batch that was promised for it, but not for one that is older or younger', () => {
    const missing = third({ batches: [signBatch(own, 'worker')] })
    expectRefused(missing, {}, 'MISSING_BATCH', { part: 'batches' })
    const far = { ...emptied, seqFrom: 100 }
    expect('ok' in audit(third(), { own: { inclusions: [promise(far, 0), promise(far, 3)] } })).to.equal(true)
  })

  it('owes nothing of an epoch that was settled', () => {
    const missing = third({ batches: [signBatch(own, 'worker')], acceptances: [] })
    expect('ok' in audit(missing, { chain: { owedFrom: 2 } })).to.equal(true)
  })

  it('is refused with holds that have run out meanwhile, last too long, or are of another epoch', () => {
    const holds = [
      [acceptHold(hold(1), 'payer', { epoch: 1 }), 'expired'],
      [acceptHold(hold(26), 'payer', { epoch: 1 }), 'lasts too long'],
      [acceptHold(hold(2), 'payer', { epoch: 0 }), 'accepted in another epoch'],
      [acceptHold(hold(3), 'payer', { epoch: 3 }), 'accepted in another epoch'],
    ] as const
    for (const [accepted, found] of holds)
      expectRefused(third({ acceptances: [accepted] }), {}, 'BAD_HOLD', { found })
  })
})

describe('holds', () => {
  const withHold = (...accepted: ReturnType<typeof acceptHold>[]) =>
    caseOf(inputsOf({ acceptances: accepted }))

  it('are refused when they should not have been accepted', () => {
    const cases = [
      [withHold(acceptHold(ioHold(), 'payer', { epoch: 1 })), 'accepted in another epoch'],
      [withHold(acceptHold(ioHold({ expiresEpoch: 25 }), 'payer')), 'lasts too long'],
      [secondEpoch({ acceptances: [acceptHold(ioHold(), 'payer', { epoch: 1 })] }), 'accepted before'],
      [
        secondEpoch({ acceptances: [acceptHold(ioHold({ expiresEpoch: 0 }), 'payer', { epoch: 1 })] }),
        'expired',
      ],
    ] as const
    for (const [base, found] of cases) expectRefused(base, {}, 'BAD_HOLD', { found })
  })

  it('need their payer’s signature and a relayer’s acceptance', () => {
    expectRefused(withHold(acceptHold(ioHold(), 'thief')), {}, 'BAD_PAYER_SIGNATURE', { part: 'acceptances' })
    expectRefused(
      honest,
      { chain: { isRelayer: () => false }, own: { inclusions: [] } },
      'BAD_RELAYER_SIGNATURE',
    )
  })

  it('beyond the payer’s deposit are the relayer’s fault', () => {
    const base = withHold(
      acceptHold(ioHold({ maxAmount: 60n * ONE }), 'payer'),
      acceptHold(ioHold({ maxAmount: 40n * ONE + 1n, nonce: 9n }), 'payer'),
    )
    expectRefused(base, {}, 'HOLD_OVER_ACCEPTED', { expected: `at most ${100n * ONE}` })
  })

  it('beyond the deposit together with charges that wait are the relayer’s fault', () => {
    const waiting = inputsOf({ price: undefined })
    const outcome = computeEpoch(waiting, TERMS)
    const accepting = (maxAmount: bigint) => {
      const hold = acceptHold(iosdHold({ maxAmount, nonce: 9n }), 'payer', { epoch: 1 })
      return caseOf(nextInputs(waiting, outcome, { acceptances: [hold] }))
    }
    // 20 IOSD are charged and wait, 30 are held.
    expect('ok' in audit(accepting(50n * ONE))).to.equal(true)
    expectRefused(accepting(50n * ONE + 1n), {}, 'HOLD_OVER_ACCEPTED')
  })
})

describe('receipts', () => {
  it('pay only the worker that their payer named', () => {
    const receipts = honest.bundle.receipts.map(({ receipt, signature }) => ({
      receipt: { ...receipt, worker: OTHER_WORKER },
      signature,
    }))
    const { bundle } = caseOf(inputsOf({ receipts }))
    expectRefused(honest, { bundle }, 'BAD_PAYER_SIGNATURE', { part: 'receipts' })
  })

  it('are one for each channel, and not below what it was charged', () => {
    const lower = signReceipt(inferenceReceipt({ cumulativeCeiling: 3n * ONE }), 'payer')
    const both = caseOf(inputsOf({ receipts: [...honest.bundle.receipts, lower] }))
    expectRefused(both, {}, 'DUPLICATE_RECEIPT')
    const fell = signReceipt(inferenceReceipt({ cumulativeCeiling: 3n * ONE - 1n }), 'payer')
    expectRefused(secondEpoch({ receipts: [fell] }), {}, 'RECEIPT_FELL', { part: 'receipts', index: 0 })
  })

  it('and models that are held back are missed by who knows them', () => {
    const receipts = [signReceipt(hireReceipt(), 'payer')]
    const withheld = caseOf(inputsOf({ receipts }))
    expect('ok' in audit(withheld)).to.equal(true)
    const shown = { own: { receipts: [signReceipt(inferenceReceipt(), 'payer')] } }
    expectRefused(withheld, shown, 'MISSING_RECEIPT')
    const forged = { own: { receipts: [signReceipt(inferenceReceipt(), 'thief')] } }
    expect('ok' in audit(withheld, forged)).to.equal(true)
    expectRefused(caseOf(inputsOf({ models: [] })), {}, 'MISSING_MODEL')
  })

  it('of which none is above the other are missed only where a higher charge stands under them', () => {
    // The second record has a higher charge for fewer units: no receipt below allows both.
    const records = [
      inference({ cumulativeUnits: 100n, cumulativeCharge: 2n * ONE }),
      inference({ cumulativeUnits: 1n, cumulativeCharge: 3n * ONE }),
    ]
    const long = signReceipt(
      inferenceReceipt({ cumulativeUnits: 100n, cumulativeCeiling: 2n * ONE }),
      'payer',
    )
    const dear = signReceipt(inferenceReceipt({ cumulativeUnits: 1n, cumulativeCeiling: 3n * ONE }), 'payer')
    const epochWith = (receipt: SignedReceipt) =>
      caseOf(
        inputsOf({
          receipts: [receipt],
          batches: [signBatch({ worker: WORKER, seqFrom: 1, records }, 'worker')],
        }),
      )
    expectRefused(epochWith(long), { own: { receipts: [dear] } }, 'MISSING_RECEIPT')
    expect('ok' in audit(epochWith(dear), { own: { receipts: [long] } })).to.equal(true)
  })

  it('below what had been charged before are missed by nobody', () => {
    const stale = inference({ cumulativeUnits: 1n, cumulativeCharge: 1n })
    const batches = [signBatch({ worker: WORKER, seqFrom: 100, records: [stale] }, 'worker')]
    const epoch = secondEpoch({ receipts: [], batches })
    const fell = signReceipt(inferenceReceipt({ cumulativeCeiling: 3n * ONE - 1n }), 'payer')
    expect('ok' in audit(epoch, { own: { receipts: [fell] } })).to.equal(true)
    expectRefused(epoch, { own: { receipts: [signReceipt(inferenceReceipt(), 'payer')] } }, 'MISSING_RECEIPT')
  })
})

describe('what a bundle claims', () => {
  const { rewards, debits } = honest.bundle
  const more = rewards.map(line =>
    line.account === WORKER ? { ...line, cumulative: line.cumulative + 1n } : line,
  )

  it('is refused for one wei more in one reward, by its line', () => {
    const changes = { bundle: { rewards: more }, report: { rewardRoot: rewardRootOf(more) } }
    expectRefused(honest, changes, 'REWARD_ROOT', { part: 'rewards', key: WORKER })
    expectRefused(honest, { report: { rewardRoot: rewardRootOf(more) } }, 'REWARD_ROOT', { part: 'report' })
  })

  it('is refused for a reward that is left out or added, by its account', () => {
    const dropped = { rewards: rewards.filter(line => line.account !== WORKER) }
    expectRefused(honest, { bundle: dropped }, 'REWARD_ROOT', { key: WORKER, found: 'no line' })
    const account = `0x${'ff'.repeat(20)}` as const
    const added = { rewards: [...rewards, { account, cumulative: 1n }] }
    expectRefused(honest, { bundle: added }, 'REWARD_ROOT', { key: account, expected: 'no line' })
  })

  it('is refused for another debit, and by its own code above the payer’s holds', () => {
    const debit = (iosd: bigint, io: bigint) => {
      const changed = debits.map(line =>
        line.payer === PAYER
          ? { ...line, cumulativeIosd: line.cumulativeIosd + iosd, cumulativeIo: line.cumulativeIo + io }
          : line,
      )
      return { bundle: { debits: changed }, report: { debitRoot: debitRootOf(changed) } }
    }
    expectRefused(honest, debit(1n, 0n), 'DEBIT_ROOT', { part: 'debits', key: PAYER })
    expectRefused(honest, debit(0n, 8n * ONE), 'RECEIPT_ABOVE_HOLD', { part: 'debits', key: PAYER })
  })

  it('is refused for any other figure of the report', () => {
    for (const key of ['hiredPaid', 'availabilityPaid', 'debitIo', 'cumulativeRewards'] as const) {
      expectRefused(honest, { report: { [key]: honest.report[key] + 1n } }, 'TOTALS', { key })
    }
    expectRefused(honest, { report: { batchesRoot: hash('other') } }, 'TOTALS', { key: 'batchesRoot' })
  })

  it('is refused when lines do not add up to what the chain has counted', () => {
    const second = secondEpoch()
    const previous = {
      ...second.chain.previous,
      cumulativeRewards: second.chain.previous.cumulativeRewards + 1n,
    }
    const { report } = caseOf(nextInputs(honest.bundle, honest.outcome), previous)
    expectRefused({ ...second, report }, { chain: { previous } }, 'CONSERVATION', {
      key: 'cumulativeRewards',
    })
  })

  it('is signed when a payer may have withdrawn all that debits have left', () => {
    const deposits = honest.bundle.deposits.map(line => (line.payer === PAYER ? { ...line, io: ONE } : line))
    expect('ok' in audit(secondEpoch({ deposits }))).to.equal(true)
  })
})

describe('the codes of refusal', () => {
  it('have each been seen', () => {
    expect(AUDIT_REFUSALS.filter(code => !asserted.has(code))).to.deep.equal([])
  })
})
