import { expect } from 'chai'
import { hexOf } from '../../../protocol/bytes.ts'
import { epochReportDigest } from '../../../protocol/epoch/report.ts'
import { type Round, roundStartMs } from '../../../protocol/rounds.ts'
import { epochReportOf } from '../../support/crash/crash-network.ts'
import { HostileAggregator, roundOfLife } from '../../support/crash/hostile-aggregator.ts'
import { Life } from '../../support/crash/lives.ts'
import { Recorder } from '../../support/crash/recorder.ts'
import { DOMAIN, ROUND, TIMING } from '../../support/network/cast.ts'
import { temporaryDirectory } from '../../support/network/temporary-directory.ts'

/** Chains of lives that run side by side, each with a disk of its own and every second point. */
const CHAINS = 2
/** More points than a scenario can have. */
const MAX_LIVES = 200

interface Chain {
  readonly killedAt: readonly string[]
  readonly recorder: Recorder
}

/**
 * One life after the other on one disk. Each first hears everything of the last one's round again, with its clock set
 * back to before it, so that nothing but the disk protects; then it is killed at a later point of a new round.
 */
async function runChain(first: number): Promise<Chain> {
  const directory = temporaryDirectory()
  const aggregator = new HostileAggregator()
  const recorder = new Recorder(directory.path, () => aggregator.sent)
  const killedAt: string[] = []
  try {
    for (let index = 0; index < MAX_LIVES; index += 1) {
      const [last, round] = [roundOfLife(ROUND, index), roundOfLife(ROUND, index + 1)]
      for (const each of [last, round]) expectEpochs(recorder, each)
      const startMs = roundStartMs(last) - 2 * TIMING.roundMs
      const life = new Life(
        'test/support/crash/member-process.ts',
        [directory.path, String(startMs), String(index)],
        line => recorder.heard(line),
      )
      try {
        await life.ask({ do: 'start' })
        await aggregator.repeat(life, last)
        await life.ask({ do: 'arm', at: first + CHAINS * index })
        await aggregator.act(life, round)
      } finally {
        await life.end()
      }
      recorder.inspect()
      if (life.killedAt !== undefined) killedAt.push(life.killedAt)
      if (life.killedAt === undefined || recorder.problems.length > 0) break
    }
  } finally {
    directory.remove()
  }
  return { killedAt, recorder }
}

function expectEpochs(recorder: Recorder, round: Round): void {
  const digests = [0, 1, 2].map(variant => hexOf(epochReportDigest(DOMAIN, epochReportOf(round, variant))))
  recorder.expectEpoch(round, digests)
}

describe('a member that is killed at any step', function () {
  this.timeout(120_000)

  it('never says two things for one round, nor two under one nonce, and never what its disk does not know', async () => {
    const chains = await Promise.all(Array.from({ length: CHAINS }, (_, index) => runChain(index + 1)))
    expect(chains.flatMap(({ recorder }) => recorder.problems)).to.deep.equal([])
    const killedAt = new Set(chains.flatMap(chain => chain.killedAt))
    expect([...killedAt].sort()).to.deep.equal([
      'after a commit of the guard',
      'after an epoch was locked',
      'after answer left',
      'after epoch share left',
      'after epoch signature left',
      'after quote left',
      'before a commit of the guard',
      'before a lock is written',
      'before a quote is written',
      'before a transaction of the guard',
      'before an epoch is locked',
      'before answer leaves',
      'before epoch share leaves',
      'before epoch signature leaves',
      'before quote leaves',
      'before the key share is touched',
    ])
    for (const { recorder, killedAt: points } of chains) {
      // It works between the crashes: every life quotes and signs its round, or finishes what the last one began.
      expect(recorder.seen.quotes).to.be.at.least(points.length)
      expect(recorder.seen.words).to.be.at.least(points.length)
      expect(recorder.seen.shares).to.be.at.least(points.length)
      expect(recorder.seen.epochShares).to.be.at.least(points.length)
    }
  })
})
