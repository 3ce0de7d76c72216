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

  const roundAfter = (count: number): Round => (ROUND + count * (TIMING.roundMs / 100)) as Round
  /** A round in which an aggregator has the share soon after D; it is over when this returns. */
  const play = (count: number, has: readonly number[], certifiedBy?: number, afterMs = 1): number[] => {
    const round = roundAfter(count)
    const startMs = T_MS + count * TIMING.roundMs
    for (const aggregator of has) record.signed(aggregator, round, startMs + TIMING.collectMs + afterMs)
    if (certifiedBy !== undefined) record.certified(round, certifiedBy)
    return withheld(startMs + 3 * TIMING.roundMs)
  }

  it('names who had the share and let others certify, from the third of eight rounds, once a round', () => {
    expect(play(0, [PRIMARY, BACKUP], BACKUP)).to.deep.equal([])
    expect(play(1, [PRIMARY], PRIMARY)).to.deep.equal([])
    expect(play(2, [PRIMARY, BACKUP], BACKUP)).to.deep.equal([])
    expect(play(3, [PRIMARY, BACKUP], BACKUP)).to.deep.equal([PRIMARY])
    expect(withheld(T_MS + 6 * TIMING.roundMs)).to.deep.equal([])
    expect(play(4, [PRIMARY], PRIMARY)).to.deep.equal([])
    expect(play(5, [PRIMARY, BACKUP], BACKUP)).to.deep.equal([PRIMARY])
  })

  it('names nobody whose rounds lapse now and then', () => {
    for (let count = 0; count < 32; count++) {
      expect(play(count, [PRIMARY], count % 4 === 0 ? BACKUP : PRIMARY)).to.deep.equal([])
    }
  })

  it('judges no round before it is over', () => {
    for (const count of [0, 1]) play(count, [PRIMARY], BACKUP)
    record.signed(PRIMARY, roundAfter(2), T_MS + 2 * TIMING.roundMs)
    record.certified(roundAfter(2), BACKUP)
    expect(withheld(T_MS + 5 * TIMING.roundMs - 1)).to.deep.equal([])
    expect(withheld(T_MS + 5 * TIMING.roundMs)).to.deep.equal([PRIMARY])
  })

  it('names nobody whose share came late, whatever becomes of the rounds', () => {
    const lateMs = (TIMING.roundMs - TIMING.collectMs) / 2 + 1
    for (let count = 0; count < 8; count++) {
      expect(play(count, [PRIMARY], BACKUP, lateMs)).to.deep.equal([])
    }
  })

  it('names nobody whom another one overtook, and not who certified', () => {
    for (let count = 0; count < 4; count++) {
      expect(play(count, [PRIMARY, BACKUP], PRIMARY)).to.deep.equal([])
    }
  })

  it('names the only one that had the share of rounds without a certificate, and none of two', () => {
    for (const count of [0, 1]) expect(play(count, [PRIMARY])).to.deep.equal([])
    expect(play(2, [PRIMARY])).to.deep.equal([PRIMARY])
    expect(play(3, [PRIMARY, BACKUP])).to.deep.equal([])
  })

  it('names nobody who has not had the share', () => {
    record.note(PRIMARY, ROUND, 0, ONE ?? '0x')
    expect(withheld()).to.deep.equal([])
  })
})
