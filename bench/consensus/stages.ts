/** From what the processes saw to figures. Pure. */
import { quorumOf } from '../../protocol/quorum.ts'
import { asRound, roundStartMs } from '../../protocol/rounds.ts'
import { median, percentile, sum } from '../percentile.ts'
import type { AggregatorReport, AggregatorRound, MemberReport, ProcessReport } from './observations.ts'

/** One certified round, in milliseconds. */
export interface CertifiedTimes {
  /** From the start of the slot to the certificate at the aggregator that made it. */
  readonly fromStartMs: number
  /** From the first quote that was sent. */
  readonly fromQuoteMs: number
  readonly stages: Stages
}

/** They follow one another and add up to `fromStartMs`, but for the last, which comes after. */
export interface Stages {
  /** Start of the slot → the median member's quote is on disk and sent. */
  readonly quotedMs: number
  /** → the last quote that was waited for is checked at the aggregator. */
  readonly gossipMs: number
  /** → the proposal is sealed and the first signer asked. */
  readonly proposalMs: number
  /** → the last signer's reply is in. */
  readonly signingMs: number
  /** → the certificate is made. */
  readonly aggregationMs: number
  /** The certificate → the last process that hears of it has checked it. */
  readonly announcementMs: number
}

export interface Summary {
  readonly certified: readonly CertifiedTimes[]
  /** Rounds that ended without a certificate. */
  readonly lost: number
  /** Rounds whose first proposal failed, or to which a second aggregator came. */
  readonly repeated: number
  readonly bytesPerRound: number
  readonly writesPerRound: number
  readonly cpuMsPerRound: number
  readonly memberCpuMsPerRound: number
  readonly aggregatorCpuMsPerRound: number
  /** Of all processes, since they began: quotes, rounds and answers. */
  readonly outcomes: Readonly<Record<string, number>>
  /** One proposal checked and signed, on the member's one thread. */
  readonly answerMs: number
}

export function summarise(
  reports: readonly ProcessReport[],
  measured: {
    readonly n: number
    readonly firstRound: number
    readonly rounds: number
    readonly roundMs: number
  },
): Summary {
  const members = reports.filter((report): report is MemberReport => report.role === 'member')
  const aggregators = reports.filter((report): report is AggregatorReport => report.role === 'aggregator')
  const names = Array.from(
    { length: measured.rounds },
    (_, i) => measured.firstRound + (i * measured.roundMs) / 100,
  )
  const byRound = <T extends { readonly round: number }>(rounds: readonly T[]) =>
    new Map(rounds.map(record => [record.round, record]))
  const ofMembers = members.map(report => byRound(report.rounds))
  const ofAggregators = aggregators.map(report => byRound(report.rounds))

  const certified: CertifiedTimes[] = []
  let repeated = 0
  for (const round of names) {
    const seenByMembers = ofMembers.flatMap(records => records.get(round) ?? [])
    const seen = ofAggregators.flatMap(records => records.get(round) ?? [])
    const maker = seen
      .filter(({ madeAt }) => madeAt !== undefined)
      .sort((a, b) => Number(a.madeAt) - Number(b.madeAt))[0]
    if (sum(seen.map(({ requests }) => requests)) > quorumOf(measured.n).q) repeated += 1
    if (maker === undefined) continue
    const knownAt = [...seenByMembers, ...seen].flatMap(({ certifiedAt }) => certifiedAt ?? [])
    certified.push(
      timesOf(
        round,
        maker,
        seenByMembers.flatMap(({ quotedAt }) => quotedAt ?? []),
        knownAt,
      ),
    )
  }
  const usage = (list: readonly ProcessReport[], what: 'cpuMs' | 'bytes' | 'writes'): number =>
    sum(list.map(report => report.usage[what])) / measured.rounds
  const answers = members.flatMap(report => report.rounds)
  const outcomes: Record<string, number> = {}
  for (const [outcome, count] of reports.flatMap(report => Object.entries(report.outcomes))) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + count
  }
  return {
    certified,
    outcomes,
    lost: names.length - certified.length,
    repeated,
    bytesPerRound: usage(reports, 'bytes'),
    writesPerRound: usage(reports, 'writes'),
    cpuMsPerRound: usage(reports, 'cpuMs'),
    memberCpuMsPerRound: usage(members, 'cpuMs') / members.length,
    aggregatorCpuMsPerRound: usage(aggregators, 'cpuMs') / aggregators.length,
    answerMs:
      sum(answers.map(({ answerMs }) => answerMs)) /
      Math.max(1, sum(answers.map(({ answers: count }) => count))),
  }
}

function timesOf(
  round: number,
  maker: AggregatorRound,
  quotedAt: readonly number[],
  knownAt: readonly number[],
): CertifiedTimes {
  const start = roundStartMs(asRound(round))
  const madeAt = maker.madeAt ?? Number.NaN
  const proposedAt = maker.proposedAt ?? Number.NaN
  const quoted = median(quotedAt)
  const lastQuote = Math.max(...maker.quotesAt.filter(at => at <= proposedAt))
  const lastReply = Math.max(...maker.repliesAt.filter(at => at <= madeAt))
  return {
    fromStartMs: madeAt - start,
    fromQuoteMs: madeAt - Math.min(...quotedAt),
    stages: {
      quotedMs: quoted - start,
      gossipMs: lastQuote - quoted,
      proposalMs: proposedAt - lastQuote,
      signingMs: lastReply - proposedAt,
      aggregationMs: madeAt - lastReply,
      announcementMs: Math.max(...knownAt) - madeAt,
    },
  }
}

/** A lost round counts as one that took as long as an aggregator waits for it. */
export function latencies({ certified, lost }: Summary, roundMs: number): number[] {
  return [
    ...certified.map(({ fromStartMs }) => fromStartMs),
    ...Array.from({ length: lost }, () => 2 * roundMs),
  ]
}

export function stageMedians(certified: readonly CertifiedTimes[]): Stages {
  const of = (stage: keyof Stages): number =>
    percentile(
      certified.map(({ stages }) => stages[stage]),
      0.5,
    )
  return {
    quotedMs: of('quotedMs'),
    gossipMs: of('gossipMs'),
    proposalMs: of('proposalMs'),
    signingMs: of('signingMs'),
    aggregationMs: of('aggregationMs'),
    announcementMs: of('announcementMs'),
  }
}
