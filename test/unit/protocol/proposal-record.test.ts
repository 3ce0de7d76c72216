import { expect } from 'chai'
import type { Hash } from '../../../protocol/bytes.ts'
import { ProposalRecord } from '../../../protocol/round/proposal-record.ts'
import { nextRound, type Round } from '../../../protocol/rounds.ts'
import { ROUND, T_MS, TIMING } from '../../support/protocol/network.ts'

const [ONE, OTHER]: readonly Hash[] = [`0x${'01'.repeat(32)}`, `0x${'02'.repeat(32)}`]
const [PRIMARY, BACKUP] = [0, 1]
const OVER_MS = T_MS + 3 * TIMING.roundMs
const followed = (_round: Round, aggregator: number, other: number): boolean => aggregator < other

describe('the record of an aggregator’s proposals', () => {
  let record: ProposalRecord
  beforeEach(() => {
    record = new ProposalRecord(TIMING)
  })
  const withheld = (nowMs = OVER_MS) => record.judge(nowMs, followed).map(({ aggregator }) => aggregator)

  it('takes two bodies under one session of a round for a contradiction, and nothing else', () => {
    expect(record.note(PRIMARY, ROUND, 0, ONE ?? '0x')).to.equal(true)
    expect(record.note(PRIMARY, ROUND, 0, ONE ?? '0x')).to.equal(true)
    expect(record.note(PRIMARY, ROUND, 1, OTHER ?? '0x')).to.equal(true)
    expect(record.note(BACKUP, ROUND, 0, OTHER ?? '0x')).to.equal(true)
    expect(record.note(PRIMARY, nextRound(ROUND, TIMING.roundMs), 0, OTHER ?? '0x')).to.equal(true)
    expect(record.note(PRIMARY, ROUND, 0, OTHER ?? '0x')).to.equal(false)
  })

  it('counts a quote as left out on purpose only δ after it was shown', () => {
    const margin = TIMING.inclusionMarginMs
    expect(record.lacked(PRIMARY, ROUND, [2], T_MS)).to.equal(false)
    expect(record.lacked(PRIMARY, ROUND, [2], T_MS + margin - 1)).to.equal(false)
    expect(record.lacked(PRIMARY, ROUND, [3], T_MS + margin)).to.equal(false)
    expect(record.lacked(BACKUP, ROUND, [2], T_MS + margin)).to.equal(false)
    expect(record.lacked(PRIMARY, ROUND, [2, 3], T_MS + margin)).to.equal(true)
  })

  it('names who had the share when another one had to certify, once', () => {
    record.signed(PRIMARY, ROUND)
    record.signed(BACKUP, ROUND)
    record.certified(ROUND, BACKUP)
    expect(withheld(OVER_MS - 1)).to.deep.equal([])
    expect(withheld()).to.deep.equal([PRIMARY])
    expect(withheld()).to.deep.equal([])
  })

  it('names nobody whom another one overtook, and not who certified', () => {
    record.signed(PRIMARY, ROUND)
    record.signed(BACKUP, ROUND)
    record.certified(ROUND, PRIMARY)
    expect(withheld()).to.deep.equal([])
  })

  it('names the only one that had the share of a round without a certificate, and none of two', () => {
    record.signed(PRIMARY, ROUND)
    const next = nextRound(ROUND, TIMING.roundMs)
    record.signed(PRIMARY, next)
    record.signed(BACKUP, next)
    expect(withheld(OVER_MS + TIMING.roundMs)).to.deep.equal([PRIMARY])
  })

  it('names nobody who has not had the share', () => {
    record.note(PRIMARY, ROUND, 0, ONE ?? '0x')
    expect(withheld()).to.deep.equal([])
  })
})
