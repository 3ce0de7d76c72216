/** What every process of a measured network is told. All else (identities, addresses, the registry) follows from it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { GeneratedKey } from '../../oracle-node/keygen/dealer.ts'
import type { GroupKey, RegistryView } from '../../protocol/membership.ts'
import { quorumOf } from '../../protocol/quorum.ts'
import type { RoundTiming } from '../../protocol/round/timing.ts'
import { type Cast, castOf, registryView } from '../../test/support/network/cast.ts'
import { dealKey } from '../../test/support/network/dealt-keys.ts'

export interface Plan {
  readonly n: number
  readonly aggregators: number
  readonly timing: RoundTiming
  /** Where keys and guards are kept. */
  readonly directory: string
}

export const AGGREGATORS = 2

/** Deals a key to all members and writes one file a member. No real network makes a key in one process. */
export function dealKeys(plan: Plan): void {
  const slots = Array.from({ length: plan.n }, (_, slot) => slot)
  const { keys, groupKey } = dealKey(slots, quorumOf(plan.n).q)
  for (const slot of slots) writeFileSync(keyFile(plan, slot), serialize(keys[slot]))
  writeFileSync(groupKeyFile(plan), serialize(groupKey))
}

export function readKey(plan: Plan, slot: number): GeneratedKey {
  return deserialize(readFileSync(keyFile(plan, slot))) as GeneratedKey
}

export interface PaperNetwork {
  readonly cast: Cast
  /** What a registry would say for as long as the measurement takes. */
  readonly view: RegistryView
}

export function networkOf(plan: Plan): PaperNetwork {
  const cast = castOf(plan.n, plan.aggregators)
  const groupKey = deserialize(readFileSync(groupKeyFile(plan))) as GroupKey
  const newest = registryView(cast, { groupKey })
  return { cast, view: { newest, previous: undefined, switchAtSec: 0, pending: undefined } }
}

function keyFile(plan: Plan, slot: number): string {
  return join(plan.directory, `key-${slot}`)
}

function groupKeyFile(plan: Plan): string {
  return join(plan.directory, 'group-key')
}
