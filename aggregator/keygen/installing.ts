/** From a key that all participants hold to what the registry is asked to install. */
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import {
  aggregateShares,
  cheatersOf,
  commitmentsOf,
  type FrostPublic,
  type GroupSignature,
  groupKeyX,
  isPoint,
  isScalar,
} from '../../protocol/frost.ts'
import { SIGNATURE_BYTES } from '../../protocol/identity.ts'
import type { KeygenAttempt } from '../../protocol/keygen/attempt.ts'
import type { SealedReport } from '../../protocol/keygen/dispute.ts'
import {
  encodeKeygenInstall,
  type GroupKeyInstallation,
  installationDigest,
  type KeygenInstall,
} from '../../protocol/keygen/installation.ts'
import {
  type ConsentRequest,
  encodeConsentRequest,
  type KeygenReport,
} from '../../protocol/keygen/messages.ts'
import { decodeTranscript, publicPackageFromTranscript } from '../../protocol/keygen/transcript.ts'
import { activeMembers, type Member, type Membership } from '../../protocol/membership.ts'
import { MESSAGE_KIND, sealMessage } from '../../protocol/message.ts'
import { KeygenAttemptError } from './attempt-error.ts'
import type { CalledAttempt, CallerDeps, FinishedAttempt } from './called-attempt.ts'

/** What the registry is asked to install. */
export interface Installation extends GroupKeyInstallation {
  readonly signature: GroupSignature
  /** Consents of at least a quorum of the members in force, ascending by address. */
  readonly consents: readonly Uint8Array[]
}

const REQUEST_TIMEOUT_MS = 3_000
const SHARE_BYTES = 32

type Finished = Extract<KeygenReport, { kind: 'finished' }>

/** A member that holds a share, consents to the installation, and can help to sign it. */
interface Holder {
  readonly member: Member
  readonly finished: Finished
  readonly sealed: Uint8Array
}

export class Installing {
  readonly #domain: Domain
  readonly #terms: KeygenAttempt
  readonly #members: readonly Member[]
  readonly #deps: CallerDeps
  readonly #signal: AbortSignal

  /** @param members of the list that the key is for */
  constructor(
    terms: KeygenAttempt,
    members: readonly Member[],
    domain: Domain,
    deps: CallerDeps,
    signal: AbortSignal,
  ) {
    this.#domain = domain
    this.#terms = terms
    this.#members = members.filter(({ slot }) => terms.participants.includes(slot))
    this.#deps = deps
    this.#signal = signal
  }

  /**
   * @param inForce whose consent the registry asks for
   * @throws {KeygenAttemptError}
   */
  async prepare(attempt: CalledAttempt, done: FinishedAttempt, inForce: Membership): Promise<Installation> {
    const candidates = this.#candidates(done.reports)
    const transcriptHash = candidates[0]?.finished.transcriptHash
    if (transcriptHash === undefined) throw new KeygenAttemptError('nobody holds the new key')
    if (candidates.length < this.#members.length) {
      const others = this.#members.filter(member => !candidates.some(holder => holder.member === member))
      throw new KeygenAttemptError(
        'members finished with another key',
        others.map(({ slot }) => ({ slot, fault: 'BAD_VOTE' })),
      )
    }
    const finished = candidates.map(({ sealed }) => sealed)
    const transcript = await attempt.transcript(
      transcriptHash,
      candidates.map(({ member }) => member),
    )
    const pub = publicPackageFromTranscript(decodeTranscript(transcript).transcript)
    const installation = { ...this.#terms, transcriptHash, px: groupKeyX(pub) }
    const digest = installationDigest(this.#domain, installation)
    const holders = candidates.filter(holder => this.#canSign(holder, digest))
    if (holders.length < this.#terms.threshold) {
      const others = this.#members.filter(member => !holders.some(holder => holder.member === member))
      throw new KeygenAttemptError(
        `only ${holders.length} members consent to the new key`,
        others.map(({ slot }) => ({ slot, fault: 'BAD_SIGNATURE' })),
      )
    }
    const signature = await this.#sign(holders.slice(0, this.#terms.threshold), pub, digest, {
      attemptId: done.court.attemptId,
      finished,
    })
    const consents = await this.#consents(
      holders,
      digest,
      { terms: this.#terms, transcript, finished },
      inForce,
    )
    const { keyEpoch, registryVersion, memberSet, participants, px } = installation
    return { keyEpoch, registryVersion, memberSet, participants, px, transcriptHash, signature, consents }
  }

  /** The finished members that hold what most of them hold, ascending by slot. */
  #candidates(reports: ReadonlyMap<number, SealedReport>): Holder[] {
    const all = this.#members.flatMap(member => {
      const answered = reports.get(member.slot)
      return answered?.report.kind === 'finished'
        ? [{ member, finished: answered.report, sealed: answered.sealed }]
        : []
    })
    const sameAs = (hash: string) => all.filter(({ finished }) => finished.transcriptHash === hash)
    const [largest = []] = all
      .map(({ finished }) => sameAs(finished.transcriptHash))
      .sort((a, b) => b.length - a.length)
    return largest
  }

  /** One whose nonces are no points would spoil the signature of all. */
  #canSign({ member, finished: { consent, nonce } }: Holder, digest: Uint8Array): boolean {
    const consents = this.#deps.crypto.recover(digest, consent) === member.identity
    return consents && isPoint(nonce.hiding) && isPoint(nonce.binding)
  }

  /** Has the new key sign its own installation. */
  async #sign(
    holders: readonly Holder[],
    pub: FrostPublic,
    digest: Uint8Array,
    { attemptId, finished }: Pick<KeygenInstall, 'attemptId' | 'finished'>,
  ): Promise<GroupSignature> {
    const signers = holders.map(({ member, finished: { nonce } }) => ({ slot: member.slot, ...nonce }))
    const install = sealMessage(
      this.#domain,
      MESSAGE_KIND.keygenInstall,
      this.#terms.keyEpoch,
      encodeKeygenInstall({ attemptId, signers, finished }),
      this.#deps.sign,
    )
    const shares = new Map<number, Uint8Array>()
    await Promise.all(
      holders.map(async ({ member }) => {
        const share = await this.#ask(member, CHANNELS.keygenInstall, install, SHARE_BYTES)
        if (share !== undefined && isScalar(share)) shares.set(member.slot, share)
      }),
    )
    this.#signal.throwIfAborted()
    const silent = signers.filter(({ slot }) => !shares.has(slot))
    if (silent.length > 0) {
      throw new KeygenAttemptError(
        'the new key did not sign its installation',
        silent.map(({ slot }) => ({ slot, fault: 'SILENT', what: 'install' })),
      )
    }
    try {
      return aggregateShares(pub, commitmentsOf(signers), digest, shares)
    } catch (error) {
      throw new KeygenAttemptError(
        'the new key signed something else',
        cheatersOf(error, [...shares.keys()]).map(slot => ({ slot, fault: 'BAD_SIGNATURE' })),
      )
    }
  }

  /** Of the members in force. Those that made the key have signed already; the others are shown it. */
  async #consents(
    holders: readonly Holder[],
    digest: Uint8Array,
    shown: ConsentRequest,
    inForce: Membership,
  ): Promise<Uint8Array[]> {
    const consents = new Map<string, Uint8Array>()
    const active = activeMembers(inForce)
    for (const { member, finished } of holders) {
      if (active.some(({ identity }) => identity === member.identity))
        consents.set(member.identity, finished.consent)
    }
    const { q } = inForce.quorum
    if (consents.size < q) {
      const request = sealMessage(
        this.#domain,
        MESSAGE_KIND.keygenConsent,
        this.#terms.keyEpoch,
        encodeConsentRequest(shown),
        this.#deps.sign,
      )
      await Promise.all(
        active.map(async member => {
          if (consents.has(member.identity)) return
          const consent = await this.#ask(member, CHANNELS.keygenConsent, request, SIGNATURE_BYTES)
          if (consent !== undefined && this.#deps.crypto.recover(digest, consent) === member.identity)
            consents.set(member.identity, consent)
        }),
      )
      this.#signal.throwIfAborted()
    }
    if (consents.size < q)
      throw new KeygenAttemptError(`only ${consents.size} members in force consent to the new key`)
    return [...consents].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, consent]) => consent)
  }

  async #ask(
    member: Member,
    channel: string,
    bytes: Uint8Array,
    maxReplyBytes: number,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#deps.network.request(member.peerKey, channel, bytes, {
        timeoutMs: REQUEST_TIMEOUT_MS,
        maxReplyBytes,
        signal: this.#signal,
      })
    } catch (error) {
      const { slot } = member
      this.#deps.logger.warn('a member does not help to install the new key', { slot, channel, error })
      return undefined
    }
  }
}
