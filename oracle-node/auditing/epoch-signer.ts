/**
 * Signs epochs: once the report is locked, on disk. The identity signature may be said again and again; a nonce pair
 * of the group's signature lives in memory only, one for each relayer, and is gone before it signs.
 */
import { bytesOf, equalBytes, type Hash, hexOf } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { AuditVerdict, EpochSignRequest } from '../../protocol/epoch/messages.ts'
import { type EpochReport, epochReportDigest } from '../../protocol/epoch/report.ts'
import { commitmentsOf, type FrostPublic, type FrostSecret, frost } from '../../protocol/frost.ts'
import { type Membership, memberBySlot, type PeerKey } from '../../protocol/membership.ts'
import type { NoncePair } from '../../protocol/round/messages.ts'
import type { AuditStore } from './audit-store.ts'

export interface EpochKey {
  readonly secret: FrostSecret
  readonly public: FrostPublic
}

export interface EpochSignerDeps {
  readonly store: Pick<AuditStore, 'lock' | 'lockOf'>
  /** By the identity key. */
  readonly sign: (digest: Uint8Array) => Uint8Array
  /** This node's share of the installed key, if it has one. */
  readonly key: (keyEpoch: number) => EpochKey | undefined
}

interface Unspent {
  readonly keyEpoch: number
  readonly nonce: ReturnType<typeof frost.commit>
}

/** Relayers are few; what is above was asked for by some that have gone. */
const MAX_RELAYERS = 16

export class EpochSigner {
  readonly #domain: Domain
  readonly #slot: number
  readonly #deps: EpochSignerDeps
  readonly #unspent = new Map<PeerKey, Unspent>()

  constructor(options: { readonly domain: Domain; readonly slot: number }, deps: EpochSignerDeps) {
    this.#domain = options.domain
    this.#slot = options.slot
    this.#deps = deps
  }

  /** What has been locked for the report's (epoch, attempt): this very report, another one, or nothing yet. */
  standing(report: EpochReport): 'free' | 'this' | { readonly other: Hash } {
    const lock = this.#deps.store.lockOf(report.epoch, report.attempt)
    if (lock === undefined) return 'free'
    return lock.digest === this.digestOf(report) ? 'this' : { other: lock.digest }
  }

  digestOf(report: EpochReport): Hash {
    return hexOf(epochReportDigest(this.#domain, report))
  }

  /**
   * Locks the report, and then signs it. The same report again gives the same signature with a new nonce pair.
   *
   * @param relayer whose request this answers: only it can use the pair
   * @throws {EpochLockedError} when another report has been locked
   */
  lockAndSign(report: EpochReport, relayer: PeerKey): Extract<AuditVerdict, { kind: 'signed' }> {
    const digest = this.digestOf(report)
    const { epoch, attempt, keyEpoch, bundleHash } = report
    this.#deps.store.lock(epoch, attempt, { digest, keyEpoch, bundleHash })
    return {
      kind: 'signed',
      signature: this.#deps.sign(bytesOf(digest)),
      nonce: this.#issue(relayer, keyEpoch),
    }
  }

  /**
   * This node's share of the group's signature over the locked report; undefined for whatever does not fit, such as
   * signers who may not, or a pair that is not the unspent one.
   */
  share(request: EpochSignRequest, relayer: PeerKey, membership: Membership): Uint8Array | undefined {
    const lock = this.#deps.store.lockOf(request.epoch, request.attempt)
    if (lock?.digest !== request.digest || lock.keyEpoch !== membership.keyEpoch) return undefined
    const key = this.#deps.key(lock.keyEpoch)
    const own = request.signers.find(({ slot }) => slot === this.#slot)
    if (key === undefined || own === undefined || !areSigners(request, membership)) return undefined
    const nonce = this.#take(relayer, lock.keyEpoch, own)
    if (nonce === undefined) return undefined
    try {
      const commitments = commitmentsOf(request.signers)
      return frost.signShare(key.secret, key.public, nonce.nonces, commitments, bytesOf(request.digest))
    } catch {
      // Only commitments that are no points get here: they came with the request.
      return undefined
    }
  }

  /** For when the process stops. */
  clear(): void {
    this.#unspent.clear()
  }

  #issue(relayer: PeerKey, keyEpoch: number): NoncePair | undefined {
    const key = this.#deps.key(keyEpoch)
    if (key === undefined) return undefined
    if (!this.#unspent.has(relayer) && this.#unspent.size >= MAX_RELAYERS) this.#unspent.clear()
    const nonce = frost.commit(key.secret)
    this.#unspent.set(relayer, { keyEpoch, nonce })
    return { hiding: nonce.commitments.hiding, binding: nonce.commitments.binding }
  }

  /** Removes the pair from memory and returns it, once. */
  #take(relayer: PeerKey, keyEpoch: number, pair: NoncePair): Unspent['nonce'] | undefined {
    const unspent = this.#unspent.get(relayer)
    if (unspent === undefined || unspent.keyEpoch !== keyEpoch) return undefined
    const { commitments } = unspent.nonce
    const same = equalBytes(commitments.hiding, pair.hiding) && equalBytes(commitments.binding, pair.binding)
    if (!same) return undefined
    this.#unspent.delete(relayer)
    return unspent.nonce
  }
}

/** Exactly q, ascending, all of them active and holders of the key. */
function areSigners({ signers }: EpochSignRequest, membership: Membership): boolean {
  if (signers.length !== membership.quorum.q) return false
  const holders = new Set(membership.groupKey?.participants)
  return signers.every(({ slot }, index) => {
    const before = signers[index - 1]
    const ascends = before === undefined || before.slot < slot
    return ascends && holders.has(slot) && memberBySlot(membership, slot)?.suspended === false
  })
}
