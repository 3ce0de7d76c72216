import { expect } from 'chai'
import fc from 'fast-check'
import { decodeBundle, describeFault } from '../../../protocol/epoch/bundle-reader.ts'
import { encodeBundle } from '../../../protocol/epoch/bundle-writer.ts'
import { computeEpoch } from '../../../protocol/epoch/compute.ts'
import { decodeEpochReport, encodeEpochReport } from '../../../protocol/epoch/report.ts'
import { sumOf } from '../../../protocol/epoch/shares.ts'
import { ONE } from '../../../protocol/units.ts'
import type { SignedBatch } from '../../../protocol/usage/batch.ts'
import { holdId } from '../../../protocol/usage/hold.ts'
import type { WorkRecord } from '../../../protocol/usage/record.ts'
import { FIRST_SEQUENCE, isSequenceState, takeSequence } from '../../../protocol/usage/sequence.ts'
import {
  caseOf,
  hire,
  inference,
  inputsOf,
  ioHold,
  iosdHold,
  nextInputs,
  PAYER,
  TERMS,
  WORKER,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'

const firstInputs = inputsOf()
const honest = caseOf(firstInputs)
const encoded = [...encodeBundle(honest.bundle)]
const bytes = Uint8Array.from(encoded.flatMap(block => [...block]))

describe('sequence numbers', () => {
  it('are taken exactly once, in whatever order batches come', () => {
    const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.nat(12)), { maxLength: 60 })
    fc.assert(
      fc.property(ranges, list => {
        const taken = new Set<number>()
        let state = FIRST_SEQUENCE
        for (const [from, more] of list) {
          const numbers = Array.from({ length: more + 1 }, (_, index) => from + index)
          const known = numbers.filter(number => taken.has(number)).length
          const decision = takeSequence(state, { from, to: from + more })
          if ('taken' in decision) {
            expect(known).to.equal(0)
            for (const number of numbers) taken.add(number)
            state = decision.taken
          } else {
            expect(decision.refused).to.equal(known === numbers.length ? 'ALREADY_TAKEN' : 'OVERLAPS')
            expect(known).to.be.greaterThan(0)
          }
          expect(isSequenceState(state)).to.equal(true)
        }
        const missing = state.gaps.reduce((sum, gap) => sum + gap.to - gap.from + 1, 0)
        expect(state.next - 1 - missing).to.equal(taken.size)
      }),
    )
  })
})

describe('a bundle', () => {
  it('with any one byte changed is never taken for itself', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = (changed[at] ?? 0) ^ mask
        const result = decodeBundle([changed])
        if (!('fault' in result)) throw new Error(`byte ${at} was changed unseen`)
        expect(result.fault.offset).to.be.at.most(at)
        expect(describeFault(result.fault)).to.match(/byte \d+$/)
      }),
      { numRuns: 300 },
    )
  })

  it('of noise is refused without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(bytes.length), (noise, at) => {
        const result = decodeBundle([bytes.subarray(0, at), noise])
        expect('fault' in result || at === bytes.length).to.equal(true)
      }),
    )
  })
})

describe('an epoch report', () => {
  it('comes out of its bytes as it went in', () => {
    const { report } = honest
    expect(decodeEpochReport(encodeEpochReport(report))).to.deep.equal(report)
  })
})

describe('any usage', () => {
  const io = (record: Partial<WorkRecord>) => inference({ ...record, hold: holdId(DOMAIN, ioHold()) })
  const iosd = (record: Partial<WorkRecord>) => hire({ ...record, hold: holdId(DOMAIN, iosdHold()) })
  const charge = fc.bigInt({ min: 0n, max: 5n * ONE })
  const record = fc.oneof(
    charge.map(cumulativeCharge => io({ cumulativeCharge })),
    charge.map(each => iosd({ cumulativeCharge: each * 10n })),
    charge.map(cumulativeCharge => io({ cumulativeCharge, version: 2 })),
  )
  // Signatures are the auditor's matter, and would only cost time here.
  const unsigned = (seqFrom: number, records: readonly WorkRecord[]): SignedBatch => ({
    batch: { worker: WORKER, seqFrom, records },
    signature: new Uint8Array(64),
  })
  const batch = fc.array(record, { minLength: 1, maxLength: 8 })

  it('leaves debits, credits and state that agree, over two epochs, and nothing falls', () => {
    fc.assert(
      fc.property(batch, batch, (first, second) => {
        const inputs = { ...firstInputs, batches: [unsigned(1, first)] }
        const one = computeEpoch(inputs, TERMS)
        const after = nextInputs(inputs, one, {
          receipts: firstInputs.receipts,
          batches: [unsigned(1 + first.length, second)],
        })
        const two = computeEpoch(after, TERMS)
        for (const outcome of [one, two]) {
          expect(sumOf(outcome.usage.payments)).to.equal(outcome.usage.debitIo)
          const settled = outcome.closing.channels.filter(({ asset }) => asset === 1)
          const line = outcome.debits.find(({ payer }) => payer === PAYER)
          expect(line?.cumulativeIo).to.equal(settled.reduce((sum, state) => sum + state.settled, 0n))
          for (const { hold, used } of outcome.closing.holds) expect(used <= hold.maxAmount).to.equal(true)
        }
        const before = new Map(one.rewards.map(line => [line.account, line.cumulative]))
        for (const { account, cumulative } of two.rewards) {
          expect(cumulative >= (before.get(account) ?? 0n)).to.equal(true)
        }
        expect(two.rewards.length).to.be.at.least(one.rewards.length)
      }),
      { numRuns: 60 },
    )
  })

  it('gives the same outcome when it is computed late or again', () => {
    fc.assert(
      fc.property(batch, records => {
        const inputs = { ...firstInputs, batches: [unsigned(1, records)] }
        expect(computeEpoch(inputs, TERMS)).to.deep.equal(computeEpoch(inputs, TERMS))
      }),
      { numRuns: 20 },
    )
  })
})
