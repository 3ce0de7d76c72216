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
  PIECES,
  type Piece,
} from '../../protocol/keygen/messages.ts'
import { encodeTranscript } from '../../protocol/keygen/transcript.ts'
import type { Member } from '../../protocol/membership.ts'
import { type IdentitySigner, MESSAGE_KIND, type MessageKind, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import { KeygenAttemptError } from './attempt-error.ts'

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

/** Eight waits make an attempt: three stages to get over, each with a piece to fetch and hand over, and the shares at rest. */
const WAITS_PER_ATTEMPT = 8
/** One for each piece that may be missing, and then members may take a few more to write their shares down. */
const MAX_ROUNDS = PIECES.length + 4
/**
 * An answer that was begun in time may take as many waits more: a member that computes is slow, not silent, and
 * without it the key would be made without its share.
 */
const MARGIN = 1
/** A member may not have read of the registry's change yet, or just not be connected. */
const RETRY_MS = 100

const ACKNOWLEDGED_BYTES = 16

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
  readonly #waitMs: number
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
    this.#waitMs = Math.ceil(options.timeoutMs / WAITS_PER_ATTEMPT)
    this.#domain = options.domain
    this.#deps = deps
    this.#signal = signal
  }

  /** @throws {KeygenAttemptError} naming who is to blame */
  async finish(): Promise<FinishedAttempt> {
    let settled: Settled | undefined
    for (let round = 0; round < MAX_ROUNDS; round++) {
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
        case 'waiting': {
          const excluded = await this.#settle(finding.complaints, reports)
          if (excluded.length > 0) throw this.#failed('members withhold what others need', excluded)
          settled = finding.settled
        }
      }
    }
    const slow = [...(settled?.stages.keys() ?? [])]
    throw this.#failed(
      'members did not finish the key generation',
      slow.map(slot => ({ slot, fault: 'SILENT', what: 'finishing' })),
    )
  }

  /** The transcript, from what finished members have heard: whoever shows it first, for its hash is known. */
  async transcript(transcriptHash: string, holders: readonly Member[]): Promise<Uint8Array> {
    for (const { slot } of holders) {
      const sealed = await this.#askHeard(slot)
      const read = sealed === undefined ? undefined : readHeard(this.#court, slot, sealed)
      if (read?.kind === 'good' && read.value.transcriptHash === transcriptHash) {
        return encodeTranscript(this.#court.attemptId, read.value.dealers)
      }
    }
    throw this.#failed(
      'nobody shows the transcript',
      holders.map(({ slot }) => ({ slot, fault: 'SILENT', what: 'heard' })),
    )
  }

  #failed(what: string, excluded: readonly Exclusion[]): KeygenAttemptError {
    return new KeygenAttemptError(what, excluded)
  }

  /** Asks every participant how far it is, until it says so under its seal or the wait is over. */
  async #gather(): Promise<Map<number, SealedReport>> {
    const endMs = this.#deps.clock.monotonic() + this.#waitMs
    const reports = new Map<number, SealedReport>()
    await Promise.all(
      this.#members.map(async member => {
        const report = await this.#askReport(member, endMs)
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
          timeoutMs: patienceMs + this.#waitMs * MARGIN,
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
    return await this.#fetch(slot, CHANNELS.keygenHeard, bytesOf(this.#court.attemptId), MAX_HEARD_BYTES)
  }

  /** Gets what members miss and brings it to them. @returns who does not give it */
  async #settle(
    complaints: readonly Complaint[],
    reports: ReadonlyMap<number, SealedReport>,
  ): Promise<Exclusion[]> {
    const owners = [...new Set(complaints.map(({ owner }) => owner))]
    const excluded: Exclusion[] = []
    const handed: { readonly complaint: Complaint; readonly sealed: Uint8Array }[] = []
    await Promise.all(
      owners.map(async slot => {
        // One after the other: an owner that gives nothing to the first is not asked for the rest.
        for (const complaint of complaints.filter(({ owner }) => owner === slot)) {
          const sealed = await this.#fetchPiece(complaint, reports)
          if (sealed === undefined) {
            excluded.push({ slot, fault: 'SILENT', what: complaint.piece })
            return
          }
          handed.push({ complaint, sealed })
        }
      }),
    )
    if (excluded.length > 0) return excluded
    await Promise.all(
      [...new Set(handed.map(({ complaint }) => complaint.complainant))].map(async slot => {
        for (const { complaint, sealed } of handed.filter(item => item.complaint.complainant === slot)) {
          const { piece, owner } = complaint
          const request = encodeHandOver({ piece, slot: owner, sealed })
          this.#deps.logger.info('handing over what a member did not get', { piece, from: owner, to: slot })
          // Whether it arrived shows in the next report.
          if ((await this.#fetch(slot, CHANNELS.keygenHandOver, request, ACKNOWLEDGED_BYTES)) === undefined)
            return
        }
      }),
    )
    return []
  }

  /** What the owner gives for the complainant, when it is sealed by the owner. Whether it is any good the latter tells. */
  async #fetchPiece(
    { piece, complainant, owner }: Complaint,
    reports: ReadonlyMap<number, SealedReport>,
  ): Promise<Uint8Array | undefined> {
    const complaint = reports.get(complainant)
    if (complaint === undefined) return undefined
    const [channel, question] =
      piece === 'share'
        ? [CHANNELS.keygenReveal, complaint.sealed]
        : [CHANNEL_OF[piece], bytesOf(this.#court.attemptId)]
    const sealed = await this.#fetch(owner, channel, question, MAX_SEALED_COMMITMENT_BYTES)
    if (sealed === undefined) return undefined
    const body = sealedBy(this.#court, KIND_OF[piece], owner, sealed)
    const isForIt = piece !== 'share' || body?.[32] === complainant
    return body === undefined || !isForIt ? undefined : sealed
  }

  async #fetch(
    slot: number,
    channel: string,
    question: Uint8Array,
    maxReplyBytes: number,
  ): Promise<Uint8Array | undefined> {
    const member = this.#members.find(other => other.slot === slot)
    if (member === undefined) return undefined
    try {
      return await this.#request(member, channel, question, { timeoutMs: this.#waitMs / 2, maxReplyBytes })
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
