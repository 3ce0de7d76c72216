/**
 * Workers, models and group keys, from their registries' events: as many entries as somebody has paid a transaction
 * for. Asked without the chain, because anybody can name what does not exist.
 */
import type { Address, Hash } from '../../protocol/bytes.ts'
import type { Model } from '../../protocol/epoch/settle-usage.ts'
import { type Member, slotsOf } from '../../protocol/membership.ts'
import { EMPTY_ROOT } from '../../protocol/merkle.ts'
import { membersOfList } from '../membership-reader.ts'
import type { FollowedLog } from './events.ts'
import type { InstalledKey } from './types.ts'

interface ModelVersion {
  readonly royaltyBps: number
  readonly fromEpoch: number
}

interface RegisteredModel {
  readonly owner: Address
  /** By version less one. */
  readonly versions: ModelVersion[]
  retiredFrom: number | undefined
}

export class Registries {
  readonly #workers = new Set<Address>()
  readonly #workerOfDevice = new Map<Hash, Address>()
  readonly #models = new Map<Hash, RegisteredModel>()
  readonly #groupKeys = new Map<number, Omit<InstalledKey, 'members'>>()
  /** Members by the number of their set: a quorum of members has signed each, or the timelock installed it. */
  readonly #memberSets = new Map<number, readonly Member[]>()
  /** Key epoch → the second from which it counts. */
  readonly #switches = new Map<number, number>()

  /** @param timeSec of the log's block; of MembersInstalled alone, which does not say it */
  add(log: FollowedLog, timeSec = 0): void {
    switch (log.eventName) {
      case 'DeviceRegistered': {
        const worker = lower(log.args.worker)
        this.#workers.add(worker)
        this.#workerOfDevice.set(padded(log.args.device), worker)
        return
      }
      case 'ModelRegistered':
        this.#models.set(log.args.id, { owner: lower(log.args.owner), versions: [], retiredFrom: undefined })
        return
      case 'ModelVersionAdded': {
        const { id, version, royaltyBps, fromEpoch } = log.args
        const versions = this.#models.get(id)?.versions
        if (versions !== undefined) versions[version - 1] = { royaltyBps, fromEpoch: Number(fromEpoch) }
        return
      }
      case 'ModelRetired': {
        const model = this.#models.get(log.args.id)
        if (model !== undefined) model.retiredFrom = Number(log.args.fromEpoch)
        return
      }
      case 'GroupKeyRotated': {
        const { keyEpoch, memberSet, px, transcriptHash, participants, switchesAt } = log.args
        this.#switches.set(keyEpoch, switchesAt)
        this.#groupKeys.set(keyEpoch, {
          memberSet,
          px,
          transcriptHash,
          participants: slotsOf(participants),
        })
        return
      }
      case 'MembersProposed':
        this.addMembers(log.args.memberSet, membersOfList(log.args.members))
        return
      case 'MembersInstalled': {
        const { keyEpoch, memberSet, members } = log.args
        this.addMembers(memberSet, membersOfList(members))
        this.#switches.set(keyEpoch, timeSec)
        this.#groupKeys.set(keyEpoch, { memberSet, px: 0n, transcriptHash: EMPTY_ROOT, participants: [] })
        return
      }
      default:
    }
  }

  isWorker(address: Address): boolean {
    return this.#workers.has(address)
  }

  workerOfDevice(device: Hash): Address | undefined {
    return this.#workerOfDevice.get(device)
  }

  /**
   * Changes hold from the next epoch on, so the answer for an epoch is the same whenever one asks after its start: a
   * version of a later epoch does not exist yet.
   */
  modelAt(id: Hash, version: number, epoch: number): Model | undefined {
    const model = this.#models.get(id)
    const found = model?.versions[version - 1]
    if (model === undefined || found === undefined || found.fromEpoch > epoch) return undefined
    const active = model.retiredFrom === undefined || epoch < model.retiredFrom
    return { id, version, owner: model.owner, royaltyBps: found.royaltyBps, active }
  }

  /** For the set of the deployment, of which no event tells. */
  addMembers(memberSet: number, members: readonly Member[]): void {
    this.#memberSets.set(memberSet, members)
  }

  groupKeyOf(keyEpoch: number): InstalledKey | undefined {
    const key = this.#groupKeys.get(keyEpoch)
    const members = key === undefined ? undefined : this.#memberSets.get(key.memberSet)
    return key === undefined || members === undefined ? undefined : { ...key, members }
  }

  keyEpochAt(unixSec: number): number | undefined {
    // Ascending, and few: keys live for days.
    for (const [keyEpoch, fromSec] of [...this.#switches].reverse()) if (fromSec <= unixSec) return keyEpoch
    return undefined
  }
}

function lower(address: string): Address {
  return address.toLowerCase() as Address
}

function padded(address: string): Hash {
  return `0x${address.slice(2).toLowerCase().padStart(64, '0')}`
}
