/**
 * From a published report to its certificate: all members are asked for their judgement; q that sign it, and hold
 * shares, make the group's signature. When they cannot, the identity signatures that came with the judgements are a
 * certificate of their own.
 */
import type { GroupPublic } from '../../member/group-public.ts'
import type { Hash } from '../../protocol/bytes.ts'
import { type Certificate, verifyQuorumSignatures } from '../../protocol/certificate.ts'
import { CHANNELS } from '../../protocol/channels.ts'
import type { Domain } from '../../protocol/domain.ts'
import { type AuditVerdict, decodeVerdict, MAX_VERDICT_BYTES } from '../../protocol/epoch/messages.ts'
import { type EpochReport, encodeEpochReport, epochReportDigest } from '../../protocol/epoch/report.ts'
import { isPoint } from '../../protocol/frost.ts'
import type { IdentityCrypto } from '../../protocol/identity.ts'
import { activeMembers, type Member, type Membership } from '../../protocol/membership.ts'
import type { ChosenSigner, NoncePair } from '../../protocol/round/messages.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { PeerNetwork } from '../../runtime/p2p/peer-network.ts'
import { type Answer, askMembers } from './ask-members.ts'
import type { EpochRefusal } from './epoch-store.ts'
import { signAsGroup } from './group-session.ts'

/** The whole bundle is read, checked and computed; q that are quicker are not held up. */
const AUDIT_TIMEOUT_MS = 60_000
/** Once a quorum is out of reach: so that the others' reasons are heard too. */
const LINGER_MS = 250

/** What a node says that has signed another report of this attempt. */
export const LOCKED = 'LOCKED'

export type Certification =
  | { readonly kind: 'certified'; readonly certificate: Certificate }
  /** So many said no that a quorum cannot be reached in this attempt. */
  | { readonly kind: 'refused' }
  /** Too few have answered: asked again later. */
  | { readonly kind: 'undecided' }

export interface CertifierDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly crypto: Pick<IdentityCrypto, 'recover'>
  readonly network: Pick<PeerNetwork, 'request' | 'connected'>
  readonly groupPublic: Pick<GroupPublic, 'fetch' | 'current'>
  /** Told of each no, as it comes. */
  readonly refused: (epoch: number, refusal: EpochRefusal) => void
}

interface Signed {
  readonly member: Member
  readonly signature: Uint8Array
  readonly nonce: NoncePair | undefined
}

export class Certifier {
  readonly #domain: Domain
  readonly #deps: CertifierDeps

  constructor(domain: Domain, deps: CertifierDeps) {
    this.#domain = domain
    this.#deps = deps
  }

  async certify(report: EpochReport, membership: Membership, signal: AbortSignal): Promise<Certification> {
    const { q, n } = membership.quorum
    const digest = epochReportDigest(this.#domain, report)
    await this.#deps.groupPublic.fetch(membership)
    const groupPublic = this.#deps.groupPublic.current(membership)?.signing
    const signatures = new Map<number, Signed>()
    const failed = new Set<number>()

    // As many sessions as there may be culprits, and one more: each that fails leaves at least one out.
    for (let session = 0; session <= n - q; session++) {
      const members = activeMembers(membership).filter(({ slot }) => !failed.has(slot))
      const { signed, refusals } = await this.#audit(report, digest, members, membership, signal)
      for (const item of signed) signatures.set(item.member.slot, item)
      if (refusals > 0 && activeMembers(membership).length - refusals < q) return { kind: 'refused' }
      const signers = groupPublic === undefined ? undefined : chooseSigners(signed, membership)
      if (groupPublic === undefined || signers === undefined) break
      const made = await signAsGroup(
        { report, digest, membership, groupPublic, signers },
        { network: this.#deps.network, signal },
      )
      if ('signature' in made)
        return { kind: 'certified', certificate: { kind: 'group', signature: made.signature } }
      for (const slot of made.culprits) failed.add(slot)
      const fields = { epoch: report.epoch, attempt: report.attempt, slots: made.culprits }
      this.#deps.logger.warn('members have not signed what they had agreed to, others are asked', fields)
    }
    const certificate = this.#quorumCertificate([...signatures.values()], digest, membership)
    return certificate === undefined ? { kind: 'undecided' } : { kind: 'certified', certificate }
  }

  async #audit(
    report: EpochReport,
    digest: Uint8Array,
    members: readonly Member[],
    membership: Membership,
    signal: AbortSignal,
  ): Promise<{ readonly signed: readonly Signed[]; readonly refusals: number }> {
    const { q } = membership.quorum
    const connected = new Set(this.#deps.network.connected())
    const present = members.filter(({ peerKey }) => connected.has(peerKey))
    const holdsShare = new Set(membership.groupKey?.participants)
    const answers = await askMembers(present, member => this.#ask(member, report, digest, signal), {
      enough: all => {
        const able = signedOf(all).filter(
          ({ nonce, member }) =>
            holdsShare.size === 0 || (nonce !== undefined && holdsShare.has(member.slot)),
        )
        if (able.length >= q) return 0
        return activeMembers(membership).length - refusedOf(all).length < q ? LINGER_MS : undefined
      },
      clock: this.#deps.clock,
      signal,
    })
    const refusals = refusedOf(answers)
    for (const { member, value } of refusals)
      this.#deps.refused(report.epoch, refusalOf(report.attempt, member, value))
    return { signed: signedOf(answers), refusals: refusals.length }
  }

  async #ask(
    member: Member,
    report: EpochReport,
    digest: Uint8Array,
    signal: AbortSignal,
  ): Promise<AuditVerdict> {
    const { slot } = member
    const fields = { slot, epoch: report.epoch, attempt: report.attempt }
    try {
      const reply = await this.#deps.network.request(
        member.peerKey,
        CHANNELS.epochAudit,
        encodeEpochReport(report),
        { timeoutMs: AUDIT_TIMEOUT_MS, maxReplyBytes: MAX_VERDICT_BYTES, signal },
      )
      const verdict = decodeVerdict(reply)
      if (verdict.kind === 'unready')
        this.#deps.logger.debug('a member cannot judge an epoch yet', { ...fields, text: verdict.text })
      if (verdict.kind !== 'signed') return verdict
      if (this.#deps.crypto.recover(digest, verdict.signature) !== member.identity)
        throw new Error("the signature is not the member's")
      // A pair that is none would fail the whole session.
      const { nonce } = verdict
      const usable = nonce !== undefined && isPoint(nonce.hiding) && isPoint(nonce.binding)
      return usable ? verdict : { ...verdict, nonce: undefined }
    } catch (error) {
      this.#deps.logger.debug('a member has not judged an epoch', { ...fields, error })
      throw error
    }
  }

  #quorumCertificate(
    signed: readonly Signed[],
    digest: Uint8Array,
    membership: Membership,
  ): Certificate | undefined {
    const signatures = [...signed]
      .sort((a, b) => (a.member.identity < b.member.identity ? -1 : 1))
      .slice(0, membership.quorum.q)
      .map(({ signature }) => signature)
    return verifyQuorumSignatures(membership, digest, signatures, this.#deps.crypto)
      ? { kind: 'quorum', signatures }
      : undefined
  }
}

/** Exactly q that hold shares of the key and have a nonce at hand, ascending by slot. */
function chooseSigners(
  signed: readonly Signed[],
  membership: Membership,
): readonly (ChosenSigner & { readonly member: Member })[] | undefined {
  const holders = new Set(membership.groupKey?.participants)
  const able = signed
    .flatMap(({ member, nonce }) =>
      nonce === undefined || !holders.has(member.slot) ? [] : [{ member, slot: member.slot, ...nonce }],
    )
    .sort((a, b) => a.slot - b.slot)
    .slice(0, membership.quorum.q)
  return able.length < membership.quorum.q ? undefined : able
}

function signedOf(answers: readonly Answer<AuditVerdict>[]): Signed[] {
  return answers.flatMap(answer =>
    'value' in answer && answer.value.kind === 'signed'
      ? [{ member: answer.member, signature: answer.value.signature, nonce: answer.value.nonce }]
      : [],
  )
}

type No = Extract<AuditVerdict, { readonly kind: 'refused' | 'locked' }>

function refusedOf(answers: readonly Answer<AuditVerdict>[]): { member: Member; value: No }[] {
  return answers.flatMap(answer =>
    'value' in answer && (answer.value.kind === 'refused' || answer.value.kind === 'locked')
      ? [{ member: answer.member, value: answer.value }]
      : [],
  )
}

function refusalOf(attempt: number, { slot }: Member, verdict: No): EpochRefusal {
  if (verdict.kind === 'refused') {
    const { code, where, text } = verdict
    return { attempt, slot, code, where, text }
  }
  return { attempt, slot, code: LOCKED, text: lockedText(verdict.digest) }
}

function lockedText(digest: Hash): string {
  return `${LOCKED}: another report of this attempt has been signed, ${digest}`
}
