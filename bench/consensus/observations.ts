/**
 * What a process of a measured network has seen of each round. Times are Unix milliseconds with fractions; the
 * processes share one machine, so theirs can be compared.
 */
export interface MemberRound {
  readonly round: number
  /** Its quote was on disk and handed to the network. */
  quotedAt?: number
  /** Proposals answered, and how long that took on its one thread. */
  answers: number
  answerMs: number
  /** The announcement had been checked. */
  certifiedAt?: number
}

export interface AggregatorRound {
  readonly round: number
  /** When each quote had been checked, in order of arrival. */
  quotesAt: number[]
  /** The first proposal went out. */
  proposedAt?: number
  /** All proposals sent: q in a round without trouble. */
  requests: number
  /** When each reply had come, in order. */
  repliesAt: number[]
  /** This process made the certificate. */
  madeAt?: number
  /** It knew of it, its own or another's. */
  certifiedAt?: number
}

/** What a process used between `measure` and `finish`. */
export interface Usage {
  readonly cpuMs: number
  /** Written to sockets, headers of transport and encryption included. */
  readonly bytes: number
  readonly writes: number
}

export interface MemberReport {
  readonly role: 'member'
  readonly usage: Usage
  readonly rounds: readonly MemberRound[]
  /** Quotes and answers to proposals by outcome. */
  readonly outcomes: Readonly<Record<string, number>>
}

export interface AggregatorReport {
  readonly role: 'aggregator'
  readonly usage: Usage
  readonly rounds: readonly AggregatorRound[]
  readonly outcomes: Readonly<Record<string, number>>
}

export type ProcessReport = MemberReport | AggregatorReport

/** Counts by name. */
export class Outcomes {
  readonly counts: Record<string, number> = {}

  readonly count = (outcome: string): void => {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1
  }
}

export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** One record a round, made when first asked for. */
export class RoundRecords<T> {
  readonly #records = new Map<number, T>()
  readonly #create: (round: number) => T

  constructor(create: (round: number) => T) {
    this.#create = create
  }

  of(round: number): T {
    const known = this.#records.get(round)
    if (known !== undefined) return known
    const created = this.#create(round)
    this.#records.set(round, created)
    return created
  }

  all(): T[] {
    return [...this.#records.values()]
  }
}
