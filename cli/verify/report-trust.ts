/** What a report is checked against: told on the command line, or read from the registry. */
import { join } from 'node:path'
import { createReader } from '../../chain/clients.ts'
import { readPastKey } from '../../chain/group-keys.ts'
import { readRegistry } from '../../chain/membership-reader.ts'
import { readDeployment } from '../../config/deployment.ts'
import { Problems } from '../../config/load.ts'
import type { Address } from '../../protocol/bytes.ts'
import { feedIdOf } from '../../protocol/domain.ts'
import type { Member } from '../../protocol/membership.ts'
import type { VerifyReportOptions } from '../../sdk/verify-report.ts'
import { InputError } from '../input-error.ts'
import { withEndpoint } from './endpoint.ts'

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
  const chain = chainOf(rpc, devnet)
  if (deploymentFile === undefined || chain === undefined)
    throw new InputError(
      'say what to trust: the key with --group-key, --chain-id and --registry; or where to read it with --rpc and --deployment, or --devnet',
    )
  const problems = new Problems(deploymentFile)
  const deployment = readDeployment(deploymentFile, '', problems)
  problems.throwIfAny()
  if (deployment === undefined) throw new InputError(`${deploymentFile} is no deployment file`)
  const domain = { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
  const groupKeyX = new Map<number, bigint>()
  let members: readonly Member[] | undefined
  await withEndpoint(chain, async rpcUrl => {
    const reader = createReader([rpcUrl])
    const { newest, previous } = await readRegistry(reader, { ...domain, finality: 'latest' })
    for (const { keyEpoch: epoch, groupKey: key, members: list } of [newest, previous ?? newest]) {
      if (key !== undefined) groupKeyX.set(epoch, key.px)
      if (epoch === keyEpoch) members = list
    }
    if (typeof keyEpoch !== 'number' || groupKeyX.has(keyEpoch)) return
    const past = await readPastKey(reader, deployment, keyEpoch)
    if (past !== undefined) groupKeyX.set(keyEpoch, past.px)
    // Suspensions of that time are not known any more.
    members = past?.members
  })
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

function chainOf(rpc: string | undefined, devnet: string | undefined) {
  if (rpc !== undefined) return { rpc }
  return devnet === undefined ? undefined : { saved: devnet }
}
