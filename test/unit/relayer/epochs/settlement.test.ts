import { expect } from 'chai'
import type { TransactionReceipt } from 'viem'
import { NOTHING_SETTLED, type SettlementState } from '../../../../chain/settlement/types.ts'
import { type ContractCall, TransactError } from '../../../../chain/transactor.ts'
import type { Certificate } from '../../../../protocol/certificate.ts'
import { Settler } from '../../../../relayer/epochs/settlement.ts'
import { hash } from '../../../support/epoch/cast.ts'
import { caseOf } from '../../../support/epoch/world.ts'
import { recordLogger } from '../../../support/network/record-logger.ts'
import { FakeClock } from '../../../support/runtime/fake-clock.ts'

describe('bringing an epoch on chain', () => {
  const { report } = caseOf()
  const certificate: Certificate = { kind: 'group', signature: { r: `0x${'11'.repeat(20)}`, s: 1n } }
  const { signal } = new AbortController()
  let state: SettlementState
  let sent: string[]
  let clock: FakeClock
  let logger: ReturnType<typeof recordLogger>
  /** What a transaction does. */
  let effect: (call: ContractCall) => void

  const settler = (): Settler =>
    new Settler(`0x${'5e'.repeat(20)}`, {
      clock,
      logger,
      chain: { refresh: async () => {}, settlement: () => state },
      send: async call => {
        sent.push(call.functionName)
        effect(call)
        return { transactionHash: hash('transaction') } as TransactionReceipt
      },
    })
  const reverts =
    (errorName: string | undefined, code: 'WOULD_REVERT' | 'NOT_MINED' = 'WOULD_REVERT') =>
    () => {
      throw Object.assign(new TransactError(code, 'settle'), { errorName })
    }
  const active = (): void => {
    state = { ...state, nextEpoch: report.epoch + 1 }
  }

  beforeEach(() => {
    state = {
      ...{ nextEpoch: report.epoch, nextAttempt: 0, owedFrom: 0 },
      ...{ reserve: 0n, previous: NOTHING_SETTLED, staged: undefined },
    }
    sent = []
    clock = new FakeClock(10_000)
    logger = recordLogger()
    effect = active
  })

  it('sends one transaction, and sees that it is done', async () => {
    expect(await settler().stage(report, certificate, signal)).to.equal('activated')
    expect(sent).to.deep.equal(['settle'])
  })

  it('sends nothing when somebody has been there before', async () => {
    active()
    expect(await settler().stage(report, certificate, signal)).to.equal('activated')
    state = { ...state, nextEpoch: report.epoch, staged: report }
    expect(await settler().stage(report, certificate, signal)).to.equal('staged')
    expect(sent).to.deep.equal([])
  })

  it('believes the chain when somebody is faster', async () => {
    effect = () => {
      active()
      reverts('EpochOutOfOrder')()
    }
    expect(await settler().stage(report, certificate, signal)).to.equal('activated')
    expect(logger.lines).to.deep.equal([])
  })

  it('gives a certificate up that the contract will never take', async () => {
    effect = reverts('WrongKeyEpoch')
    expect(await settler().stage(report, certificate, signal)).to.equal('void')
    expect(logger.lines.map(({ level }) => level)).to.deep.equal(['warn'])
  })

  it('tries again after what says nothing of the certificate', async () => {
    effect = reverts(undefined, 'NOT_MINED')
    expect(await settler().stage(report, certificate, signal)).to.equal('waiting')
    effect = reverts('SnapshotInFuture')
    expect(await settler().stage(report, certificate, signal)).to.equal('waiting')
  })

  it('makes a stage active, whoever staged it, without asking every second', async () => {
    state = { ...state, staged: { ...report, attempt: 7 } }
    effect = reverts('StillDisputable')
    const one = settler()
    expect(await one.activate(report, signal)).to.equal('staged')
    expect(await one.activate(report, signal)).to.equal('staged')
    expect(sent).to.deep.equal(['activate'])
    clock.busy(5_000)
    effect = active
    expect(await one.activate(report, signal)).to.equal('activated')
  })

  it('says once that members have to veto a stage that cannot become active', async () => {
    state = { ...state, staged: report }
    effect = reverts('DebitAboveHeld')
    const one = settler()
    for (let look = 0; look < 3; look++) {
      expect(await one.activate(report, signal)).to.equal('staged')
      clock.busy(5_000)
    }
    expect(sent).to.have.lengthOf(3)
    expect(logger.lines.map(({ level, sentence }) => [level, sentence])).to.deep.equal([
      [
        'error',
        `a staged epoch cannot become active: members have to veto it (ionet emergency sign veto ${report.epoch})`,
      ],
    ])
  })

  it('sends nothing under an attempt that has been vetoed', async () => {
    state = { ...state, nextAttempt: report.attempt + 1 }
    expect(await settler().stage(report, certificate, signal)).to.equal('vetoed')
    expect(await settler().activate(report, signal)).to.equal('vetoed')
    expect(sent).to.deep.equal([])
  })

  it('believes the chain when the attempt is vetoed on the way', async () => {
    effect = () => {
      state = { ...state, nextAttempt: report.attempt + 1 }
      reverts('WrongAttempt')()
    }
    expect(await settler().stage(report, certificate, signal)).to.equal('vetoed')
    expect(logger.lines).to.deep.equal([])
  })

  it('says when a stage is gone', async () => {
    expect(await settler().activate(report, signal)).to.equal('forgotten')
    expect(sent).to.deep.equal([])
  })
})
