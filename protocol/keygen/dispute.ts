/**
 * What a caller makes of the members' reports. Members wait for one another, so one that is silent stalls many; the
 * caller looks at those that are the least far, for the others may only wait for them. It gets for them what they
 * miss; who has acknowledged it has to go on. So in every round of questions the slowest member comes a stage further,
 * or is not reached, or somebody is named.
 */
import { type Exclusion, judge } from './blame.ts'
import { type Court, readReport } from './evidence.ts'
import { type KeygenReport, PIECES, type Piece, STAGES } from './messages.ts'

/** What a member does there takes as long as it takes: it waits for nobody. */
const FINISHING = STAGES.indexOf('finishing')

export interface SealedReport {
  readonly sealed: Uint8Array
  readonly report: KeygenReport
}

/** The report that a participant sealed; undefined when it is none. */
export function openReport(court: Court, slot: number, sealed: Uint8Array): SealedReport | undefined {
  const read = readReport(court, slot, sealed)
  return read.kind === 'good' ? { sealed, report: read.value } : undefined
}

/** A piece that `complainant` says it has not got from `owner`. */
export interface Complaint {
  readonly piece: Piece
  readonly complainant: number
  readonly owner: number
}

/** One round of questions, as the next one remembers it: the members that were brought all they missed. */
export interface Settled {
  /** Place of the stage in STAGES at which each member was, by slot. */
  readonly stages: ReadonlyMap<number, number>
  /** The lowest of them: what was missing there has been handed over. */
  readonly lowest: number
  /** Members that did not acknowledge what was brought to them: it may not have arrived. */
  readonly unserved?: ReadonlySet<number>
}

export type Finding =
  | { readonly kind: 'guilty'; readonly excluded: readonly Exclusion[] }
  /** Votes differ: everybody has to show what it heard. */
  | { readonly kind: 'differ' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'waiting'; readonly complaints: readonly Complaint[]; readonly settled: Settled }

/**
 * @param reports by slot; who sent none that can be read is missing
 * @param before what the round before came to
 */
export function findingOf(
  reports: ReadonlyMap<number, SealedReport>,
  before: Settled | undefined,
  court: Court,
): Finding {
  const { participants } = court.terms
  const excluded: Exclusion[] = []
  const exclude = (exclusion: Exclusion): void => {
    if (!excluded.some(({ slot }) => slot === exclusion.slot)) excluded.push(exclusion)
  }
  const stages = new Map<number, number>()
  for (const slot of participants) {
    const answered = reports.get(slot)
    if (answered === undefined) {
      exclude({ slot, fault: 'SILENT', what: 'report' })
      continue
    }
    const { report, sealed } = answered
    if (report.kind === 'blame') {
      const { blame } = report
      if (judge(blame, court)) exclude({ slot: blame.slot, fault: blame.fault, proof: blame })
      else
        exclude({ slot, fault: 'FALSE_COMPLAINT', proof: { fault: 'FALSE_COMPLAINT', slot, report: sealed } })
    }
    if (report.kind === 'waiting') {
      const stage = STAGES.indexOf(report.stage)
      stages.set(slot, stage)
      if (!isHonest(slot, stage, report.missing, before, participants))
        exclude({ slot, fault: 'FALSE_COMPLAINT' })
    }
  }
  const differs = [...reports.values()].some(({ report }) => report.kind === 'differs')
  if (excluded.length > 0) return { kind: 'guilty', excluded }
  if (differs) return { kind: 'differ' }
  if (stages.size === 0) return { kind: 'finished' }

  const lowest = Math.min(...stages.values())
  const piece = PIECES[lowest]
  const complaints = [...reports].flatMap(([complainant, { report }]) =>
    piece !== undefined && report.kind === 'waiting' && report.stage === piece
      ? report.missing.map(owner => ({ piece, complainant, owner }))
      : [],
  )
  return { kind: 'waiting', complaints, settled: { stages, lowest } }
}

/** A member that has acknowledged all it missed goes on; none goes back, and none misses what only it itself has. */
function isHonest(
  slot: number,
  stage: number,
  missing: readonly number[],
  before: Settled | undefined,
  participants: readonly number[],
): boolean {
  if (!missing.every(owner => owner !== slot && participants.includes(owner))) return false
  if (before === undefined) return true
  const last = before.stages.get(slot)
  // It had finished, or was at least this far.
  if (last === undefined || stage < last) return false
  return last > before.lowest || stage > last || stage === FINISHING || before.unserved?.has(slot) === true
}
