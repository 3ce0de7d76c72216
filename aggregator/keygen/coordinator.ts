/**
 * Calls the members to a key generation when a key is due, and brings the result on chain.
 *
 * It is trusted with little: what it installs needs a quorum of identities, the new key's own signature, and every
 * participant's word that it holds its share. At worst it makes members deal for nothing while it is its turn, or says
 * of up to f honest ones that they were silent; the key is then made again with them when it has cooled down.
 */
import { hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import { callerTurn, type KeygenAttempt, type KeyTerms, nextKeyOf } from '../../protocol/keygen/attempt.ts'
import type { Blame, Exclusion, KeygenFault } from '../../protocol/keygen/blame.ts'
import { answersReason, type RotationReason, rotationDue, withoutShare } from '../../protocol/keygen/due.ts'
import type { Member, Membership, RegistryView } from '../../protocol/membership.ts'
import { KeygenAttemptError } from './attempt-error.ts'
import { CalledAttempt, type CallerDeps } from './called-attempt.ts'
import { participantsOf, withFound } from './exclusions.ts'
import { type Installation, Installing } from './installing.ts'

export { KeygenAttemptError } from './attempt-error.ts'
export type { Installation } from './installing.ts'

export interface CoordinatorOptions {
  readonly domain: Domain
  readonly index: number
  /** How long members may take for an attempt; each aggregator leaves the ones before it this long. */
  readonly timeoutMs: number
  /** A key that has counted for so long is due to be replaced. */
  readonly rotationSec: number
}

export interface CoordinatorDeps extends CallerDeps {
  readonly install: (installation: Installation, signal: AbortSignal) => Promise<void>
  /**
   * The registry at the newest block. The view that everything else goes by may be minutes behind it, and another
   * aggregator may have been first; or this one, whose key is not final yet.
   */
  readonly readLatest: () => Promise<Pick<RegistryView, 'newest'>>
  /** Each time a member is left out of the next attempt. */
  readonly count: (found: { readonly slot: number; readonly fault: KeygenFault }) => void
}

/** A member that could not be had for an incomplete key may be back. */
const FORGOTTEN_AFTER_MS = 600_000

export class KeygenCoordinator {
  readonly #options: CoordinatorOptions
  readonly #deps: CoordinatorDeps
  #neededSinceMs: number | undefined
  #quorumSinceMs: number | undefined
  #calledAtMs = Number.NEGATIVE_INFINITY
  /** Numbers grow, also when the clock does not. */
  #lastAttempt = 0
  /** Of the key that is being made: key epoch and list of members. */
  #excludedFrom = ''
  #excluded: readonly Exclusion[] = []
  #excludedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: CoordinatorOptions, deps: CoordinatorDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Whom the next attempt is made without, and why: with the proofs, for whoever wants to check them. */
  get excluded(): readonly Exclusion[] {
    return this.#excluded
  }

  /**
   * One look at the registry: does nothing unless a key is due and it is time for this aggregator to call.
   *
   * @throws {KeygenAttemptError} when an attempt has failed, and whatever reading and writing the chain throws
   */
  async attend(view: RegistryView, signal: AbortSignal): Promise<void> {
    const reason = rotationDue(view, Math.floor(this.#deps.clock.now() / 1_000), this.#options)
    if (reason === undefined) {
      this.#neededSinceMs = undefined
      this.#quorumSinceMs = undefined
      return
    }
    const next = nextKeyOf(view)
    if (!this.#isGathered(next) || !this.#mayCall(view.newest)) return
    if (!this.#canAnswer(reason, view) || !(await this.#isNewest(view.newest))) return

    const terms = this.#termsOf(next)
    // Members would refuse: it would be as incomplete as the one that is there.
    if (!answersReason(reason, view, terms.participants)) {
      this.#forgetInTime()
      return
    }
    const { keyEpoch, participants } = terms
    this.#deps.logger.info('calling a key generation', { keyEpoch, participants, reason })
    this.#calledAtMs = this.#deps.clock.monotonic()
    const began = this.#isItsTurn(view.newest)
    let installation: Installation
    try {
      installation = await this.#make(terms, next.members, view.newest, signal)
    } catch (error) {
      if (error instanceof KeygenAttemptError && !signal.aborted) {
        // It was this aggregator's attempt that the members were in, so the next one disturbs nobody.
        if (error.excluded.length > 0) this.#calledAtMs = Number.NEGATIVE_INFINITY
        const wasItsTurn = began && this.#isItsTurn(view.newest)
        this.#exclude(error.excluded, wasItsTurn)
        // Members that were away take no part without somebody that they know nothing against: all have to be called.
        if (error.excluded.length === 0 && wasItsTurn) this.#excluded = []
      }
      throw error
    }
    if (!(await this.#isNewest(view.newest))) return
    await this.#deps.install(installation, signal)
    this.#deps.logger.info('the group key is installed', { keyEpoch, px: installation.px })
  }

  async #make(
    terms: KeygenAttempt,
    members: readonly Member[],
    inForce: Membership,
    signal: AbortSignal,
  ): Promise<Installation> {
    const attempt = new CalledAttempt(terms, members, this.#options, this.#deps, signal)
    const finished = await attempt.finish()
    const installing = new Installing(terms, members, this.#options.domain, this.#deps, signal)
    return await installing.prepare(attempt, finished, inForce)
  }

  /** Without any of those that hold no share, another key would be no better. */
  #canAnswer(reason: RotationReason, { newest }: RegistryView): boolean {
    const connected = new Set(this.#deps.network.connected())
    return reason !== 'INCOMPLETE' || withoutShare(newest).some(({ peerKey }) => connected.has(peerKey))
  }

  #forgetInTime(): void {
    if (this.#deps.clock.monotonic() - this.#excludedAtMs >= FORGOTTEN_AFTER_MS) this.#excluded = []
  }

  /** Everybody, also who is not connected to this aggregator: members ask why somebody is left out. */
  #termsOf(next: KeyTerms): KeygenAttempt {
    const { keyEpoch, registryVersion, memberSet, quorum } = next
    const name = `${keyEpoch} ${memberSet}`
    if (this.#excludedFrom !== name) this.#excluded = []
    this.#excludedFrom = name
    const slots = next.members.map(({ slot }) => slot)
    const { participants, excluded } = participantsOf(this.#excluded, slots, quorum.q)
    this.#excluded = excluded
    // Time only grows, also over restarts.
    this.#lastAttempt = Math.max(this.#deps.clock.now(), this.#lastAttempt + 1)
    return {
      ...{ keyEpoch, registryVersion, memberSet, participants },
      caller: this.#options.index,
      attempt: this.#lastAttempt,
      threshold: quorum.q,
    }
  }

  /**
   * @param wasItsTurn out of turn, members may have refused or broken off for another aggregator: their silence then
   *   says nothing about them, but a proof does
   */
  #exclude(found: readonly Exclusion[], wasItsTurn: boolean): void {
    const counted = found.filter(({ proof }) => wasItsTurn || proof !== undefined)
    for (const exclusion of counted) {
      const { slot, fault } = exclusion
      this.#deps.count({ slot, fault })
      const proof = exclusion.proof === undefined ? {} : { proof: readable(exclusion.proof) }
      this.#deps.logger.warn('a member is left out of the next key generation', { ...exclusion, ...proof })
    }
    this.#excludedAtMs = this.#deps.clock.monotonic()
    this.#excluded = withFound(this.#excluded, counted)
  }

  /** Whether it is time: everybody is there, or a quorum that has waited long enough for the rest. */
  #isGathered({ members, quorum }: KeyTerms): boolean {
    const { index, timeoutMs } = this.#options
    const now = this.#deps.clock.monotonic()
    const connected = new Set(this.#deps.network.connected())
    const present = members.filter(member => connected.has(member.peerKey))
    if (present.length < quorum.q) {
      this.#quorumSinceMs = undefined
      return false
    }
    this.#quorumSinceMs ??= now
    this.#neededSinceMs ??= now
    if (present.length < members.length && now - this.#quorumSinceMs < timeoutMs) return false
    return now - this.#neededSinceMs >= index * timeoutMs
  }

  /** Out of its turn a call mostly meets another aggregator's attempt: one in the time of an attempt is enough. */
  #mayCall(membership: Membership): boolean {
    const waitedMs = this.#deps.clock.monotonic() - this.#calledAtMs
    return this.#isItsTurn(membership) || waitedMs >= this.#options.timeoutMs
  }

  /** Whether the view is what the registry says at its newest block: what is installed is checked against that. */
  async #isNewest({ keyEpoch, registryVersion }: Membership): Promise<boolean> {
    const { newest: latest } = await this.#deps.readLatest()
    return latest.keyEpoch === keyEpoch && latest.registryVersion === registryVersion
  }

  /** Whether members leave any other attempt for this aggregator's, and this one's for no other. */
  #isItsTurn({ aggregators }: Membership): boolean {
    const { index, timeoutMs } = this.#options
    return callerTurn(this.#deps.clock.now(), timeoutMs, aggregators.length) === index
  }
}

/** A proof as a log holds it: sealed messages in hex, so that somebody else can judge it again. */
function readable(proof: Blame): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(proof).map(([name, value]) => [name, value instanceof Uint8Array ? hexOf(value) : value]),
  )
}
