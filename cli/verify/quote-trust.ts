/** What a quote is checked against: the network's plan, and who its members are. */
import { join } from 'node:path'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { readDeployment } from '../../config/deployment.ts'
import { Problems } from '../../config/load.ts'
import { readNetwork } from '../../config/network.ts'
import { toSourcePlan } from '../../config/sources.ts'
import type { Address, Hash } from '../../protocol/bytes.ts'
import { type Domain, feedIdOf } from '../../protocol/domain.ts'
import type { SourcePlan } from '../../protocol/sources/types.ts'
import type { ReportKey } from '../../sdk/verify-report.ts'
import { InputError } from '../input-error.ts'
import { chainOf, withEndpoint } from './endpoint.ts'
import { readTrust } from './report-trust.ts'

export interface QuoteTrustOptions {
  readonly network?: string
  readonly deployment?: string
  readonly chainId?: number
  readonly registry?: Address
  readonly member?: readonly Address[]
  readonly rpc?: string
  readonly devnet?: string
}

/** Who may have signed. Without a slot: in whichever slot. */
export interface QuoteMember {
  readonly identity: Address
  readonly slot?: number
}

/** Of one key epoch. */
export interface EpochMembers {
  readonly members: readonly QuoteMember[]
  /** Rounds that begin in it are theirs. Undefined where members were named: of whichever time. */
  readonly time?: Pick<ReportKey, 'fromMs' | 'untilMs'> | undefined
}

export interface QuoteTrust {
  readonly domain: Domain
  readonly feedId: Hash
  readonly plan: SourcePlan
  readonly roundMs: number
  /** The network file and where members are from, for people. */
  readonly from: string
  /** Members of a key epoch and its time; undefined when the registry knows no such. */
  membersOf(keyEpoch: number): Promise<EpochMembers | undefined>
}

/** @throws {InputError} when it is not said what to check against, or a file is wrong */
export function quoteTrust(options: QuoteTrustOptions): QuoteTrust {
  refuseContradictions(options)
  const within = (name: string) => (options.devnet === undefined ? undefined : join(options.devnet, name))
  const file = options.network ?? within('devnet.json')
  if (file === undefined)
    throw new InputError('say by which plan the quote was made: give the network file with --network')
  const deploymentFile = options.deployment ?? within('deployment.json')
  const members = membersFrom(options, deploymentFile)
  const network = read(file, 'network', readNetwork)
  const deployment =
    deploymentFile === undefined ? undefined : read(deploymentFile, 'deployment', readDeployment)
  return {
    domain: domainOf(options, deployment),
    feedId: feedIdOf(network.feed),
    plan: toSourcePlan(network.sources),
    roundMs: network.roundMs,
    from: `the plan of ${file} and ${members.from}`,
    membersOf: keyEpoch => members.of(keyEpoch, deployment),
  }
}

/** What would be overruled silently by something else that was said. */
function refuseContradictions(options: QuoteTrustOptions): void {
  const { deployment, devnet, chainId, registry, member, rpc } = options
  if ((chainId ?? registry) !== undefined && (deployment ?? devnet) !== undefined)
    throw new InputError('give --deployment or --devnet, or --chain-id and --registry, but not both')
  if (member !== undefined && rpc !== undefined)
    throw new InputError(
      'give the signer with --member, or where to read the members with --rpc, but not both',
    )
}

interface Members {
  readonly from: string
  of(keyEpoch: number, deployment: Deployment | undefined): Promise<EpochMembers | undefined>
}

function membersFrom(
  { member, rpc, devnet }: QuoteTrustOptions,
  deploymentFile: string | undefined,
): Members {
  if (member !== undefined)
    return {
      from: 'the members given',
      of: async () => ({ members: member.map(identity => ({ identity })) }),
    }
  const chain = chainOf({ rpc, devnet })
  if (chain === undefined || deploymentFile === undefined)
    throw new InputError(
      'say whose quote it must be: an identity with --member; or where to read the members with --rpc and --deployment, or --devnet',
    )
  return {
    from: 'the members of the registry',
    of: async (keyEpoch, deployment) => {
      if (deployment === undefined) return undefined
      let found: EpochMembers | undefined
      await withEndpoint(chain, async rpcUrl => {
        const { groupKeyX, members } = await readTrust(createReader([rpcUrl]), deployment, keyEpoch)
        const time = groupKeyX.find(key => key.keyEpoch === keyEpoch)
        found = members === undefined || time === undefined ? undefined : { members, time }
      })
      return found
    },
  }
}

function domainOf({ chainId, registry }: QuoteTrustOptions, deployment: Deployment | undefined): Domain {
  if (deployment !== undefined)
    return { chainId: deployment.chainId, registry: deployment.contracts.oracleRegistry }
  if (chainId === undefined || registry === undefined)
    throw new InputError('say of which network it is: give --deployment, or --chain-id and --registry')
  return { chainId, registry }
}

function read<T>(
  file: string,
  what: string,
  reader: (file: string, prefix: string, problems: Problems) => T | undefined,
): T {
  const problems = new Problems(file)
  const value = reader(file, '', problems)
  problems.throwIfAny()
  if (value === undefined) throw new InputError(`${file} is no ${what} file`)
  return value
}
