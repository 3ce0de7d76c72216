/** What the commands know in which members agree on something: the registry as a chain tells it now. */
import { join } from 'node:path'
import { oracleRegistryAbi } from '../../chain/abi/oracle-registry.ts'
import { createReader } from '../../chain/clients.ts'
import type { Deployment } from '../../chain/deployment.ts'
import { RegistryUnreadableError, readRegistry, WrongChainError } from '../../chain/membership-reader.ts'
import { readDeployment } from '../../config/deployment.ts'
import { Problems } from '../../config/load.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/domain.ts'
import type { RegistryView } from '../../protocol/membership.ts'
import { InputError } from '../input-error.ts'
import { chainOf, withEndpoint } from '../verify/endpoint.ts'

export interface RegistryOptions {
  readonly rpc?: string
  readonly deployment?: string
  readonly devnet?: string
}

export interface RegistryFacts {
  readonly domain: Domain
  readonly view: RegistryView
  readonly handoverSec: number
  /** Of the newest block: what counts is judged by block time. Unix seconds. */
  readonly nowSec: number
  readonly rpcUrl: string
}

export interface NetworkFacts extends RegistryFacts {
  readonly deployment: Deployment
}

/**
 * Reads the registry at the newest block, and keeps the endpoint as long as `use` needs it.
 *
 * @throws {InputError} when it is not said which network {ConfigError} {WrongChainError} {RegistryUnreadableError}
 */
export async function withRegistry(
  options: RegistryOptions,
  use: (facts: NetworkFacts) => Promise<void>,
): Promise<void> {
  const { devnet } = options
  const file = options.deployment ?? (devnet === undefined ? undefined : join(devnet, 'deployment.json'))
  const chain = chainOf(options)
  if (file === undefined || chain === undefined)
    throw new InputError(
      'say which network: give --rpc and --deployment, or the directory of a local one with --devnet',
    )
  const problems = new Problems(file)
  const deployment = readDeployment(file, '', problems)
  problems.throwIfAny()
  if (deployment === undefined) throw new InputError(`${file} is no deployment file`)
  const { chainId, contracts } = deployment
  const domain = { chainId, registry: contracts.oracleRegistry.toLowerCase() as Address }
  await withEndpoint(chain, async rpcUrl => use({ deployment, ...(await readFacts(rpcUrl, domain)) }))
}

async function readFacts(rpcUrl: string, domain: Domain): Promise<RegistryFacts> {
  const registry = domain.registry as Address
  const reader = createReader([rpcUrl])
  const unreadable = (cause: unknown): never => {
    throw new RegistryUnreadableError(registry, cause)
  }
  const found = await reader.getChainId().catch(unreadable)
  if (found !== domain.chainId) throw new WrongChainError(found, domain.chainId)
  const [view, state, block] = await Promise.all([
    readRegistry(reader, { registry, chainId: domain.chainId, finality: 'latest' }),
    reader.readContract({ address: registry, abi: oracleRegistryAbi, functionName: 'state' }),
    reader.getBlock(),
  ]).catch(unreadable)
  return { domain, view, handoverSec: state.handoverSec, nowSec: Number(block.timestamp), rpcUrl }
}
