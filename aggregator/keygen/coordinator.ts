/**
 * Calls the members to a key generation when the registry has no key, and brings the result on chain.
 *
 * It is trusted with nothing: it sees the transcript only, and what it installs needs a quorum of identities
 * and the new key's own signature. At worst it wastes an attempt; the next aggregator then calls one.
 */
import { DecodeError, type Hash } from '../../protocol/bytes.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { GroupSignature } from '../../protocol/frost.ts'
import { aggregateShares, groupKeyX, identifierOf, SCALAR_BYTES } from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import {
  attemptIdOf,
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
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'

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
  /** Reads the registry now: another aggregator may have been first. */
  readonly refresh: () => Promise<Membership>
}

/** How long the first attempt waits for members that are still connecting. */
const GATHER_MS = 3_000
const INSTALL_TIMEOUT_MS = 3_000

export class KeygenCoordinator {
  readonly #options: CoordinatorOptions
  readonly #deps: CoordinatorDeps
  #neededSinceMs: number | undefined
  #quorumSinceMs: number | undefined

  constructor(options: CoordinatorOptions, deps: CoordinatorDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** One look at the registry: does nothing unless a key is needed and it is this aggregator's turn to call. */
  async attend(membership: Membership, signal: AbortSignal): Promise<void> {
    if (membership.keyEpoch > 0) {
      this.#neededSinceMs = undefined
      return
    }
    const participants = this.#gathered(membership)
    if (participants === undefined) return
    const attempt: KeygenAttempt = {
      keyEpoch: membership.keyEpoch + 1,
      registryVersion: membership.registryVersion,
      // Time only grows, also over restarts and between aggregators.
      attempt: this.#deps.clock.now(),
      participants: participants.map(member => member.slot),
      threshold: membership.quorum.q,
    }
    this.#deps.logger.info('calling a key generation', { participants: attempt.participants })
    const installation = await this.#generate(attempt, participants, membership)
    if ((await this.#deps.refresh()).keyEpoch >= attempt.keyEpoch) return
    await this.#deps.install(installation, signal)
    this.#deps.logger.info('the group key is installed', { keyEpoch: attempt.keyEpoch, px: installation.px })
  }

  /** Who takes part, once it is time: everybody, or a quorum that has waited long enough for the rest. */
  #gathered(membership: Membership): Member[] | undefined {
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
    if (!everyone && now - this.#quorumSinceMs < GATHER_MS) return undefined
    const { index, timeoutMs } = this.#options
    return now - this.#neededSinceMs < index * timeoutMs ? undefined : present
  }

  async #generate(
    attempt: KeygenAttempt,
    members: readonly Member[],
    membership: Membership,
  ): Promise<Installation> {
    const { domain, timeoutMs } = this.#options
    const attemptId = attemptIdOf(domain, attempt)
    const call = sealMessage(
      domain,
      MESSAGE_KIND.keygenStart,
      attempt.keyEpoch,
      encodeKeygenStart(attempt),
      this.#deps.sign,
    )
    const results = new Map<number, KeygenResult>()
    await Promise.all(
      members.map(async member => {
        try {
          const answer = await this.#request(member, CHANNELS.keygenStart, call, timeoutMs)
          const { body, sender } = openMessage(domain, MESSAGE_KIND.keygenResult, answer, this.#deps.crypto)
          if (sender === member.identity) results.set(member.slot, decodeKeygenResult(body))
        } catch (error) {
          this.#deps.logger.warn('a member did not finish the key generation', { slot: member.slot, error })
        }
      }),
    )
    return this.#assemble(attempt, attemptId, results, membership)
  }

  /** Checks what came back, has the new key sign, and collects the consents. */
  async #assemble(
    attempt: KeygenAttempt,
    attemptId: Hash,
    results: ReadonlyMap<number, KeygenResult>,
    membership: Membership,
  ): Promise<Installation> {
    const bytes = commonTranscript(results)
    if (bytes === undefined || results.size < attempt.threshold) {
      throw new Error(
        `only ${results.size} of ${attempt.participants.length} members finished the key generation`,
      )
    }
    const decoded = decodeTranscript(bytes)
    if (decoded.attemptId !== attemptId)
      throw new DecodeError('BAD_VALUE', 'the transcript of another attempt')
    const pub = publicPackageFromTranscript(decoded.transcript)
    const transcriptHash = transcriptHashOf(bytes)
    const { keyEpoch, registryVersion, participants } = attempt
    const terms = { keyEpoch, registryVersion, participants, transcriptHash, px: groupKeyX(pub) }
    const digest = installationDigest(this.#options.domain, terms)

    // The consent is over the transcript's hash: who signed it holds a share of this very key.
    const consenting = [...results]
      .flatMap(([slot, result]) => {
        const member = memberBySlot(membership, slot)
        const signer = this.#deps.crypto.recover(digest, result.consent)
        return member !== undefined && signer === member.identity ? [{ member, result }] : []
      })
      .sort((a, b) => a.member.slot - b.member.slot)
    if (consenting.length < attempt.threshold)
      throw new Error(`only ${consenting.length} members consent to the new key`)

    const signers = consenting
      .slice(0, attempt.threshold)
      .map(({ member, result }) => ({ member, slot: member.slot, ...result.nonce }))
    const install = sealMessage(
      this.#options.domain,
      MESSAGE_KIND.keygenInstall,
      keyEpoch,
      encodeKeygenInstall({ attemptId, signers }),
      this.#deps.sign,
    )
    const shares = await Promise.all(
      signers.map(async ({ member, slot }) => {
        const share = await this.#request(member, CHANNELS.keygenInstall, install, INSTALL_TIMEOUT_MS)
        if (share.length !== SCALAR_BYTES) throw new DecodeError('BAD_VALUE', 'a share of another length')
        return [slot, share] as const
      }),
    )
    const commitments = signers.map(({ slot, hiding, binding }) => ({
      identifier: identifierOf(slot),
      hiding: Uint8Array.from(hiding),
      binding: Uint8Array.from(binding),
    }))
    const signature = aggregateShares(pub, commitments, digest, new Map(shares))
    const consents = consenting
      .sort((a, b) => (a.member.identity < b.member.identity ? -1 : 1))
      .map(({ result }) => result.consent)
    return { ...terms, signature, consents }
  }

  #request(member: Member, channel: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.#deps.network.request(member.peerKey, channel, bytes, {
      timeoutMs,
      maxReplyBytes: MAX_TRANSCRIPT_BYTES + 1_024,
    })
  }
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
