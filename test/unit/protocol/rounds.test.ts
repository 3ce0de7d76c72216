import { expect } from 'chai'
import {
  collectionDeadlineMs,
  proposalTimeMs,
  type RoundTiming,
  turnOf,
} from '../../../protocol/round/timing.ts'
import {
  aggregatorTurn,
  asRound,
  isRoundStart,
  nextRound,
  previousRound,
  roundAt,
  roundStartMs,
} from '../../../protocol/rounds.ts'
import { AGGREGATORS, ROUND, T_MS, TIMING } from '../../support/protocol/network.ts'

describe('a round', () => {
  it('is named by the start of its slot in deciseconds', () => {
    expect(roundAt(1_700_000_000_999, 1_000)).to.equal(17_000_000_000)
    expect(roundAt(1_700_000_001_000, 1_000)).to.equal(17_000_000_010)
    expect(roundStartMs(asRound(17_000_000_010))).to.equal(1_700_000_001_000)
  })

  it('lasts from its own start to the next one', () => {
    for (const roundMs of [100, 400, 1_000, 3_000]) {
      const round = roundAt(T_MS + 12_345, roundMs)
      expect(roundAt(roundStartMs(round), roundMs)).to.equal(round)
      expect(roundAt(roundStartMs(round) + roundMs - 1, roundMs)).to.equal(round)
      expect(roundAt(roundStartMs(round) + roundMs, roundMs)).to.equal(nextRound(round, roundMs))
      expect(previousRound(nextRound(round, roundMs), roundMs)).to.equal(round)
    }
  })

  it('does not go backwards when the length of slots changes: what starts later has a higher name', () => {
    const lengths = [100, 300, 400, 700, 1_000, 3_000, 10_000]
    for (const before of lengths) {
      for (const after of lengths) {
        for (let changeMs = T_MS; changeMs < T_MS + 12_000; changeMs += 337) {
          const last = roundAt(changeMs, before)
          const firstToStart = nextRound(roundAt(changeMs, after), after)
          expect(firstToStart, `${before} → ${after} at ${changeMs}`).to.be.greaterThan(last)
        }
      }
    }
  })

  it('starts only where a slot starts', () => {
    expect(isRoundStart(ROUND, 1_000)).to.equal(true)
    expect(isRoundStart(ROUND + 1, 1_000)).to.equal(false)
    expect(isRoundStart(ROUND + 1, 100)).to.equal(true)
    expect(isRoundStart(-10, 1_000)).to.equal(false)
    expect(isRoundStart(2 ** 40 + 10 - (2 ** 40 % 10), 1_000)).to.equal(false)
  })

  it('is the turn of each aggregator in order, and the next one is the backup', () => {
    const turns = [0, 1, 2, 3].map(ahead => aggregatorTurn(asRound(ROUND + 10 * ahead), 1_000, 3))
    expect(turns).to.deep.equal([
      { primary: 0, backup: 1 },
      { primary: 1, backup: 2 },
      { primary: 2, backup: 0 },
      { primary: 0, backup: 1 },
    ])
  })
})

describe('the timing of a round', () => {
  it('gives one aggregator the primary turn, one the backup, and the others none', () => {
    const turns = Array.from({ length: AGGREGATORS }, (_, index) => turnOf(ROUND, index, AGGREGATORS, TIMING))
    expect(turns).to.deep.equal(['primary', 'backup', undefined])
  })

  it('makes the only aggregator the primary of every round', () => {
    expect(turnOf(ROUND, 0, 1, TIMING)).to.equal('primary')
  })

  it('lets the primary propose from the collection deadline, and the backup after it', () => {
    const timing: RoundTiming = { ...TIMING, collectMs: 400, backupMs: 150 }
    expect(collectionDeadlineMs(ROUND, timing)).to.equal(T_MS + 400)
    expect(proposalTimeMs(ROUND, 'primary', timing)).to.equal(T_MS + 400)
    expect(proposalTimeMs(ROUND, 'backup', timing)).to.equal(T_MS + 550)
  })
})
