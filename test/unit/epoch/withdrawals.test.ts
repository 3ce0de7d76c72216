import { expect } from 'chai'
import type { DepositLine } from '../../../protocol/epoch/deposits.ts'
import { epochStartSec } from '../../../protocol/epoch/time.ts'
import {
  depositLines,
  type EscrowBalance,
  isLate,
  lastLookSec,
  lateDepositLines,
  NO_BALANCE,
  type PayerBalances,
  STALE_SEC,
} from '../../../protocol/epoch/withdrawals.ts'
import { addressOf } from '../../support/epoch/cast.ts'

const TERMS = { clock: { startSec: 1_800_000_000, lengthSec: 3_600 }, longestHoldEpochs: 24 }
const EPOCH = 1_000
const PAYER = addressOf('payer')

/** What one payer has of IOSD, and nothing of IO. */
const having = (iosd: Partial<EscrowBalance>): PayerBalances[] => [
  { payer: PAYER, io: NO_BALANCE, iosd: { ...NO_BALANCE, ...iosd } },
]
const iosdOf = (lines: readonly DepositLine[]) => lines.find(({ payer }) => payer === PAYER)?.iosd
const startOf = (epoch: number) => epochStartSec(TERMS.clock, epoch)

describe('what an epoch counts of deposits', () => {
  it('leaves out what may be paid before it is active', () => {
    const counted = (requestEpoch: number) =>
      iosdOf(depositLines(having({ deposited: 10n, requested: 4n, requestEpoch }), EPOCH, TERMS))
    expect([EPOCH - 26, EPOCH - 25, EPOCH].map(counted)).to.deep.equal([6n, 10n, 10n])
  })

  it('looks at age only once the oldest request that is not left out anyway may be so old', () => {
    const agedSec = startOf(EPOCH - 25) + STALE_SEC
    expect([agedSec - 1, agedSec].map(sec => isLate(EPOCH, sec, TERMS))).to.deep.equal([false, true])
  })

  it('looks no further than to the last second in which somebody may have been paid, or may have asked in time', () => {
    const look = (askedSec: number, activatedSec: number | undefined) =>
      lastLookSec({ validUntilSec: askedSec + STALE_SEC, activatedSec })
    expect(look(500, undefined)).to.equal(500)
    expect(look(500, 499)).to.equal(500)
    expect(look(500, 501)).to.equal(501)
  })

  describe('late', () => {
    const askedSec = startOf(EPOCH) + 1_800
    const validUntilSec = askedSec + STALE_SEC
    const quiet = { validUntilSec, activatedSec: askedSec - 1 }
    const busy = { validUntilSec, activatedSec: askedSec + 1 }
    const late = (
      atEnd: Partial<EscrowBalance>,
      atLook: Partial<EscrowBalance>,
      times: { readonly validUntilSec: number; readonly activatedSec: number | undefined },
    ) => iosdOf(lateDepositLines(having(atEnd), having(atLook), EPOCH, times, TERMS))

    it('leaves out what may be paid for its age alone by the time at which it is staged', () => {
      const counted = (requestEpoch: number) => {
        const balance = { deposited: 10n, requested: 4n, requestEpoch }
        return late(balance, balance, quiet)
      }
      // Asked in the half hour before, or in the next epoch.
      expect([EPOCH, EPOCH + 1].map(counted)).to.deep.equal([6n, 10n])
    })

    it('leaves nothing out for its age while an epoch has become active since', () => {
      const balance = { deposited: 10n, requested: 4n, requestEpoch: EPOCH - 1 }
      expect(late(balance, balance, busy)).to.equal(10n)
      expect(late(balance, balance, { validUntilSec, activatedSec: undefined })).to.equal(6n)
    })

    it('counts nothing that has been paid since its end, and nothing that came after it', () => {
      expect(late({ deposited: 10n }, { deposited: 3n }, busy)).to.equal(3n)
      expect(late({ deposited: 10n }, { deposited: 30n }, busy)).to.equal(10n)
      const lines = lateDepositLines(having({ deposited: 10n }), [], EPOCH, busy, TERMS)
      expect(iosdOf(lines)).to.equal(0n)
    })
  })
})
