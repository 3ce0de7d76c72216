/**
 * Calls the members to a key generation when the registry has no key, and brings the result on chain.
 *
 * It is trusted with nothing: it sees the transcript only, and what it installs needs a quorum of identities
 * and the new key's own signature. At worst it wastes an attempt; the next aggregator then calls one.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  aggregateShares,
  commitmentsOf,
  type FrostPublic,
  type GroupSignature,
  groupKeyX,
  identifierOf,
  isPoint,
  isScalar,
} from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  attemptIdOf,
  callerTurn,
  decodeKeygenResult,
  decodeTranscript,
  encodeKeygenInstall,
  encodeKeygenStart,
  type GroupKeyInstallation,
  installationDigest,
  type KeygenAttempt,
  type KeygenResult,
  MAX_TRANSCRIPT_BYTES,
  publicPackageFromTranscript,
  transcriptHashOf,
} from '../../protocol/keygen.ts'
import { activeMembers, type Member, type Membership, memberBySlot } from '../../protocol/membership.ts'
import { type IdentitySigner, MESSAGE_KIND, openMessage, sealMessage } from '../../protocol/message.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import { type PeerNetwork, PeerRequestError } from '../../runtime/p2p/peer-network.ts'
import { afterFailure, EVERYBODY, participantsOf, type Selection } from './selection.ts'

/** What the registry is asked to install. */
export interface Installation extends GroupKeyInstallation {
  readonly signature: GroupSignature
  /** Consents of at least a quorum of identities, ascending by address. */
  readonly consents: readonly Uint8Array[]
}

export interface CoordinatorOptions {
  readonly domain: Domain
  readonly index: number
  /** How long members may take for an attempt; each aggregator leaves the ones before it this long. */
  readonly timeoutMs: number
}

export interface CoordinatorDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: IdentityCrypto
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly sign: IdentitySigner
  readonly install: (installation: Installation, signal: AbortSignal) => Promise<void>
  /**
   * The registry at the newest block. The view that everything else goes by may be minutes behind it, and another
   * aggregator may have been first.
   */
  readonly readLatest: () => Promise<Membership>
}

/** An attempt that led to no signed installation. The next one may, with other participants. */
export class KeygenAttemptError extends Error {
  readonly code = 'KEYGEN_ATTEMPT_FAILED'
  /** Slots that were seen to fail; not the ones that only waited for another. */
  readonly slots: readonly number[]
  constructor(what: string, slots: readonly number[], cause?: unknown) {
    super(`${what}: another attempt follows`, cause === undefined ? {} : { cause })
    this.name = 'KeygenAttemptError'
    this.slots = slots
  }
}

const INSTALL_TIMEOUT_MS = 3_000
/**
 * An honest member that waits for a silent one says so when the attempt's time is over. Its answer has to be in
 * before the caller's own time is, or both look alike.
 */
const ANSWER_MARGIN_MS = 2_000

/** A member that holds a share, consents to the installation, and can help to sign it. */
interface Holder {
  readonly member: Member
  readonly result: KeygenResult
}

interface Answers {
  readonly results: ReadonlyMap<number, KeygenResult>
  /** Said no, as everybody does whose attempt failed. Whether it is their own fault cannot be seen. */
  readonly refused: ReadonlySet<number>
}

export class KeygenCoordinator {
  readonly #options: CoordinatorOptions
  readonly #deps: CoordinatorDeps
  #neededSinceMs: number | undefined
  #quorumSinceMs: number | undefined
  #calledAtMs = Number.NEGATIVE_INFINITY
  #selection: Selection = EVERYBODY

  constructor(options: CoordinatorOptions, deps: CoordinatorDeps) {
    this.#options = options
    this.#deps = deps
  }

  /**
   * One look at the registry: does nothing unless a key is needed and it is time for this aggregator to call.
   *
   * @throws {KeygenAttemptError} when an attempt has failed, and whatever reading and writing the chain throws
   */
  async attend(membership: Membership, signal: AbortSignal): Promise<void> {
    if (membership.keyEpoch > 0) {
      this.#neededSinceMs = undefined
      return
    }
    const present = this.#gathered(membership)
    if (present === undefined || !this.#mayCall(membership)) return
    if (!(await this.#isNewest(membership))) return
    const { q } = membership.quorum
    const slots = present.map(({ slot }) => slot)
    const participants = participantsOf(this.#selection, slots, q)
    const attempt: KeygenAttempt = {
      keyEpoch: membership.keyEpoch + 1,
      registryVersion: membership.registryVersion,
      caller: this.#options.index,
      // Time only grows, also over restarts.
      attempt: this.#deps.clock.now(),
      participants,
      threshold: q,
    }
    this.#deps.logger.info('calling a key generation', { participants })
    this.#calledAtMs = this.#deps.clock.monotonic()
    const began = this.#isItsTurn(membership)
    let installation: Installation
    try {
      installation = await this.#generate(attempt, membership, signal)
    } catch (error) {
      // Out of turn, members may have refused or broken off for another aggregator: that says nothing about them.
      if (began && !signal.aborted && this.#isItsTurn(membership)) {
        const seen = error instanceof KeygenAttemptError ? error.slots : []
        this.#selection = afterFailure(this.#selection, seen, slots, q)
      }
      throw error
    }
    if (!(await this.#isNewest(membership))) return
    await this.#deps.install(installation, signal)
    this.#selection = EVERYBODY
    this.#deps.logger.info('the group key is installed', { keyEpoch: attempt.keyEpoch, px: installation.px })
  }

  /** Who could take part, once it is time: everybody, or a quorum that has waited long enough for the rest. */
  #gathered(membership: Membership): Member[] | undefined {
    const { index, timeoutMs } = this.#options
    const now = this.#deps.clock.monotonic()
    const connected = new Set(this.#deps.network.connected())
    const present = activeMembers(membership).filter(member => connected.has(member.peerKey))
    if (present.length < membership.quorum.q) {
      this.#quorumSinceMs = undefined
      return undefined
    }
    this.#quorumSinceMs ??= now
    this.#neededSinceMs ??= now
    const everyone = present.length === activeMembers(membership).length
    if (!everyone && now - this.#quorumSinceMs < timeoutMs) return undefined
    return now - this.#neededSinceMs < index * timeoutMs ? undefined : present
  }

  /** Out of its turn a call mostly meets another aggregator's attempt: one in the time of an attempt is enough. */
  #mayCall(membership: Membership): boolean {
    const waitedMs = this.#deps.clock.monotonic() - this.#calledAtMs
    return this.#isItsTurn(membership) || waitedMs >= this.#options.timeoutMs
  }

  /** Whether the view is what the registry says at its newest block: what is installed is checked against that. */
  async #isNewest({ keyEpoch, registryVersion }: Membership): Promise<boolean> {
    const latest = await this.#deps.readLatest()
    return latest.keyEpoch === keyEpoch && latest.registryVersion === registryVersion
  }

  /** Whether members leave any other attempt for this aggregator's, and this one's for no other. */
  #isItsTurn({ aggregators }: Membership): boolean {
    const { index, timeoutMs } = this.#options
    return callerTurn(this.#deps.clock.now(), timeoutMs, aggregators.length) === index
  }

  async #generate(
    attempt: KeygenAttempt,
    membership: Membership,
    signal: AbortSignal,
  ): Promise<Installation> {
    const { domain } = this.#options
    const { keyEpoch, registryVersion, participants, threshold } = attempt
    const attemptId = attemptIdOf(domain, attempt)
    const { results, refused } = await this.#call(attempt, membership, signal)
    const bytes = commonTranscript(results)
    const answered = new Set([...results.keys(), ...refused])
    const silent = participants.filter(slot => !answered.has(slot))
    if (bytes === undefined || results.size < threshold) {
      throw new KeygenAttemptError(
        `only ${results.size} of ${participants.length} members finished the key generation`,
        silent,
      )
    }
    const decoded = decodeTranscript(bytes)
    if (decoded.attemptId !== attemptId)
      throw new DecodeError('BAD_VALUE', 'the transcript of another attempt')
    const pub = publicPackageFromTranscript(decoded.transcript)
    const transcriptHash = transcriptHashOf(bytes)
    const terms = { keyEpoch, registryVersion, participants, transcriptHash, px: groupKeyX(pub) }
    const digest = installationDigest(domain, terms)
    const holders = this.#holders(results, digest, membership)
    if (holders.length < threshold) {
      const holding = new Set(holders.map(({ member }) => member.slot))
      throw new KeygenAttemptError(
        `only ${holders.length} members consent to the new key`,
        participants.filter(slot => !refused.has(slot) && !holding.has(slot)),
      )
    }
    const signature = await this.#signInstallation(
      attemptId,
      holders.slice(0, threshold),
      pub,
      digest,
      keyEpoch,
      signal,
    )
    const consents = [...holders]
      .sort((a, b) => (a.member.identity < b.member.identity ? -1 : 1))
      .map(({ result }) => result.consent)
    return { ...terms, signature, consents }
  }

  /** Calls the participants, and waits until each has finished, refused, or run out of time. */
  async #call(attempt: KeygenAttempt, membership: Membership, signal: AbortSignal): Promise<Answers> {
    const { domain, timeoutMs } = this.#options
    const call = sealMessage(
      domain,
      MESSAGE_KIND.keygenStart,
      attempt.keyEpoch,
      encodeKeygenStart(attempt),
      this.#deps.sign,
    )
    const patienceMs = timeoutMs + Math.min(ANSWER_MARGIN_MS, timeoutMs / 4)
    const results = new Map<number, KeygenResult>()
    const refused = new Set<number>()
    await Promise.all(
      membersOf(attempt, membership).map(async member => {
        try {
          const answer = await this.#request(member, CHANNELS.keygenStart, call, {
            timeoutMs: patienceMs,
            signal,
          })
          const { body, sender } = openMessage(domain, MESSAGE_KIND.keygenResult, answer, this.#deps.crypto)
          if (sender !== member.identity) throw new DecodeError('BAD_VALUE', 'sealed by somebody else')
          results.set(member.slot, decodeKeygenResult(body))
        } catch (error) {
          if (error instanceof PeerRequestError && error.code === 'REFUSED') refused.add(member.slot)
          this.#deps.logger.warn('a member did not finish the key generation', { slot: member.slot, error })
        }
      }),
    )
    return { results, refused }
  }

  /**
   * Who holds a share of this very key, by slot: the consent is over the transcript's hash. One whose nonces are no
   * points would spoil the signature of all.
   */
  #holders(
    results: ReadonlyMap<number, KeygenResult>,
    digest: Uint8Array,
    membership: Membership,
  ): readonly Holder[] {
    return [...results]
      .flatMap(([slot, result]) => {
        const member = memberBySlot(membership, slot)
        if (member === undefined) return []
        const { consent, nonce } = result
        const consents = this.#deps.crypto.recover(digest, consent) === member.identity
        return consents && isPoint(nonce.hiding) && isPoint(nonce.binding) ? [{ member, result }] : []
      })
      .sort((a, b) => a.member.slot - b.member.slot)
  }

  /** Has the new key sign its own installation. */
  async #signInstallation(
    attemptId: Hash,
    holders: readonly Holder[],
    pub: FrostPublic,
    digest: Uint8Array,
    keyEpoch: number,
    signal: AbortSignal,
  ): Promise<GroupSignature> {
    const signers = holders.map(({ member, result }) => ({ slot: member.slot, ...result.nonce }))
    const install = sealMessage(
      this.#options.domain,
      MESSAGE_KIND.keygenInstall,
      keyEpoch,
      encodeKeygenInstall({ attemptId, signers }),
      this.#deps.sign,
    )
    const shares = new Map<number, Uint8Array>()
    await Promise.all(
      holders.map(async ({ member }) => {
        try {
          const share = await this.#request(member, CHANNELS.keygenInstall, install, {
            timeoutMs: INSTALL_TIMEOUT_MS,
            signal,
          })
          if (!isScalar(share)) throw new DecodeError('BAD_VALUE', 'not a signature share')
          shares.set(member.slot, share)
        } catch (error) {
          this.#deps.logger.warn('a member did not sign the new key', { slot: member.slot, error })
        }
      }),
    )
    const slots = signers.map(({ slot }) => slot)
    const missing = slots.filter(slot => !shares.has(slot))
    if (missing.length > 0) throw new KeygenAttemptError('the new key did not sign its installation', missing)
    try {
      return aggregateShares(pub, commitmentsOf(signers), digest, shares)
    } catch (error) {
      throw new KeygenAttemptError('the new key signed something else', cheatersOf(error, slots), error)
    }
  }

  #request(
    member: Member,
    channel: string,
    bytes: Uint8Array,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    return this.#deps.network.request(member.peerKey, channel, bytes, {
      ...options,
      maxReplyBytes: MAX_TRANSCRIPT_BYTES + 1_024,
    })
  }
}

function membersOf({ participants }: KeygenAttempt, { members }: Membership): readonly Member[] {
  return members.filter(({ slot }) => participants.includes(slot))
}

/** noble's aggregation error names identifiers. */
function cheatersOf(error: unknown, slots: readonly number[]): number[] {
  const named: readonly unknown[] =
    error instanceof Error && 'cheaters' in error && Array.isArray(error.cheaters) ? error.cheaters : []
  return slots.filter(slot => named.includes(identifierOf(slot)))
}

/** The transcript that most members show: who answers first with another one must not stop the rest. */
function commonTranscript(results: ReadonlyMap<number, KeygenResult>): Uint8Array | undefined {
  const counts = new Map<Hash, { count: number; readonly transcript: Uint8Array }>()
  for (const { transcript } of results.values()) {
    const hash = transcriptHashOf(transcript)
    counts.set(hash, { count: (counts.get(hash)?.count ?? 0) + 1, transcript })
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)[0]?.transcript
}
