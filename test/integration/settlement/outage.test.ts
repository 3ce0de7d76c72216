import { expect } from 'chai'
import { LAST_EPOCH, type Settlement, tell, WORKING_EPOCHS } from '../../support/settlement/history.ts'

describe('a relayer that was away', function () {
  this.timeout(180_000)
  let steady: readonly Settlement[]
  let interrupted: readonly Settlement[]

  before(async () => {
    // Two networks at once: they wait more than they compute.
    ;[steady, interrupted] = await Promise.all([
      tell([]),
      tell([
        { after: 0, until: 2, signal: 'SIGTERM', losesDisk: false },
        { after: 3, until: 5, signal: 'SIGKILL', losesDisk: false },
        // Nothing is waiting then: what has been settled, the oracle nodes can tell.
        { after: 6, until: 6, signal: 'SIGKILL', losesDisk: true },
      ]),
    ])
  })

  it('settles every epoch that has ended, in order, with nobody refusing', () => {
    expect(interrupted.map(({ epoch }) => epoch)).to.eql(Array.from({ length: LAST_EPOCH + 1 }, (_, n) => n))
    expect(interrupted.filter(({ attempt }) => attempt > 0)).to.eql([])
  })

  it('ends with the roots, the amounts and the reserve of one that missed nothing, epoch by epoch', () => {
    expect(interrupted).to.eql(steady)
  })

  it('had something to lose: each working epoch pays and debits, and no two epochs are alike', () => {
    for (const epoch of WORKING_EPOCHS) {
      const settled = steady[epoch]
      expect(settled?.hiredPaid, `hires of epoch ${epoch}`).to.satisfy((wei: bigint) => wei > 0n)
      expect(settled?.debitIosd, `IOSD of epoch ${epoch}`).to.satisfy((wei: bigint) => wei > 0n)
    }
    expect(steady.filter(({ debitIo }) => debitIo > 0n).map(({ epoch }) => epoch)).to.eql([3, 7])
    expect(new Set(steady.map(({ net }) => net)).size).to.equal(LAST_EPOCH + 1)
  })
})
