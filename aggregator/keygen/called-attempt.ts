/**
 * One attempt at a key, as its caller sees it: asks how far the members are, again and again, until all have finished
 * or somebody is named for it. protocol/keygen/dispute.ts decides; this asks, fetches and hands over.
 */
import { bytesOf, DecodeError } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import type { KeygenAttempt } from '../../protocol/keygen/attempt.ts'
import { type Difference, type Exclusion, judgeVotes } from '../../protocol/keygen/blame.ts'
import {
  type Complaint,
  findingOf,
  openReport,
  type SealedReport,
  type Settled,
} from '../../protocol/keygen/dispute.ts'
import { type Court, courtOf, readHeard, readVote, sealedBy } from '../../protocol/keygen/evidence.ts'
import {
  encodeHandOver,
  encodeKeygenStart,
  MAX_HEARD_BYTES,
  MAX_KEYGEN_REPORT_BYTES,
  MAX_SEALED_COMMITMENT_BYTES,
  type Piece,
} from '../../protocol/keygen/messages.ts'
import { encodeTranscript } from '../../protocol/keygen/transcript.ts'
import type { Member } from '../../protocol/membership.ts'
import { type IdentitySigner, MESSAGE_KIND, type MessageKind, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import { KeygenAttemptError } from './attempt-error.ts'
import { Lateness } from './lateness.ts'
import { type Waits, waitsOf } from './waits.ts'

export interface CallerDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly sign: IdentitySigner
}

/** What all participants have come to. */
export interface FinishedAttempt {
  readonly court: Court
  readonly reports: ReadonlyMap<number, SealedReport>
}

/** A member may not have read of the registry's change yet, or just not be connected. */
const RETRY_MS = 100

const ACKNOWLEDGED_BYTES = 16
/** Members answer a caller no more of one kind at once. */
const AT_ONCE = 3
/** A hand-over that is not acknowledged may have got lost; a second one is refused. */
const HAND_OVERS = 2

const CHANNEL_OF: Record<Exclude<Piece, 'share'>, string> = {
  commitment: CHANNELS.keygenCommitment,
  vote: CHANNELS.keygenVote,
}
const KIND_OF: Record<Piece, MessageKind> = {
  commitment: MESSAGE_KIND.keygenCommitment,
  vote: MESSAGE_KIND.keygenTranscript,
  share: MESSAGE_KIND.keygenShare,
}

export class CalledAttempt {
  readonly #terms: KeygenAttempt
  readonly #court: Court
  readonly #members: readonly Member[]
  readonly #waits: Waits
  /** Monotonic. */
  readonly #verdictAtMs: number
  readonly #lateness = new Lateness()
  /** How often what was brought to a member was not acknowledged, by slot. */
  readonly #unacknowledged = new Map<number, number>()
  readonly #domain: Domain
  readonly #deps: CallerDeps
  readonly #signal: AbortSignal

  /** @param members of the list that the key is for; those that do not take part are ignored */
  constructor(
    terms: KeygenAttempt,
    members: readonly Member[],
    options: { readonly domain: Domain; readonly timeoutMs: number },
    deps: CallerDeps,
    signal: AbortSignal,
  ) {
    this.#terms = terms
    this.#members = members.filter(({ slot }) => terms.participants.includes(slot))
    this.#court = courtOf(options.domain, terms, members, deps.crypto)
    this.#waits = waitsOf(options.timeoutMs)
    this.#verdictAtMs = deps.clock.monotonic() + this.#waits.verdictMs
    this.#domain = options.domain
    this.#deps = deps
    this.#signal = signal
  }

  /** @throws {KeygenAttemptError} naming who is to blame */
  async finish(): Promise<FinishedAttempt> {
    const { patienceMs, marginMs, fetchMs } = this.#waits
    let settled: Settled | undefined
    do {
      const reports = await this.#gather()
      this.#signal.throwIfAborted()
      // Too few to tell a silent member from a caller that is cut off, or that calls when nobody else thinks it is time.
      if (reports.size < this.#terms.threshold)
        throw new KeygenAttemptError(`only ${reports.size} members take part in the key generation`)
      const finding = findingOf(reports, settled, this.#court)
      switch (finding.kind) {
        case 'finished':
          return { court: this.#court, reports }
        case 'guilty':
          throw this.#failed('members are to blame', finding.excluded)
        case 'differ':
          throw this.#failed('transcripts differ', await this.#judgeVotes(reports))
        case 'waiting':
          settled = finding.settled
          if (finding.complaints.length > 0 && this.#hasTimeFor(2 * fetchMs))
            settled = { ...settled, unserved: await this.#settle(finding.complaints, reports) }
      }
    } while (this.#hasTimeFor(patienceMs + marginMs))
    throw this.#outOfTime(settled)
  }

  /** The transcript, from what finished members have heard: whoever shows it first, for its hash is known. */
  async transcript(transcriptHash: string, holders: readonly Member[]): Promise<Uint8Array> {
    const shown = async ({ slot }: Member): Promise<Uint8Array> => {
      const sealed = await this.#askHeard(slot)
      const read = sealed === undefined ? undefined : readHeard(this.#court, slot, sealed)
      if (read?.kind !== 'good' || read.value.transcriptHash !== transcriptHash)
        throw this.#failed('a member does not show the transcript', [])
      return encodeTranscript(this.#court.attemptId, read.value.dealers)
    }
    // Among so many is an honest one: a quorum is more than two thirds.
    const asked = holders.slice(0, Math.floor((this.#terms.threshold - 1) / 2) + 1)
    try {
      return await Promise.any(asked.map(shown))
    } catch {
      throw this.#failed(
        'nobody shows the transcript',
        asked.map(({ slot }) => ({ slot, fault: 'SILENT', what: 'heard' })),
      )
    }
  }

  #hasTimeFor(ms: number): boolean {
    return this.#deps.clock.monotonic() + ms <= this.#verdictAtMs
  }

  /** Whoever made the time run out; where nobody did, whoever is the least far with it. */
  #outOfTime(settled: Settled | undefined): KeygenAttemptError {
    const late = new Set([...this.#lateness.late(), ...this.#unacknowledged.keys()])
    const slow = [...(settled?.stages ?? [])].flatMap(([slot, stage]) =>
      stage === settled?.lowest ? [slot] : [],
    )
    return this.#failed(
      'members did not finish the key generation in time',
      (late.size > 0 ? [...late] : slow).map(slot => ({ slot, fault: 'SILENT', what: 'in time' })),
    )
  }

  #failed(what: string, excluded: readonly Exclusion[]): KeygenAttemptError {
    return new KeygenAttemptError(what, excluded)
  }

  /** Asks every participant how far it is, until it says so under its seal or the wait is over. */
  async #gather(): Promise<Map<number, SealedReport>> {
    const { clock } = this.#deps
    const { patienceMs, marginMs } = this.#waits
    const endMs = clock.monotonic() + patienceMs
    const reports = new Map<number, SealedReport>()
    await Promise.all(
      this.#members.map(async member => {
        const report = await this.#askReport(member, endMs)
        this.#lateness.note(member.slot, clock.monotonic() - endMs, marginMs)
        if (report !== undefined) reports.set(member.slot, report)
      }),
    )
    return reports
  }

  async #askReport(member: Member, endMs: number): Promise<SealedReport | undefined> {
    const { clock, logger } = this.#deps
    for (;;) {
      const patienceMs = Math.max(1, Math.floor(endMs - clock.monotonic()))
      const call = sealMessage(
        this.#domain,
        MESSAGE_KIND.keygenStart,
        this.#terms.keyEpoch,
        encodeKeygenStart({ terms: this.#terms, patienceMs }),
        this.#deps.sign,
      )
      try {
        const sealed = await this.#request(member, CHANNELS.keygenStart, call, {
          timeoutMs: patienceMs + this.#waits.marginMs,
          maxReplyBytes: MAX_KEYGEN_REPORT_BYTES,
        })
        const report = openReport(this.#court, member.slot, sealed)
        if (report !== undefined) return report
        logger.debug('a report that its member did not seal', { slot: member.slot })
      } catch (error) {
        logger.debug('a member does not answer the call for a key generation', { slot: member.slot, error })
      }
      if (clock.monotonic() + RETRY_MS >= endMs || this.#signal.aborted) return undefined
      await clock.sleep(RETRY_MS, this.#signal).catch(() => {})
    }
  }

  async #judgeVotes(reports: ReadonlyMap<number, SealedReport>): Promise<Exclusion[]> {
    const differences: Difference[] = [...reports].flatMap(([accuser, { report }]) =>
      report.kind === 'differs' ? [{ accuser, slot: report.slot, vote: report.vote }] : [],
    )
    const heard = new Map<number, Uint8Array>()
    await Promise.all(
      this.#members.map(async ({ slot }) => {
        const sealed = await this.#askHeard(slot)
        if (sealed !== undefined) heard.set(slot, sealed)
      }),
    )
    const voted = differences.filter(({ slot, vote }) => readVote(this.#court, slot, vote).kind !== 'foreign')
    const stuck = [...reports].flatMap(([slot, { report }]) =>
      report.kind === 'waiting' && report.stage === 'commitment' && !voted.some(vote => vote.slot === slot)
        ? [slot]
        : [],
    )
    // Who still waits for commitments has not voted, and has nothing to show; unless its vote is there.
    return judgeVotes(differences, heard, this.#court).filter(
      ({ slot, fault }) => fault !== 'SILENT' || !stuck.includes(slot),
    )
  }

  async #askHeard(slot: number): Promise<Uint8Array | undefined> {
    return await this.#fetch(slot, CHANNELS.keygenHeard, bytesOf(this.#court.attemptId), {
      timeoutMs: this.#waits.fetchMs,
      maxReplyBytes: MAX_HEARD_BYTES,
    })
  }

  /**
   * Gets what members miss and brings it to them.
   *
   * @returns who did not acknowledge it, and so may stay where it is
   * @throws {KeygenAttemptError} naming who does not give it, or has not acknowledged it twice
   */
  async #settle(
    complaints: readonly Complaint[],
    reports: ReadonlyMap<number, SealedReport>,
  ): Promise<ReadonlySet<number>> {
    const brought = new Map<Complaint, Uint8Array>()
    const silent = new Set<number>()
    await Promise.all(
      bySlot(complaints, ({ owner }) => owner).map(async ([owner, all]) => {
        // A share is for one alone. The rest is for everybody, and asked for once.
        const questions = all[0]?.piece === 'share' ? all.map(each => [each]) : [all]
        await this.#inTime(owner, questions, async (same, timeoutMs) => {
          const [first] = same
          const sealed = first && (await this.#fetchPiece(first, reports, timeoutMs))
          if (sealed === undefined) silent.add(owner)
          else for (const complaint of same) brought.set(complaint, sealed)
        })
      }),
    )
    if (silent.size > 0) {
      throw this.#failed(
        'members withhold what others need',
        [...silent].map(slot => ({ slot, fault: 'SILENT', what: complaints[0]?.piece ?? 'share' })),
      )
    }
    const unserved = new Set<number>()
    await Promise.all(
      bySlot(complaints, ({ complainant }) => complainant).map(([slot, all]) =>
        this.#inTime(slot, all, async (complaint, timeoutMs) => {
          const { piece, owner } = complaint
          const request = encodeHandOver({
            piece,
            slot: owner,
            sealed: brought.get(complaint) ?? new Uint8Array(),
          })
          this.#deps.logger.info('handing over what a member did not get', { piece, from: owner, to: slot })
          const limits = { timeoutMs, maxReplyBytes: ACKNOWLEDGED_BYTES }
          if ((await this.#fetch(slot, CHANNELS.keygenHandOver, request, limits)) === undefined)
            unserved.add(slot)
        }),
      ),
    )
    for (const slot of unserved) this.#unacknowledged.set(slot, (this.#unacknowledged.get(slot) ?? 0) + 1)
    const unreachable = [...this.#unacknowledged].flatMap(([slot, times]) =>
      times < HAND_OVERS ? [] : [slot],
    )
    if (unreachable.length > 0) {
      throw this.#failed(
        'members do not take what they need',
        unreachable.map(slot => ({ slot, fault: 'SILENT', what: 'hand-over' })),
      )
    }
    return unserved
  }

  /** Asks one member all of it, some at once, within one limit: many questions give nobody more time. */
  async #inTime<T>(
    slot: number,
    questions: readonly T[],
    ask: (question: T, timeoutMs: number) => Promise<void>,
  ): Promise<void> {
    const { clock } = this.#deps
    const { fetchMs } = this.#waits
    const beganMs = clock.monotonic()
    const rest = [...questions]
    const askNext = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift())
        await ask(next, beganMs + fetchMs - clock.monotonic())
    }
    await Promise.all(Array.from({ length: AT_ONCE }, askNext))
    this.#lateness.note(slot, clock.monotonic() - beganMs, fetchMs)
  }

  /** What the owner gives for the complainant, when it is sealed by the owner. Whether it is any good the latter tells. */
  async #fetchPiece(
    { piece, complainant, owner }: Complaint,
    reports: ReadonlyMap<number, SealedReport>,
    timeoutMs: number,
  ): Promise<Uint8Array | undefined> {
    const complaint = reports.get(complainant)
    if (complaint === undefined) return undefined
    const [channel, question] =
      piece === 'share'
        ? [CHANNELS.keygenReveal, complaint.sealed]
        : [CHANNEL_OF[piece], bytesOf(this.#court.attemptId)]
    const limits = { timeoutMs, maxReplyBytes: MAX_SEALED_COMMITMENT_BYTES }
    const sealed = await this.#fetch(owner, channel, question, limits)
    if (sealed === undefined) return undefined
    const body = sealedBy(this.#court, KIND_OF[piece], owner, sealed)
    const isForIt = piece !== 'share' || body?.[32] === complainant
    return body === undefined || !isForIt ? undefined : sealed
  }

  async #fetch(
    slot: number,
    channel: string,
    question: Uint8Array,
    limits: { readonly timeoutMs: number; readonly maxReplyBytes: number },
  ): Promise<Uint8Array | undefined> {
    const member = this.#members.find(other => other.slot === slot)
    if (member === undefined) return undefined
    try {
      return await this.#request(member, channel, question, limits)
    } catch (error) {
      if (error instanceof DecodeError) throw error
      this.#deps.logger.debug('a member does not answer in a key generation', { slot, channel, error })
      return undefined
    }
  }

  #request(
    member: Member,
    channel: string,
    bytes: Uint8Array,
    limits: { readonly timeoutMs: number; readonly maxReplyBytes: number },
  ): Promise<Uint8Array> {
    return this.#deps.network.request(member.peerKey, channel, bytes, {
      ...limits,
      timeoutMs: Math.max(1, Math.ceil(limits.timeoutMs)),
      signal: this.#signal,
    })
  }
}

function bySlot(
  complaints: readonly Complaint[],
  slotOf: (complaint: Complaint) => number,
): [number, Complaint[]][] {
  const slots = [...new Set(complaints.map(slotOf))]
  return slots.map(slot => [slot, complaints.filter(complaint => slotOf(complaint) === slot)])
}
