import { expect } from 'chai'
import type { ProcessReport } from '../../../bench/consensus/observations.ts'
import { latencies, summarise } from '../../../bench/consensus/stages.ts'
import { percentile } from '../../../bench/percentile.ts'
import { figure, jsonLine } from '../../../bench/result.ts'

/** Starts at 1,000,000 ms. */
const ROUND = 10_000
const ROUND_MS = 500
const START = ROUND * 100

function member(quotedAt: number, certifiedAt: number): ProcessReport {
  return {
    role: 'member',
    usage: { cpuMs: 10, bytes: 100, writes: 4 },
    rounds: [{ round: ROUND, quotedAt, answers: 1, answerMs: 7, certifiedAt }],
    outcomes: { share: 1 },
  }
}

const aggregator: ProcessReport = {
  role: 'aggregator',
  usage: { cpuMs: 20, bytes: 300, writes: 8 },
  rounds: [
    {
      round: ROUND,
      // The last came after the proposal, which did not wait for it.
      quotesAt: [START + 12, START + 20, START + 40],
      proposedAt: START + 21,
      requests: 3,
      repliesAt: [START + 30, START + 35, START + 33],
      madeAt: START + 45,
      certifiedAt: START + 45,
    },
  ],
  outcomes: { share: 2 },
}

describe('the consensus benchmark', () => {
  const reports = [
    member(START + 5, START + 50),
    member(START + 6, START + 60),
    member(START + 9, START + 55),
    aggregator,
  ]
  const summary = summarise(reports, { n: 4, firstRound: ROUND, rounds: 2, roundMs: ROUND_MS })

  it('takes a round apart into stages that add up', () => {
    expect(summary.certified).to.deep.equal([
      {
        fromStartMs: 45,
        fromQuoteMs: 40,
        stages: {
          quotedMs: 6,
          gossipMs: 14,
          proposalMs: 1,
          signingMs: 14,
          aggregationMs: 10,
          announcementMs: 15,
        },
      },
    ])
  })

  it('counts a round without a certificate as long as it is waited for', () => {
    expect({ lost: summary.lost, latencies: latencies(summary, ROUND_MS) }).to.deep.equal({
      lost: 1,
      latencies: [45, 1_000],
    })
  })

  it('shares what was used among the rounds', () => {
    const { bytesPerRound, writesPerRound, cpuMsPerRound, memberCpuMsPerRound, answerMs, outcomes } = summary
    expect({
      bytesPerRound,
      writesPerRound,
      cpuMsPerRound,
      memberCpuMsPerRound,
      answerMs,
      outcomes,
    }).to.deep.equal({
      bytesPerRound: 300,
      writesPerRound: 10,
      cpuMsPerRound: 25,
      memberCpuMsPerRound: 5,
      answerMs: 7,
      outcomes: { share: 5 },
    })
  })
})

describe('a figure of a benchmark', () => {
  it('stands beside what it is compared with', () => {
    expect(figure('gas', 30, 'gas', { value: 60, name: 'a peer' })).to.deep.equal({
      ...{ metric: 'gas', value: 30, unit: 'gas' },
      ...{ peer: 60, peerName: 'a peer', ratio: 0.5 },
    })
    expect(figure('gas', 30, 'gas')).to.include({ peer: null, peerName: null, ratio: null })
  })

  it('is printed in one line with commit and machine', () => {
    const line = JSON.parse(jsonLine('gas', [figure('gas', 30, 'gas')]))
    expect(Object.keys(line)).to.deep.equal(['bench', 'commit', 'machine', 'results'])
    expect(line.results).to.have.length(1)
  })

  it('of rank 0.99 is the largest of fewer than a hundred', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)]).to.deep.equal([
      50, 99, 7,
    ])
  })
})
