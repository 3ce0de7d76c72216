/** What brings a new group key into force: a digest that a quorum of identities and the key itself sign. */
import { ByteReader, ByteWriter, type Hash } from '../bytes.ts'
import { type Domain, digestOf, STRUCTS } from '../domain.ts'
import { POINT_BYTES } from '../frost.ts'
import { bitmapOf } from '../membership.ts'
import { MAX_MEMBERS } from '../quorum.ts'
import type { ChosenSigner } from '../round/messages.ts'
import { MAX_FINISHED_BYTES, SEAL_BYTES } from './messages.ts'

export interface GroupKeyInstallation {
  readonly keyEpoch: number
  readonly registryVersion: number
  /** Number of the list of members that is in force under the key. */
  readonly memberSet: number
  readonly transcriptHash: Hash
  readonly participants: readonly number[]
  readonly px: bigint
}

/** What a quorum of the members in force and the new key itself sign, and the registry checks. */
export function installationDigest(domain: Domain, installation: GroupKeyInstallation): Uint8Array {
  const { keyEpoch, registryVersion, memberSet, transcriptHash, participants, px } = installation
  return digestOf(domain, STRUCTS.groupKey, {
    ...{ keyEpoch, registryVersion, memberSet, transcriptHash, px },
    participants: bitmapOf(participants),
  })
}

export interface KeygenInstall {
  readonly attemptId: Hash
  /** Exactly `threshold`, ascending by slot. */
  readonly signers: readonly ChosenSigner[]
  /** Every participant's sealed report that it has finished, in order of slot: without one nobody signs. */
  readonly finished: readonly Uint8Array[]
}

export function encodeKeygenInstall(install: KeygenInstall): Uint8Array {
  const writer = new ByteWriter().hex(install.attemptId, 32).uint(install.signers.length, 1)
  for (const { slot, hiding, binding } of install.signers) {
    writer.uint(slot, 1).fixed(hiding, POINT_BYTES).fixed(binding, POINT_BYTES)
  }
  writer.uint(install.finished.length, 1)
  for (const sealed of install.finished) writer.sized(sealed)
  return writer.done()
}

/** @throws {DecodeError} */
export function decodeKeygenInstall(bytes: Uint8Array): KeygenInstall {
  const reader = new ByteReader(bytes)
  return reader.done({
    attemptId: reader.hex(32),
    signers: reader.list(MAX_MEMBERS, item => ({
      slot: item.small(1),
      hiding: item.fixed(POINT_BYTES),
      binding: item.fixed(POINT_BYTES),
    })),
    finished: reader.list(MAX_MEMBERS, item => item.sized(MAX_FINISHED_BYTES)),
  })
}

export const MAX_INSTALL_BYTES =
  SEAL_BYTES + 34 + MAX_MEMBERS * (1 + 2 * POINT_BYTES + 2 + MAX_FINISHED_BYTES)
