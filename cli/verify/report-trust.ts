/** What a report is checked against: told on the command line, or read from the registry. */
import { join } from 'node:path'
import type { PublicClient } from 'viem'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { type InstalledKey, readInstalledKeys } from '../../chain/group-keys.ts'
import { readMembers, readRegistry } from '../../chain/membership-reader.ts'
import { readDeployment } from '../../config/deployment.ts'
import { Problems } from '../../config/load.ts'
import type { Address } from '../../protocol/bytes.ts'
import { feedIdOf } from '../../protocol/domain.ts'
import type { Member } from '../../protocol/membership.ts'
import type { ReportKey, VerifyReportOptions } from '../../sdk/verify-report.ts'
import { InputError } from '../input-error.ts'
import { chainOf, withEndpoint } from './endpoint.ts'

export interface ReportTrustOptions {
  readonly groupKey?: bigint
  readonly chainId?: number
  readonly registry?: Address
  readonly member?: readonly Address[]
  readonly feed?: string
  readonly rpc?: string
  readonly deployment?: string
  readonly devnet?: string
}

export interface ReportTrust {
  readonly options: VerifyReportOptions
  /** Where the key is from, for people. */
  readonly from: string
}

const DEFAULT_FEED = 'IO/USD'

/**
 * @param keyEpoch what the report says: members may differ from key to key
 * @throws {InputError} when it is not said what to check against
 */
export async function reportTrust(options: ReportTrustOptions, keyEpoch: unknown): Promise<ReportTrust> {
  const { groupKey, chainId, registry, rpc, devnet } = options
  const deploymentFile =
    options.deployment ?? (devnet === undefined ? undefined : join(devnet, 'deployment.json'))
  if (groupKey !== undefined) {
    if (deploymentFile !== undefined || rpc !== undefined)
      throw new InputError('give the group key, or where to read it, but not both')
    if (chainId === undefined || registry === undefined)
      throw new InputError('with --group-key, say of which network it is: give --chain-id and --registry')
    const members = options.member?.map(identity => ({ identity }))
    return {
      options: {
        groupKeyX: groupKey,
        domain: { chainId, registry },
        feedId: feedIdOf(options.feed ?? DEFAULT_FEED),
        ...(members === undefined ? {} : { members }),
      },
      from: 'the command line',
    }
  }
  const chain = chainOf(options)
  if (deploymentFile === undefined || chain === undefined)
    throw new InputError(
      'say what to trust: the key with --group-key, --chain-id and --registry; or where to read it with --rpc and --deployment, or --devnet',
    )
  const problems = new Problems(deploymentFile)
  const deployment = readDeployment(deploymentFile, '', problems)
  problems.throwIfAny()
  if (deployment === undefined) throw new InputError(`${deploymentFile} is no deployment file`)
  const domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
  let found: KeysAndMembers = { groupKeyX: [], members: undefined }
  await withEndpoint(chain, async rpcUrl => {
    found = await readTrust(createReader([rpcUrl]), deployment, keyEpoch)
  })
  const { groupKeyX, members } = found
  return {
    options: {
      groupKeyX,
      domain,
      feedId: options.feed === undefined ? deployment.feedId : feedIdOf(options.feed),
      ...(members === undefined ? {} : { members }),
    },
    from: `the registry ${domain.registry}`,
  }
}

export interface KeysAndMembers {
  readonly groupKeyX: readonly ReportKey[]
  /** Of the key epoch that was asked for. */
  readonly members: readonly Member[] | undefined
}

/** @param keyEpoch whose members are asked for */
export async function readTrust(
  reader: PublicClient,
  deployment: Deployment,
  keyEpoch: unknown,
): Promise<KeysAndMembers> {
  const registry = deployment.contracts.oracleRegistry
  const options = { registry, chainId: deployment.chainId, finality: 'latest' } as const
  const { newest, previous, switchAtSec } = await readRegistry(reader, options)
  // The newest key's time is known from the registry's state; of all others only the events tell when they began.
  if (newest.keyEpoch === keyEpoch && newest.groupKey !== undefined) {
    const key = { keyEpoch: newest.keyEpoch, x: newest.groupKey.px, fromMs: switchAtSec * 1_000 }
    return { groupKeyX: [key], members: newest.members }
  }
  const installed = await readInstalledKeys(reader, deployment)
  const groupKeyX = reportKeysOf(installed)
  if (previous?.keyEpoch === keyEpoch) return { groupKeyX, members: previous?.members }
  // Suspensions of that time are not known any more.
  const set = installed.find(key => key.keyEpoch === keyEpoch)?.memberSet
  return { groupKeyX, members: set === undefined ? undefined : await readMembers(reader, registry, set) }
}

/** Each key's time ends when the next one's begins. */
export function reportKeysOf(installed: readonly InstalledKey[]): readonly ReportKey[] {
  return installed.map(({ keyEpoch, px, switchesAtSec }) => {
    const next = installed.find(each => each.keyEpoch === keyEpoch + 1)
    const key = { keyEpoch, x: px, fromMs: switchesAtSec * 1_000 }
    return next === undefined ? key : { ...key, untilMs: next.switchesAtSec * 1_000 }
  })
}
