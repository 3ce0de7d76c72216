import { expect } from 'chai'
import fc from 'fast-check'
import { ByteWriter } from '../../../protocol/bytes.ts'
import { auditEpoch } from '../../../protocol/epoch/audit.ts'
import { DepositBook } from '../../../protocol/epoch/deposits.ts'
import { EMPTY_STATE, UsageTables } from '../../../protocol/epoch/state.ts'
import { nobleIdentityCrypto } from '../../../protocol/identity.ts'
import { ONE, type Price } from '../../../protocol/units.ts'
import { type Hold, holdDigest, holdId, writeHold } from '../../../protocol/usage/hold.ts'
import { ASSET } from '../../../protocol/usage/wire.ts'
import { decideHold, type PayerBook } from '../../../relayer/intake/hold-decision.ts'
import { Epochs } from '../../support/economics/epochs.ts'
import { SEED, wei } from '../../support/economics/market-arbitraries.ts'
import { acceptHold, addressOf, signAs } from '../../support/epoch/cast.ts'
import {
  caseOf,
  hire,
  hireReceipt,
  inputsOf,
  iosdHold,
  PARAMETERS,
  PAYER,
  proposalOf,
  sortedBy,
} from '../../support/epoch/world.ts'
import { DOMAIN } from '../../support/protocol/network.ts'
import { IntakeWorld } from '../../support/relayer/intake-world.ts'

const workers = Array.from({ length: 10 }, (_, i) => addressOf(`worker ${i}`))
const deposit = 100n * ONE
const deposits = [{ payer: PAYER, io: deposit, iosd: deposit }]

/** The payer promises its deposit, or the part of it, to the worker of this index. */
const holdFor = (index: number, changes: Partial<Hold> = {}): Hold =>
  iosdHold({
    payee: workers[index] ?? PAYER,
    maxAmount: deposit,
    nonce: BigInt(index),
    expiresEpoch: 3,
    ...changes,
  })

/** What an auditor says to an epoch in which these holds were accepted, each by a relayer that counted it alone. */
function audited(holds: readonly Hold[]) {
  const changes = {
    deposits: sortedBy(deposits, line => new TextEncoder().encode(line.payer)),
    acceptances: holds.map(hold => acceptHold(hold, 'payer')),
    receipts: [],
    batches: [],
    results: [],
    windows: [],
  }
  const { bundle, report, chain, own } = caseOf(inputsOf(changes))
  return auditEpoch(proposalOf(bundle, report), chain, own, nobleIdentityCrypto)
}

describe('one deposit, spent with ten workers', () => {
  it('is accepted once by the relayer: nine of ten holds that arrive together are refused', async () => {
    const world = await new IntakeWorld().start()
    try {
      await world.goToEpoch(1)
      world.chain.deposit(PAYER, { io: 0n, iosd: deposit })
      const answers = await Promise.all(
        workers.map(async (_, index) => {
          const hold = holdFor(index)
          const signature = signAs('payer', holdDigest(DOMAIN, hold))

          const bytes = writeHold(new ByteWriter(), hold).fixed(signature, signature.length).done()
          return (await world.post('/v1/holds', bytes)).json['code'] ?? 'TAKEN'
        }),
      )
      expect(answers.filter(code => code === 'TAKEN')).to.have.length(1)
      expect(answers.filter(code => code === 'NOT_COVERED')).to.have.length(9)
    } finally {
      await world.stop()
    }
  })

  it('is signed by auditors with one hold on it, or ten tenths, and refused with two holds or a wei too much', () => {
    const tenths = workers.map((_, index) => holdFor(index, { maxAmount: deposit / 10n }))
    expect(audited([holdFor(0)])).to.have.property('ok')
    expect(audited(tenths)).to.have.property('ok')
    expect(audited([holdFor(0), holdFor(1)])).to.have.property('refused', 'HOLD_OVER_ACCEPTED')
    expect(audited(workers.map((_, index) => holdFor(index)))).to.have.property(
      'refused',
      'HOLD_OVER_ACCEPTED',
    )
    const wei_ = holdFor(0, { maxAmount: 1n, nonce: 99n })
    expect(audited([...tenths, wei_])).to.have.property('refused', 'HOLD_OVER_ACCEPTED')
  })

  it('never has more accepted on it than it holds, and auditors agree with the relayer on every hold', () => {
    const amounts = fc.array(fc.tuple(wei(deposit), fc.boolean(), fc.nat(9)), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(amounts, wei(deposit), wei(deposit), (asked, io, iosd) => {
        const tables = new UsageTables(DOMAIN, EMPTY_STATE)
        const line = { payer: PAYER, io, iosd }
        let [openIo, openIosd, holds] = [0n, 0n, 0]
        for (const [index, [maxAmount, isIo, worker]] of asked.entries()) {
          const hold = holdFor(worker, {
            maxAmount,
            asset: isIo ? ASSET.io : ASSET.iosd,
            nonce: BigInt(index),
          })
          const book: PayerBook = {
            io: { free: io, open: openIo, unsettled: 0n },
            iosd: { free: iosd, open: openIosd, unsettled: 0n },
            feeBase: openIo,
            openHolds: holds,
          }
          const terms = { epoch: 0, longestHoldEpochs: 24, feeBps: PARAMETERS.feeBps, price: ONE as Price }
          const accepted = 'openTotal' in decideHold(hold, book, terms)
          const before = new UsageTables(DOMAIN, EMPTY_STATE)
          for (const [id, state] of tables.holds) before.holds.set(id, state)
          before.holds.set(holdId(DOMAIN, hold), { hold, used: 0n })
          const {
            open,
            unsettled,
            deposit: had,
          } = new DepositBook([line], [], before, 0).of(PAYER, hold.asset)
          const covered = open + unsettled <= had
          // The relayer may refuse for the fee's sake what auditors would sign, never the other way round.
          expect(!accepted || covered).to.equal(true)
          if (!accepted) continue
          tables.holds.set(holdId(DOMAIN, hold), { hold, used: 0n })
          holds++
          if (isIo) openIo += maxAmount
          else openIosd += maxAmount
        }
        expect(openIo <= io && openIosd <= iosd).to.equal(true)
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  it('pays ten workers together no more than their holds, whatever they state and whichever holds they name', () => {
    const parts = fc.array(wei(deposit / 10n, 1n), { minLength: 10, maxLength: 10 })
    const claims = fc.array(fc.tuple(fc.nat(9), fc.nat(9), wei(2n * deposit)), { maxLength: 20 })
    fc.assert(
      fc.property(parts, claims, (amounts, stated) => {
        const holds = amounts.map((maxAmount, index) => holdFor(index, { maxAmount }))
        const ids = holds.map(hold => holdId(DOMAIN, hold))
        const records = workers.map((_, worker) =>
          stated
            .filter(([by]) => by === worker)
            .map(([, named, cumulativeCharge]) =>
              hire({ hold: ids[named] ?? ids[0] ?? '0x', cumulativeCharge }),
            ),
        )
        const { usage, debits } = new Epochs().play({
          deposits,
          holds,
          receipts: workers.map(worker => hireReceipt({ worker, cumulativeCeiling: 10n * deposit })),
          batches: workers
            .map((worker, index) => ({ worker, seqFrom: 1, records: records[index] ?? [] }))
            .filter(batch => batch.records.length > 0),
        })
        for (const [index, worker] of workers.entries()) {
          // Each hold names one worker: no other can be paid from it.
          expect((usage.hires.get(worker) ?? 0n) <= (amounts[index] ?? 0n)).to.equal(true)
        }
        expect(debits.every(line => line.cumulativeIosd <= deposit)).to.equal(true)
      }),
      { seed: SEED, numRuns: 40 },
    )
  })
})
